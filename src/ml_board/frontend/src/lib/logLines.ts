/** What training processes wrote, line by line as it is shown. Pure. */

import type { LogEntry } from "@/types/generated";

export interface LogLine {
  /** Of the event, then of the line in it. */
  key: string;
  eventId: number;
  /** Seconds since the epoch. */
  at: number;
  experimentId: number | null;
  stream: LogEntry["stream"];
  level: string | null;
  text: string;
}

export function linesOf(entries: readonly LogEntry[]): LogLine[] {
  return entries.flatMap(({ event_id, at, experiment_id, stream, level, lines }) =>
    lines.map((line, i) => ({
      key: `${event_id}.${i}`,
      eventId: event_id,
      at,
      experimentId: experiment_id,
      stream,
      level,
      text: plainText(line),
    })),
  );
}

// Colours and cursor movements (CSI), titles and links (OSC), and the rest of what a terminal alone understands.
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])/g;
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f]/g;

/** A line as a terminal shows it in the end: what a progress bar wrote over is gone. */
export function plainText(line: string): string {
  const written = line.replace(ESCAPES, "").replace(/\r+$/, "");
  return written.slice(written.lastIndexOf("\r") + 1).replace(CONTROLS, "");
}

export type Tone = "error" | "warning" | "plain" | "faint";

/** How a line stands out: by its level, where it has one. */
export function toneOf({ level }: Pick<LogLine, "level">): Tone {
  switch (level?.toUpperCase()) {
    case "CRITICAL":
    case "FATAL":
    case "ERROR":
      return "error";
    case "WARNING":
    case "WARN":
      return "warning";
    case "DEBUG":
      return "faint";
    default:
      return "plain";
  }
}
