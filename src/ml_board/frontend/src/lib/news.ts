/** The points that came over the socket since a moment: what curves that were fetched before are continued with. Pure. */

import type { RunDelta } from "@/types/generated";
import type { Point } from "./series";

/** All points of the events from `from` on, in the order in which they came. */
export interface News {
  from: number;
  chunks: readonly Chunk[];
}

/** Points of events before `offset`. */
export interface Chunk {
  offset: number;
  points: readonly Point[];
}

/** More than this is forgotten: curves that are older are fetched again, which is no more work than to continue them. */
const MOST_CHUNKS = 2_000;

export function noNews(offset: number): News {
  return { from: offset, chunks: [] };
}

export function addNews(news: News, { offset, points }: RunDelta): News {
  if (points.length === 0) return news;
  if (news.chunks.length < MOST_CHUNKS) return { ...news, chunks: [...news.chunks, { offset, points }] };
  const kept = news.chunks.slice(MOST_CHUNKS / 2);
  return { from: news.chunks[MOST_CHUNKS / 2 - 1]!.offset, chunks: [...kept, { offset, points }] };
}
