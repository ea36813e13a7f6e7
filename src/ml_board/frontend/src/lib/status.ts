/** What is shown of a status: the fold says what the log says, liveness says whether anyone still writes it. */

import type { ExperimentRow, RunSnapshot, RunSummary } from "@/types/generated";

export type ShownStatus = "pending" | "running" | "unconfirmed" | "finished" | "failed" | "stopped" | "lost";

const OVER: ReadonlySet<string> = new Set(["finished", "failed", "stopped", "lost"]);

/** A run that the log leaves open is lost when its processes are gone, and unconfirmed when nobody can tell. */
export function shownRunStatus(run: RunSummary, liveness: RunSnapshot["liveness"]): ShownStatus {
  if (OVER.has(run.status) || liveness === "alive") return run.status;
  return liveness === "lost" ? "lost" : run.status === "running" ? "unconfirmed" : run.status;
}

/** An experiment that was running when its run ended or was lost is lost; one that waited goes on waiting. */
export function shownExperimentStatus(row: ExperimentRow, shownRun: ShownStatus): ShownStatus {
  if (row.status !== "running" || shownRun === "running" || shownRun === "pending") return row.status;
  return shownRun === "unconfirmed" ? "unconfirmed" : "lost";
}

/** What is behind comes before what is ahead, as in a bar. */
export const STATUS_ORDER: readonly ShownStatus[] = [
  "finished",
  "stopped",
  "failed",
  "lost",
  "running",
  "unconfirmed",
  "pending",
];

export const STATUS_MEANING: Record<ShownStatus, string> = {
  pending: "Waits for its turn.",
  running: "Its processes are alive and write events.",
  unconfirmed: "The log says running, but whether its processes live cannot be told from this server.",
  finished: "Ran to its end.",
  failed: "Ended with an error.",
  stopped: "Somebody stopped it.",
  lost: "Its processes are gone without having said goodbye.",
};
