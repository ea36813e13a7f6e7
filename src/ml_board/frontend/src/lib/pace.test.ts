import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { pace } from "./pace";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("acts at once, then rests, and never leaves out the last news", () => {
  const done: number[] = [];
  const paced = pace<number>(
    (news) => done.push(news),
    () => 100,
  );
  for (let i = 0; i < 10; i += 1) {
    paced(i);
    vi.advanceTimersByTime(29);
  }
  expect(done).toEqual([0, 3, 6]);
  vi.advanceTimersByTime(100);
  expect(done).toEqual([0, 3, 6, 9]);
});

it("rests as long as the last action asks for", () => {
  const done: number[] = [];
  const paced = pace<number>(
    (news) => done.push(news),
    (news) => news,
  );
  paced(1000);
  paced(1);
  vi.advanceTimersByTime(999);
  expect(done).toEqual([1000]);
  vi.advanceTimersByTime(1);
  expect(done).toEqual([1000, 1]);
});

it("does nothing more once it is cancelled", () => {
  const action = vi.fn();
  const paced = pace<number>(action, () => 100);
  paced(1);
  paced(2);
  paced.cancel();
  vi.advanceTimersByTime(1000);
  expect(action).toHaveBeenCalledTimes(1);
});
