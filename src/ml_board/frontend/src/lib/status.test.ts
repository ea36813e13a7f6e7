import { describe, expect, it } from "vitest";
import { shownExperimentStatus, shownRunStatus } from "./status";
import { row, run } from "./testing";

describe("shownRunStatus", () => {
  it("never shows a run as running when its processes are gone", () => {
    expect(shownRunStatus({ ...run, status: "running" }, "lost")).toBe("lost");
    expect(shownRunStatus({ ...run, status: "pending" }, "lost")).toBe("lost");
  });
  it("does not claim what it cannot know", () => {
    expect(shownRunStatus({ ...run, status: "running" }, "unknown")).toBe("unconfirmed");
  });
  it("leaves a run that is over as it ended", () => {
    for (const status of ["finished", "failed", "stopped"] as const) {
      expect(shownRunStatus({ ...run, status }, "lost")).toBe(status);
    }
  });
  it("shows a living run as it says", () => {
    expect(shownRunStatus({ ...run, status: "running" }, "alive")).toBe("running");
  });
});

describe("shownExperimentStatus", () => {
  it("shows what ran in a lost run as lost, and what is over as it ended", () => {
    expect(shownExperimentStatus(row(0), "lost")).toBe("lost");
    expect(shownExperimentStatus(row(0, { status: "finished" }), "lost")).toBe("finished");
    expect(shownExperimentStatus(row(0, { status: "pending" }), "lost")).toBe("pending");
  });
  it("shows what runs in a living run as running", () => {
    expect(shownExperimentStatus(row(0), "running")).toBe("running");
  });
  it("does not show an experiment as running when its run has ended", () => {
    expect(shownExperimentStatus(row(0), "stopped")).toBe("lost");
  });
});
