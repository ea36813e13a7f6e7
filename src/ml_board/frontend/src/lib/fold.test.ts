import { describe, expect, it } from "vitest";
import { applyDelta } from "./fold";
import { delta, row, snapshot } from "./testing";

describe("applyDelta", () => {
  it("replaces touched rows and leaves the others as they are", () => {
    const before = snapshot();
    const after = applyDelta(before, delta({ experiments: [row(1, { epochs_done: 3 })] }))!;
    expect(after.experiments.map((r) => r.epochs_done)).toEqual([0, 3]);
    expect(after.experiments[0]).toBe(before.experiments[0]);
  });

  it("takes over run, liveness and offset", () => {
    const before = snapshot();
    const after = applyDelta(before, delta({ liveness: "lost", run: { ...before.run, num_events: 12 } }))!;
    expect([after.offset, after.liveness, after.run.num_events]).toEqual([12, "lost", 12]);
  });

  it("appends points without changing the snapshot before", () => {
    const before = snapshot({ series: { "0": { "val/f1": { epochs: [0], values: [0.5] } } } });
    const after = applyDelta(
      before,
      delta({
        points: [
          [0, "val/f1", 1, 0.7],
          [0, "val/f1", 2, null],
          [1, "val/f1", 0, 0.4],
        ],
      }),
    )!;
    expect(after.series).toEqual({
      "0": { "val/f1": { epochs: [0, 1, 2], values: [0.5, 0.7, null] } },
      "1": { "val/f1": { epochs: [0], values: [0.4] } },
    });
    expect(before.series["0"]!["val/f1"]!.epochs).toEqual([0]);
  });

  it("keeps the identity of series without news", () => {
    const before = snapshot({ series: { "0": { a: { epochs: [0], values: [1] }, b: { epochs: [0], values: [1] } } } });
    const after = applyDelta(before, delta({ points: [[0, "a", 1, 2]] }))!;
    expect(after.series["0"]!["b"]).toBe(before.series["0"]!["b"]);
    expect(after.series["0"]!["a"]).not.toBe(before.series["0"]!["a"]);
  });

  it("lets the value of a repeated epoch stand and keeps epochs in order", () => {
    const before = snapshot({ series: { "0": { a: { epochs: [0, 1, 3], values: [1, 2, 3] } } } });
    const after = applyDelta(
      before,
      delta({
        points: [
          [0, "a", 1, 9],
          [0, "a", 2, 8],
        ],
      }),
    )!;
    expect(after.series["0"]!["a"]).toEqual({ epochs: [0, 1, 2, 3], values: [1, 9, 8, 3] });
  });

  it("asks for a new snapshot where events are missing in between", () => {
    expect(applyDelta(snapshot(), delta({ from_offset: 11, offset: 13 }))).toBeNull();
  });

  it("asks for a new snapshot when an experiment is new, since its parameters come with a snapshot alone", () => {
    expect(applyDelta(snapshot(), delta({ experiments: [row(2)] }))).toBeNull();
  });

  it("ignores what it knows already and what belongs to another run", () => {
    const before = snapshot();
    expect(applyDelta(before, delta({ from_offset: 4, offset: 8 }))).toBe(before);
    expect(applyDelta(before, delta({ run_id: "another" }))).toBe(before);
  });

  it("applies a change of liveness that comes without an event", () => {
    const after = applyDelta(snapshot(), delta({ offset: 10, liveness: "lost" }))!;
    expect([after.offset, after.liveness]).toEqual([10, "lost"]);
  });
});
