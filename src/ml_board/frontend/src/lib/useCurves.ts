/** Curves as React state: fetched once where they are shown, then continued with what comes over the socket. */

import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { fetchSeries, type SeriesRequest } from "./api";
import type { News } from "./news";
import { addPoints, isBucketed, type Curves, type Point, type SeriesAnswer } from "./series";

/** Where curves come from, and what continues them. */
export interface CurveSource {
  endpoint: string;
  runId: string;
  /** The event after which everything is shown; null for the present. */
  at: number | null;
  news: News;
}

const NO_CURVES: Curves = {};
const RETRY_MS = 2_000;
const CATCH_UP_MS = 300;
const KEPT_MS = 30_000;

/** The curves that a request names; undefined while they are on their way for the first time. */
export function useCurves(
  { endpoint, runId, at, news }: CurveSource,
  request: Omit<SeriesRequest, "at">,
): { curves: Curves | undefined; error: Error | null } {
  const isNone = request.experiments?.length === 0;
  const identity = JSON.stringify([endpoint, runId, at, request.key ?? request.experiments]);
  const kept = useRef<Continued | null>(null);
  // Between an answer and what is known since lies a gap, after a lost connection for example: it is fetched again.
  const isBehind = (answer: SeriesAnswer) => at === null && answer.offset < news.from;
  const { data, error } = useQuery({
    queryKey: ["series", identity, request.experiments, request.buckets],
    queryFn: ({ signal }) => fetchSeries(endpoint, runId, { ...request, at }, signal),
    enabled: !isNone,
    staleTime: Infinity,
    gcTime: KEPT_MS,
    // Another resolution of the same curves, while the better one is on its way.
    placeholderData: (previous, query) => (query?.queryKey[1] === identity ? previous : undefined),
    refetchInterval: ({ state }) => {
      if (state.data && isBehind(state.data)) return CATCH_UP_MS;
      return state.status === "error" || kept.current?.isRepeated ? RETRY_MS : false;
    },
  });
  kept.current = data ? continueCurves(kept.current, data, news, request) : null;
  const curves = isNone ? NO_CURVES : kept.current?.curves;
  return { curves, error: curves ? null : error };
}

/** An answer's curves with all points that came after it, up to `offset`. */
interface Continued {
  answer: SeriesAnswer;
  offset: number;
  curves: Curves;
  /** Whether epochs came again, which a bucket that holds them already cannot take back. */
  isRepeated: boolean;
}

/** Goes on from the call before where that was for the same answer. */
function continueCurves(
  before: Continued | null,
  answer: SeriesAnswer,
  news: News,
  { experiments, key }: Omit<SeriesRequest, "at">,
): Continued {
  const begun = before?.answer === answer ? before : { answer, ...answer, isRepeated: false };
  const later = news.chunks.filter(({ offset }) => offset > begun.offset);
  if (later.length === 0) return begun;
  const isWanted = ([id, name]: Point) =>
    (key === null || name === key) && (experiments === null || experiments.includes(id));
  const points = later.flatMap((chunk) => chunk.points.filter(isWanted));
  return {
    answer,
    offset: later.at(-1)!.offset,
    curves: addPoints(begun.curves, points),
    isRepeated: begun.isRepeated || points.some((point) => isInsideBucket(answer.curves, point)),
  };
}

function isInsideBucket(curves: Curves, [id, key, epoch]: Point): boolean {
  const curve = curves[String(id)]?.[key];
  return curve !== undefined && isBucketed(curve) && epoch < curve.epochs.at(-1)!;
}
