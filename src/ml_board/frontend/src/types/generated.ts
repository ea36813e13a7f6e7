// The board's own interface, as Python's msgspec structs declare it.

export interface ScoreAt {
  value: number | null;
  epoch: number;
}

export interface Resource {
  name: string;
  size_bytes: number;
  sha256: string;
}

export interface CheckpointState {
  epoch: number;
  step: number;
  kept_as: string[];
  weights_sha256: string;
  resources: Resource[];
  saved_at: number | null;
}

export interface Series {
  epochs: number[];
  values: (number | null)[];
}

export interface ExperimentRow {
  experiment_id: number;
  status: "pending" | "running" | "finished" | "failed" | "stopped";
  num_epochs: number | null;
  epochs_done: number;
  phase: "train" | "evaluation" | null;
  current_epoch: number | null;
  current_split: string | null;
  current_batch: number | null;
  num_batches: number | null;
  device: string | null;
  started_at: number | null;
  finished_at: number | null;
  attempt: number;
  error: string | null;
  best: Record<string, ScoreAt>;
  last: Record<string, ScoreAt>;
}

export interface ExperimentState extends ExperimentRow {
  config: Record<string, unknown>;
  stacktrace: string | null;
  host: string | null;
  pid: number | null;
  threads: number | null;
  versions: Record<string, string>;
  job_id: string | null;
  checkpoints: CheckpointState[];
  series: Record<string, Series>;
}

export interface RunSummary {
  run_id: string;
  status: "pending" | "running" | "finished" | "failed" | "stopped" | "lost";
  num_experiments: number;
  counts: Record<string, number>;
  started_at: number | null;
  ended_at: number | null;
  last_event_at: number | null;
  num_events: number;
  description: string | null;
  config_hash: string | null;
  entry_command: string[];
}

export interface RunSnapshot {
  offset: number;
  liveness: "alive" | "lost" | "unknown";
  run: RunSummary;
  experiments: ExperimentRow[];
  parameters: Record<string, Record<string, unknown>>;
  series: Record<string, Record<string, Series>>;
}

export interface RunDelta {
  run_id: string;
  from_offset: number;
  offset: number;
  liveness: "alive" | "lost" | "unknown";
  run: RunSummary;
  experiments: ExperimentRow[];
  points: [number, string, number, number | null][];
}
