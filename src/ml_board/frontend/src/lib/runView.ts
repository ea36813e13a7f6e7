/** A run as its page shows it: what the snapshot says, overlaid with what is known of its processes. Pure. */

import type { RunSnapshot } from "@/types/generated";
import { parseFilter, type Candidate } from "./filter";
import { overlaySnapshot } from "./overlay";
import { shownExperimentStatus, shownRunStatus, type ShownStatus } from "./status";

export interface RunView {
  snapshot: RunSnapshot;
  status: ShownStatus;
  candidates: Candidate[];
}

const NO_PARAMETERS: Record<string, unknown> = {};

export function viewRun(told: RunSnapshot): RunView {
  const snapshot = overlaySnapshot(told);
  const status = shownRunStatus(snapshot.run, snapshot.liveness);
  const candidates = snapshot.experiments.map((row) => ({
    row,
    status: shownExperimentStatus(row, status),
    parameters: snapshot.parameters[String(row.experiment_id)] ?? NO_PARAMETERS,
  }));
  return { snapshot, status, candidates };
}

export function choose(view: RunView, filter: string): Candidate[] {
  return filter.trim() ? view.candidates.filter(parseFilter(filter)) : view.candidates;
}
