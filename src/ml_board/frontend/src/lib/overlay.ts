/**
 * What is known of a run's processes, laid over what its log says. Snapshots and rows are folds of the log alone, so
 * that a past moment looks as it did; whoever shows the present asks here. Pure.
 */

import type { ExperimentRow, RunSnapshot, RunSummary } from "@/types/generated";

type Liveness = RunSnapshot["liveness"];

export const PROCESS_LOST = "process lost";

/** An experiment; one that runs in a run whose processes are gone has failed. */
export function overlayRow<T extends ExperimentRow>(row: T, liveness: Liveness): T {
  if (liveness !== "lost" || row.status !== "running") return row;
  const idle = { phase: null, current_split: null, current_batch: null, num_batches: null };
  return { ...row, ...idle, status: "failed", error: PROCESS_LOST };
}

/** A run; one that is under way without any process is lost, and what ran in it has failed. */
export function overlaySummary<T extends RunSummary>(run: T, liveness: Liveness): T {
  if (liveness !== "lost") return run;
  const { running = 0, ...counts } = run.counts;
  if (running > 0) counts.failed = (counts.failed ?? 0) + running;
  const isOpen = run.status === "pending" || run.status === "running";
  return { ...run, counts, status: isOpen ? "lost" : run.status };
}

export function overlaySnapshot(snapshot: RunSnapshot): RunSnapshot {
  const { liveness } = snapshot;
  if (liveness !== "lost") return snapshot;
  return {
    ...snapshot,
    run: overlaySummary(snapshot.run, liveness),
    experiments: snapshot.experiments.map((row) => overlayRow(row, liveness)),
  };
}
