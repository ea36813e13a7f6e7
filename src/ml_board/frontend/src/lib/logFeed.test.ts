import type { LogEntry } from "@/types/generated";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLogFeed, type FetchPage } from "./logFeed";

/** A log whose n-th event is the line `n`, served as the route serves it. */
function serve(numEvents: number) {
  const log = { numEvents, isDown: false };
  const entry = (event_id: number): LogEntry => ({
    event_id,
    at: event_id,
    experiment_id: 0,
    stream: "stdout",
    level: null,
    lines: [String(event_id)],
  });
  const fetchPage = vi.fn<FetchPage>(async ({ since, before, limit }) => {
    if (log.isDown) throw new Error("nobody answers");
    const from = since ?? Math.max(0, (before ?? log.numEvents) - limit);
    const to = since === null ? (before ?? log.numEvents) : Math.min(log.numEvents, since + limit);
    const entries = Array.from({ length: Math.max(0, to - from) }, (_, i) => entry(from + i));
    return { offset: log.numEvents, entries, more: since === null ? from > 0 : to < log.numEvents };
  });
  return { log, fetchPage };
}

describe("a log that is followed", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const rest = () => vi.advanceTimersByTimeAsync(250);
  const shown = (feed: ReturnType<typeof createLogFeed>) => feed.store.getState().lines.map(({ text }) => Number(text));
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

  it("begins with its end, and reads on and back from there without a gap", async () => {
    const { log, fetchPage } = serve(1_200);
    const feed = createLogFeed(fetchPage);
    feed.open();
    feed.readOn();
    await rest();
    expect(shown(feed)).toEqual(numbers(700, 1_200));
    log.numEvents = 1_250;
    feed.readOn();
    feed.readBack();
    await rest();
    expect(shown(feed)).toEqual(numbers(200, 1_250));
    feed.readBack();
    await rest();
    expect([shown(feed), feed.store.getState().hasOlder]).toEqual([numbers(0, 1_250), false]);
  });

  it("reads the end anew where it is far behind", async () => {
    const { log, fetchPage } = serve(10);
    const feed = createLogFeed(fetchPage);
    feed.open();
    feed.readOn();
    await rest();
    log.numEvents = 100_000;
    feed.readOn();
    await rest();
    expect(shown(feed)).toEqual(numbers(99_500, 100_000));
    expect(fetchPage.mock.calls.length).toBeLessThan(10);
  });

  it("keeps so many lines and no more; the others can be read back", async () => {
    const { log, fetchPage } = serve(10);
    const feed = createLogFeed(fetchPage);
    feed.open();
    feed.readOn();
    await rest();
    for (let i = 0; i < 30; i += 1) {
      log.numEvents += 1_000;
      feed.readOn();
      await rest();
    }
    expect(shown(feed)).toEqual(numbers(10_010, 30_010));
    expect(feed.store.getState().hasOlder).toBe(true);
    feed.readBack();
    await rest();
    expect(shown(feed)[0]).toBe(9_510);
  });

  it("tells of a failure, keeps what it knows and tries again", async () => {
    const { log, fetchPage } = serve(3);
    const feed = createLogFeed(fetchPage);
    feed.open();
    feed.readOn();
    await rest();
    log.isDown = true;
    feed.readOn();
    await rest();
    expect([feed.store.getState().error?.message, shown(feed)]).toEqual(["nobody answers", [0, 1, 2]]);
    Object.assign(log, { isDown: false, numEvents: 5 });
    await vi.advanceTimersByTimeAsync(4_000);
    expect([feed.store.getState().error, shown(feed)]).toEqual([null, numbers(0, 5)]);
  });

  it("of a past moment ends there", async () => {
    const { fetchPage } = serve(100);
    const feed = createLogFeed(fetchPage, 40);
    feed.open();
    feed.readOn();
    await rest();
    expect(shown(feed)).toEqual(numbers(0, 40));
  });

  it("asks nothing once it is closed, and begins anew when it is opened again", async () => {
    const { fetchPage } = serve(3);
    const feed = createLogFeed(fetchPage);
    feed.open();
    feed.readOn();
    feed.close();
    await rest();
    expect(shown(feed)).toEqual([]);
    feed.open();
    feed.readOn();
    await rest();
    expect(shown(feed)).toEqual([0, 1, 2]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
