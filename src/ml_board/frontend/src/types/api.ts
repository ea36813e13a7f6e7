/** What the board's REST routes and socket answer, made of the generated structs. */

import type { ExperimentState, RunSnapshot, RunSummary } from "./generated";

export type Liveness = RunSnapshot["liveness"];

export interface RunListItem extends RunSummary {
  liveness: Liveness;
}

export interface ExperimentPage extends ExperimentState {
  system_info: Record<string, unknown> | null;
}

export interface ErrorBody {
  error: { code: string; message: string; hint?: string | null };
}
