/** How far experiments and runs are. Pure. */

import type { ExperimentRow } from "@/types/generated";
import type { ShownStatus } from "./status";

/** Share of an experiment's epochs that are done, 0 to 1. */
export function epochShare(row: ExperimentRow): number {
  if (row.status === "finished") return 1;
  return row.num_epochs ? Math.min(1, row.epochs_done / row.num_epochs) : 0;
}

/** Share of the batches of what an experiment does now; null where it does nothing. */
export function batchShare(row: ExperimentRow): number | null {
  if (row.status !== "running" || row.current_batch === null || !row.num_batches) return null;
  return Math.min(1, (row.current_batch + 1) / row.num_batches);
}

/** Share of a run's work that is behind it, 0 to 1; what ended early needs no more work. */
export function runShare(rows: readonly ExperimentRow[], numExperiments: number): number {
  const total = Math.max(rows.length, numExperiments);
  if (total === 0) return 0;
  const done = rows.reduce((sum, row) => {
    if (row.status === "failed" || row.status === "stopped") return sum + 1;
    const within = row.phase === "train" && row.num_epochs ? (batchShare(row) ?? 0) / row.num_epochs : 0;
    return sum + Math.min(1, epochShare(row) + within);
  }, 0);
  return done / total;
}

/** Seconds that a run still needs if it goes on as it did; null while that would be a guess. */
export function remainingSeconds(share: number, startedAt: number | null, now: number): number | null {
  if (startedAt === null || share < 0.05 || share >= 1) return null;
  return ((now - startedAt) / share) * (1 - share);
}

/** How many experiments are in each shown state. */
export function countStatuses(statuses: Iterable<ShownStatus>): Partial<Record<ShownStatus, number>> {
  const counts: Partial<Record<ShownStatus, number>> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
