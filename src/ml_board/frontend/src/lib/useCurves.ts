/** Curves as React state: fetched once where they are shown, then continued with what comes over the socket. */

import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { fetchSeries, type SeriesRequest } from "./api";
import type { News } from "./news";
import { addPoints, type Curves, type SeriesAnswer } from "./series";

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
    refetchInterval: ({ state }) =>
      state.data && isBehind(state.data) ? CATCH_UP_MS : state.status === "error" ? RETRY_MS : false,
  });
  const continued = useContinued(data, news, request);
  const curves = isNone ? NO_CURVES : continued;
  return { curves, error: curves ? null : error };
}

/** The answer's curves with all points that came after it, those of before kept from one call to the next. */
function useContinued(
  answer: SeriesAnswer | undefined,
  news: News,
  { experiments, key }: Omit<SeriesRequest, "at">,
): Curves | undefined {
  const kept = useRef<{ answer: SeriesAnswer; offset: number; curves: Curves } | null>(null);
  if (!answer) return undefined;
  const before = kept.current?.answer === answer ? kept.current : { answer, ...answer };
  const later = news.chunks.filter(({ offset }) => offset > before.offset);
  const isWanted = (id: number, name: string) =>
    (key === null || name === key) && (experiments === null || experiments.includes(id));
  const points = later.flatMap((chunk) => chunk.points);
  kept.current = {
    answer,
    offset: later.at(-1)?.offset ?? before.offset,
    curves: addPoints(before.curves, points, isWanted),
  };
  return kept.current.curves;
}
