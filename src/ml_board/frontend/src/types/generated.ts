// Made by tools/generate_types.py from Python's structs; do not edit.

/** What all facts have in common: the run they speak of. `event_type` is the struct's tag. */
export interface Payload {
  grid_search_id: string;
}

/** One GPU of the machine: its use in percent, its memory in bytes, what it draws in watts. */
export interface GpuUse {
  index: number;
  name: string;
  percent: number | null;
  memory_used_bytes: number | null;
  memory_total_bytes: number | null;
  power_watts: number | null;
}

/** The disk of the event storage, and what the machine read and wrote a second since the last sample. */
export interface DiskUse {
  used_bytes: number;
  total_bytes: number;
  read_bytes_per_s: number | null;
  written_bytes_per_s: number | null;
}

/** What the machine sent and received a second since the last sample. */
export interface NetworkUse {
  sent_bytes_per_s: number;
  received_bytes_per_s: number;
}

/** A sample of the machine a run is on: `rss_bytes` is the memory of the run's own processes together. */
export interface SystemMetrics extends Payload {
  host: string;
  cpu_percent: number;
  rss_bytes: number;
  memory_used_bytes: number;
  memory_total_bytes: number;
  gpus: GpuUse[];
  disk: DiskUse | null;
  network: NetworkUse | null;
}

/** One run in a list. `counts` maps each status to the number of experiments that have it.

    `system` is the latest sample of its machine. `num_dropped` events of full spools and lines beyond the rate were let
    go, and `num_divergences` times a repeated attempt gave other content than the one before. */
export interface RunSummary {
  run_id: string;
  status: "failed" | "finished" | "lost" | "pending" | "running" | "stopped";
  num_experiments: number;
  counts: Partial<Record<"failed" | "finished" | "pending" | "running" | "stopped", number>>;
  started_at: number | null;
  ended_at: number | null;
  last_event_at: number | null;
  num_events: number;
  description: string | null;
  config_hash: string;
  entry_command: string[];
  system: SystemMetrics | null;
  num_log_lines: number;
  num_dropped: number;
  num_divergences: number;
}

/** A run in the list of runs. */
export interface ListedRun extends RunSummary {
  liveness: "alive" | "lost" | "unknown";
}

/** A score and the epoch that it is of. */
export interface ScoreAt {
  value: number | null;
  epoch: number;
}

/** One experiment in a table. Times are seconds since the epoch; scores are named `<split>/<metric or loss>`. */
export interface ExperimentRow {
  experiment_id: number;
  status: "failed" | "finished" | "pending" | "running" | "stopped";
  num_epochs: number | null;
  epochs_done: number;
  phase: "evaluation" | "train" | null;
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
  num_log_lines: number;
}

/** A run whole, after `offset` events. `parameters` has what differs between experiments, by dotted path.

    All but `liveness` is what the events say: whether the run lives is laid over it where it is shown. */
export interface RunSnapshot {
  offset: number;
  liveness: "alive" | "lost" | "unknown";
  run: RunSummary;
  experiments: ExperimentRow[];
  parameters: Record<string, Record<string, unknown>>;
}

/** What the events from `from_offset` up to `offset` changed: rows replace rows, and a point one of its epoch. */
export interface RunDelta {
  run_id: string;
  from_offset: number;
  offset: number;
  liveness: "alive" | "lost" | "unknown";
  run: RunSummary;
  experiments: ExperimentRow[];
  points: [number, string, number, number | null][];
}

/** One file of a checkpoint. */
export interface Resource {
  name: string;
  size_bytes: number;
  sha256: string;
}

/** A checkpoint whose files are there; `saved_at` in seconds since the epoch.

    `batch` counts those done of the epoch, and is None at its end. */
export interface CheckpointState {
  epoch: number;
  step: number;
  batch: number | null;
  kept_as: string[];
  weights_sha256: string;
  resources: Resource[];
  saved_at: number;
}

/** A model by the name of its class; its numbers of parameters, where it has any that can be counted. */
export interface ModelDescription {
  class: string;
  num_parameters: number | null;
  num_trainable_parameters: number | null;
}

/** The samples of a split; `labels` counts them by class, where there are classes and no sample had to be read. */
export interface SplitDescription {
  num_samples: number;
  task: string | null;
  labels: Record<string, number> | null;
}

/** A slot of the configuration, the names of what stands in it, and the slots that these refer to. */
export interface PipelineNode {
  slot: string;
  use: string[];
  needs: string[];
}

/** What an experiment's share of its machine took in `seconds` of training, in joules. */
export interface Energy {
  cpu_joules: number;
  gpu_joules: number;
  seconds: number;
}

