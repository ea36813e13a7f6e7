/** Small made-up states for the unit tests. */

import type { ExperimentRow, RunDelta, RunSnapshot, RunSummary } from "@/types/generated";
import { fullCurve, type Curve } from "./series";

export const run: RunSummary = {
  run_id: "2026-11-21--10-00-00",
  status: "running",
  num_experiments: 2,
  counts: { running: 2 },
  started_at: 1000,
  ended_at: null,
  last_event_at: 1010,
  num_events: 10,
  description: null,
  config_hash: "ab",
  entry_command: ["mlgym", "run", "gs_config.yml"],
  system: null,
  num_log_lines: 0,
  num_dropped: 0,
  num_divergences: 0,
};

export function row(id: number, changes: Partial<ExperimentRow> = {}): ExperimentRow {
  return {
    experiment_id: id,
    status: "running",
    num_epochs: 5,
    epochs_done: 0,
    phase: null,
    current_epoch: null,
    current_split: null,
    current_batch: null,
    num_batches: null,
    device: "cpu",
    started_at: 1000,
    finished_at: null,
    attempt: 1,
    error: null,
    best: {},
    last: {},
    num_log_lines: 0,
    ...changes,
  };
}

export function snapshot(changes: Partial<RunSnapshot> = {}): RunSnapshot {
  return {
    offset: 10,
    liveness: "alive",
    run,
    experiments: [row(0), row(1)],
    parameters: { "0": { "optimizer.lr": 0.1 }, "1": { "optimizer.lr": 0.01 } },
    ...changes,
  };
}

export function delta(changes: Partial<RunDelta> = {}): RunDelta {
  return {
    run_id: run.run_id,
    from_offset: 10,
    offset: 12,
    liveness: "alive",
    run,
    experiments: [],
    points: [],
    ...changes,
  };
}

/** All points of a score; null for what is not finite. */
export function curve(epochs: readonly number[], values: readonly (number | null)[]): Curve {
  return fullCurve(
    Int32Array.from(epochs),
    Float32Array.from(values, (value) => value ?? NaN),
  );
}
