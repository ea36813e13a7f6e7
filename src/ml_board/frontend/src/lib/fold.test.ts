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