/** All that is known of one experiment. */
export interface ExperimentState extends ExperimentRow {
  config: Record<string, unknown>;
  stacktrace: string | null;
  host: string | null;
  pid: number | null;
  threads: number | null;
  versions: Record<string, string>;
  job_id: string | null;
  checkpoints: CheckpointState[];
  model: ModelDescription | null;
  data: Record<string, SplitDescription>;
  pipeline: PipelineNode[];
  energy: Energy;
}

/** An experiment on its own page after `offset` events, with what its trainer recorded of the machine. */
export interface ExperimentPage extends ExperimentState {
  offset: number;
  liveness: "alive" | "lost" | "unknown";
  system_info: Record<string, unknown> | null;
}

/** One series by rising epoch: `values` where it is whole, else `min`, `max` and `last` of each bucket.

    The epoch of a bucket is that of its last point; null stands for no value. */
export interface SeriesData {
  experiment_id: number;
  key: string;
  num_points: number;
  bucketed: boolean;
  epochs: number[];
  values?: (number | null)[] | null;
  min?: (number | null)[] | null;
  max?: (number | null)[] | null;
  last?: (number | null)[] | null;
}

/** Series as they are after `offset` events; `num_points` counts the points or buckets that are sent. */
export interface SeriesPage {
  offset: number;
  series: SeriesData[];
}

/** What was measured of a machine under one name, as `SeriesData`; `times` are seconds since the epoch. */
export interface SystemSeries {
  key: string;
  num_points: number;
  bucketed: boolean;
  times: number[];
  values?: (number | null)[] | null;
  min?: (number | null)[] | null;
  max?: (number | null)[] | null;
  last?: (number | null)[] | null;
}

/** Samples of a run's machine as they are after `offset` events. */
export interface SystemPage {
  offset: number;
  series: SystemSeries[];
}

/** Lines that were written at once; `at` is in seconds since the epoch, and no experiment is the run as a whole. */
export interface LogEntry {
  event_id: number;
  at: number;
  experiment_id: number | null;
  stream: "logging" | "stderr" | "stdout";
  level: string | null;
  lines: string[];
}

/** Log lines by rising event_id, after `offset` events; `more` of them lie in the direction that was asked for. */
export interface LogPage {
  offset: number;
  entries: LogEntry[];
  more: boolean;
}

/** The newest checkpoint: the digest of its weights, and why it is kept. */
export interface CardCheckpoint {
  epoch: number;
  step: number;
  sha256: string;
  kept_as: string[];
}

/** Which model it is; `model` and `model_info` as the configuration has them. */
export interface ModelDetails {
  grid_search_id: string;
  experiment_id: number;
  description: string | null;
  model: unknown;
  model_info: unknown;
  class_name: string | null;
  num_parameters: number | null;
  num_trainable_parameters: number | null;
  checkpoint: CardCheckpoint | null;
}

/** The slots of the configuration that make the data, and each split that came of them. */
export interface DatasetDetails {
  configuration: Record<string, unknown>;
  splits: Record<string, SplitDescription>;
}

/** The slots of the configuration that train, and how far they got. Times are seconds since the epoch. */
export interface TrainingDetails {
  configuration: Record<string, unknown>;
  seed: number | null;
  num_epochs: number | null;
  epochs_done: number;
  status: "failed" | "finished" | "pending" | "running" | "stopped";
  error: string | null;
  attempt: number;
  device: string | null;
  started_at: number | null;
  finished_at: number | null;
}

/** The best and the last value of one score. */
export interface CardScore {
  best: ScoreAt | null;
  last: ScoreAt | null;
}

/** The metrics as configured, and each split's scores by name. */
export interface EvalDetails {
  metrics: unknown;
  splits: Record<string, Record<string, CardScore>>;
}

/** An estimate of what training took, in kWh and grams of CO2 equivalents, and what it rests on. */
export interface CarbonFootprint {
  energy_kwh: number;
  cpu_kwh: number;
  gpu_kwh: number;
  emissions_g: number;
  measured_seconds: number;
  cpu_max_watts: number;
  cpu_source: string;
  carbon_intensity_g_per_kwh: number;
  carbon_source: string;
  method: string;
}

/** Machine, versions and packages; what training took of energy; the command that started the run. */
export interface ExperimentEnvironment {
  system_env: Record<string, unknown>;
  carbon_footprint: CarbonFootprint | null;
  entry_point_cmd: string | null;
}

/** Which slot needs which, the configuration, the digests of its files, and the state of the code. */
export interface PipelineDetails {
  graph: PipelineNode[];
  config: Record<string, unknown>;
  source: Record<string, string>;
  git: Record<string, unknown> | null;
}

/** All that is known of an experiment's model. */
export interface ModelCard {
  model_details: ModelDetails;
  dataset_details: DatasetDetails;
  training_details: TrainingDetails;
  eval_details: EvalDetails;
  experiment_environment: ExperimentEnvironment;
  pipeline_details: PipelineDetails;
}

/** The resolved configuration of one experiment. */
export interface ExperimentConfig extends Payload {
  experiment_id: number;
  job_id: number;
  config: Record<string, unknown>;
}

