// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, renderHook, waitFor } from "@testing-library/react";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ReactNode } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { addNews, noNews, type News } from "./news";
import type { Point } from "./series";
import { delta } from "./testing";
import { useCurves } from "./useCurves";

const GOLDEN = join(import.meta.dirname, "../../../../../tests/golden/series");

afterEach(cleanup);

/** Curves of the score that the golden answer, which is of 42 events, has for experiment 11. */
function open(name: "whole" | "buckets", news: News) {
  const fetched = vi
    .spyOn(globalThis, "fetch")
    .mockImplementation(async () => new Response(new Uint8Array(readFileSync(join(GOLDEN, `${name}.bin`)))));
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const wrapper = ({ children }: { children: ReactNode }) => (
    <QueryClientProvider client={client}>{children}</QueryClientProvider>
  );
  const request = { experiments: [11], key: "val/größe", buckets: null };
  const { result, rerender } = renderHook(
    (current: News) => useCurves({ endpoint: "http://h", runId: "r", at: null, news: current }, request),
    { wrapper, initialProps: news },
  );
  const values = () => [...(result.current.curves?.["11"]?.["val/größe"]?.values ?? [])];
  return { fetched, rerender, values };
}

const told = (news: News, offset: number, ...points: Point[]) => addNews(news, delta({ offset, points }));

it("continues an answer with what came behind it, wherever it fell between two deltas", async () => {
  const before = told(noNews(30), 41, [11, "val/größe", 9, 100]);
  const around = told(before, 44, [11, "val/größe", 9, 6], [11, "val/größe", 10, 7], [11, "another", 0, 1]);
  const { fetched, rerender, values } = open("whole", around);
  await waitFor(() => expect(values()).toEqual([1, -4, 2, 3, 8, NaN, 6, 5, 4, 6, 7]));
  rerender(told(around, 50, [11, "val/größe", 11, 8], [0, "val/größe", 0, 1]));
  expect(values().slice(-2)).toEqual([7, 8]);
  expect(fetched).toHaveBeenCalledTimes(1);
});

it("fetches again what is older than all that is known since", async () => {
  const { fetched, rerender, values } = open("whole", noNews(42));
  await waitFor(() => expect(values()).toHaveLength(10));
  rerender(noNews(60));
  await waitFor(() => expect(fetched.mock.calls.length).toBeGreaterThan(1));
});

it("fetches again where epochs come again that are in buckets already", async () => {
  const { fetched, rerender, values } = open("buckets", noNews(42));
  await waitFor(() => expect(values()).toHaveLength(4));
  rerender(told(noNews(42), 43, [11, "val/größe", 3, 0]));
  await waitFor(() => expect(fetched.mock.calls.length).toBeGreaterThan(1), { timeout: 5_000 });
});
