import { describe, expect, it } from "vitest";
import { overlayRow, overlaySnapshot, overlaySummary } from "./overlay";
import { row, run, snapshot } from "./testing";

describe("what is laid over a run whose processes are gone", () => {
  it("shows what ran in it as failed, and says why", () => {
    const running = row(0, { phase: "train", current_split: "train", current_batch: 3, num_batches: 9 });
    expect(overlayRow(running, "lost")).toEqual(row(0, { status: "failed", error: "process lost" }));
    expect(overlayRow(row(0, { status: "pending" }), "lost").status).toBe("pending");
  });

  it("counts so, and shows the run as lost", () => {
    const lost = overlaySummary({ ...run, counts: { running: 2, failed: 1, pending: 4 } }, "lost");
    expect([lost.status, lost.counts]).toEqual(["lost", { failed: 3, pending: 4 }]);
    expect(overlaySummary({ ...run, status: "finished" }, "lost").status).toBe("finished");
  });

  it("is nothing where they live, or where nobody can tell", () => {
    expect(overlaySnapshot(snapshot())).toEqual(snapshot());
    expect(overlaySnapshot(snapshot({ liveness: "unknown" }))).toEqual(snapshot({ liveness: "unknown" }));
  });

  it("reaches a whole run", () => {
    const { run: shown, experiments } = overlaySnapshot(snapshot({ liveness: "lost" }));
    expect([shown.status, ...experiments.map(({ status }) => status)]).toEqual(["lost", "failed", "failed"]);
  });
});
