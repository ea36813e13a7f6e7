/**
 * The client's whole fold: a snapshot, and the deltas that follow it. Pure; what did not change keeps its identity,
 * so that rows know what to draw again. Points belong to curves, which are fetched where they are shown.
 */

import type { ExperimentRow, RunDelta, RunSnapshot } from "@/types/generated";

/** The next snapshot; null where the delta does not follow on this one, so that the run must be watched anew. */
export function applyDelta(snapshot: RunSnapshot, delta: RunDelta): RunSnapshot | null {
  if (delta.run_id !== snapshot.run.run_id || delta.offset < snapshot.offset) return snapshot;
  if (delta.from_offset !== snapshot.offset) return null;
  const known = new Set(snapshot.experiments.map((row) => row.experiment_id));
  // A snapshot alone carries parameters: what differs between experiments changes with each new one.
  if (delta.experiments.some((row) => !known.has(row.experiment_id))) return null;
  return {
    ...snapshot,
    offset: delta.offset,
    liveness: delta.liveness,
    run: delta.run,
    experiments: replaceRows(snapshot.experiments, delta.experiments),
  };
}

function replaceRows(rows: ExperimentRow[], touched: ExperimentRow[]): ExperimentRow[] {
  if (touched.length === 0) return rows;
  const byId = new Map(touched.map((row) => [row.experiment_id, row]));
  return rows.map((row) => byId.get(row.experiment_id) ?? row);
}
