import { describe, expect, it } from "vitest";
import { batchShare, countStatuses, epochShare, remainingSeconds, runShare } from "./progress";
import { row } from "./testing";

describe("shares", () => {
  it("count epochs", () => {
    expect(epochShare(row(0, { epochs_done: 2 }))).toBe(0.4);
    expect(epochShare(row(0, { epochs_done: 2, num_epochs: null }))).toBe(0);
    expect(epochShare(row(0, { epochs_done: 2, status: "finished" }))).toBe(1);
  });
  it("count batches from 0, while something runs", () => {
    expect(batchShare(row(0, { current_batch: 4, num_batches: 10 }))).toBe(0.5);
    expect(batchShare(row(0, { current_batch: 9, num_batches: 10, status: "finished" }))).toBeNull();
    expect(batchShare(row(0))).toBeNull();
  });
  it("of a run take the ended as done and the unborn as waiting", () => {
    const rows = [
      row(0, { status: "failed" }),
      row(1, { epochs_done: 2, phase: "train", current_batch: 4, num_batches: 10 }),
    ];
    expect(runShare(rows, 4)).toBeCloseTo((1 + 0.5) / 4);
    expect(runShare([], 0)).toBe(0);
  });
});

describe("remainingSeconds", () => {
  it("goes on as it did", () => expect(remainingSeconds(0.25, 100, 110)).toBe(30));
  it("does not guess", () => {
    expect(remainingSeconds(0.01, 100, 110)).toBeNull();
    expect(remainingSeconds(1, 100, 110)).toBeNull();
    expect(remainingSeconds(0.5, null, 110)).toBeNull();
  });
});

it("counts states", () => {
  expect(countStatuses(["running", "lost", "running"])).toEqual({ running: 2, lost: 1 });
});