/** What an experiment is about to train, and on what; told once, before its first epoch. */
export interface ExperimentDescribed extends Payload {
  experiment_id: number;
  model: ModelDescription;
  data: Record<string, SplitDescription>;
  pipeline: PipelineNode[];
}

/** A job's life; a failed or stopped experiment is DONE with `error` set. Unknown times are -1. */
export interface JobStatus extends Payload {
  experiment_id: number;
  job_id: string;
  job_type: number;
  status: "DONE" | "INIT" | "RUNNING";
  starting_time: number;
  finishing_time: number;
  device: string;
  error: string | null;
  stacktrace: string | null;
}

/** Progress, about ten an epoch and split; epochs and batches count from 0. */
export interface ExperimentStatus extends Payload {
  experiment_id: number;
  status: "evaluation" | "train";
  num_epochs: number;
  current_epoch: number;
  splits: string[];
  current_split: string;
  num_batches: number;
  current_batch: number;
}

/** A score over a whole split; a line holds null and `not_finite` ("nan", "inf", "-inf") for no finite number. */
export interface MetricScore {
  metric: string;
  split: string;
  score: number | null;
  not_finite?: string | null;
}

/** A mean loss over a whole split; null and `not_finite` as in `MetricScore`. */
export interface LossScore {
  loss: string;
  split: string;
  score: number | null;
  not_finite?: string | null;
}

/** All scores of one split after epoch `epoch`. */
export interface EvaluationResult extends Payload {
  experiment_id: number;
  epoch: number;
  metric_scores: MetricScore[];
  loss_scores: LossScore[];
}

/** A run's first fact; `source` maps the names of its configuration files to their SHA-256. */
export interface RunStarted extends Payload {
  config_hash: string;
  source: Record<string, string>;
  entry_command: string[];
  num_experiments: number;
  git: Record<string, unknown> | null;
  environment: Record<string, unknown>;
  description: string | null;
}

/** A run's last fact; `counts` maps states of experiments to numbers of them. */
export interface RunEnded extends Payload {
  reason: "failed" | "finished" | "lost" | "stopped";
  counts: Record<string, number>;
}

/** A process took up an experiment; attempts count from 1. */
export interface AttemptStarted extends Payload {
  experiment_id: number;
  attempt: number;
  device: string;
  host: string;
  pid: number;
  resumed_from: Record<string, unknown> | null;
  threads: number;
  versions: Record<string, string>;
}

/** What the facts about a checkpoint say; `step` counts the optimizer's steps taken so far.

    `batch` counts those done of the epoch, and is None at its end. */
export interface Checkpoint extends Payload {
  experiment_id: number;
  epoch: number;
  step: number;
  batch: number | null;
  resources: Resource[];
  weights_sha256: string;
  kept_as: string[];
}

/** A checkpoint whose files are complete. */
export interface CheckpointSaved extends Checkpoint {
}

/** A checkpoint whose files are gone, or are about to go. */
export interface CheckpointDeleted extends Checkpoint {
}

/** Somebody asked the run, or one experiment of it, to do something. */
export interface ControlRequested extends Payload {
  experiment_id: number | null;
  action: string;
  by: string;
  request: string;
}

/** What became of a request. */
export interface ControlAnswered extends Payload {
  experiment_id: number | null;
  action: string;
  by: string;
  request: string;
  obeyed: boolean;
  why: string | null;
}

/** What a training process wrote. */
export interface LogLines extends Payload {
  experiment_id: number | null;
  stream: "logging" | "stderr" | "stdout";
  level: string | null;
  lines: string[];
}

/** How much progress a full spool let go, or how many lines a process wrote beyond the rate. */
export interface Dropped extends Payload {
  experiment_id: number | null;
  event_type: string;
  count: number;
}

/** A repeated attempt gave other content at `key`, such as `evaluation_result/3/val`, than the log has. */
export interface Divergence extends Payload {
  experiment_id: number;
  key: string;
  stored: Record<string, unknown>;
  repeated: Record<string, unknown>;
}

/** The last fact of a log before its run goes to the trash. */
export interface RunTrashed extends Payload {
  by: string;
}

export interface Payloads {
  experiment_config: ExperimentConfig;
  experiment_described: ExperimentDescribed;
  job_status: JobStatus;
  experiment_status: ExperimentStatus;
  evaluation_result: EvaluationResult;
  run_started: RunStarted;
  run_ended: RunEnded;
  attempt_started: AttemptStarted;
  checkpoint_saved: CheckpointSaved;
  checkpoint_deleted: CheckpointDeleted;
  control_requested: ControlRequested;
  control_answered: ControlAnswered;
  log: LogLines;
  dropped: Dropped;
  divergence: Divergence;
  system_metrics: SystemMetrics;
  run_trashed: RunTrashed;
}
