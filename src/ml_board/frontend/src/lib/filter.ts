/**
 * The words of the filter, by which the table and the charts choose experiments. Pure.
 *
 * Terms stand side by side and all must hold: `lr=0.1`, `batch_size>=50`, `val/f1>0.9` (the best score), `status=failed`,
 * `device=cuda`, or plain text that occurs somewhere. A value may hold several alternatives: `lr=0.1|0.01`.
 */

import type { ExperimentRow } from "@/types/generated";
import { formatParameter } from "./format";
import type { ShownStatus } from "./status";

export interface Candidate {
  row: ExperimentRow;
  status: ShownStatus;
  parameters: Record<string, unknown>;
}

type Predicate = (candidate: Candidate) => boolean;

const COMPARISON = /^(.+?)(!=|>=|<=|=|>|<)(.*)$/;

export function parseFilter(text: string): Predicate {
  const terms = words(text).map(parseTerm);
  return (candidate) => terms.every((holds) => holds(candidate));
}

/** Words stand apart by blanks; quotes keep blanks inside. */
function words(text: string): string[] {
  return rawWords(text).map((word) => word.replaceAll('"', ""));
}

function rawWords(text: string): string[] {
  return text.match(/(?:"[^"]*"|\S)+/g) ?? [];
}

function parseTerm(term: string): Predicate {
  const match = COMPARISON.exec(term);
  // Somebody is still typing: a comparison without its value holds for all.
  if (match && match[3] === "") return () => true;
  if (!match) return (candidate) => searchText(candidate).includes(term.toLowerCase());
  const [, field, operator, wanted] = match as unknown as [string, string, string, string];
  if (operator === "=") return (candidate) => wanted.split("|").some((one) => equals(fieldOf(candidate, field), one));
  if (operator === "!=") return (candidate) => !wanted.split("|").some((one) => equals(fieldOf(candidate, field), one));
  const limit = Number(wanted);
  return (candidate) => {
    const value = fieldOf(candidate, field);
    return typeof value === "number" && !Number.isNaN(limit) && compare(value, operator, limit);
  };
}

function compare(value: number, operator: string, limit: number): boolean {
  if (operator === ">") return value > limit;
  if (operator === "<") return value < limit;
  return operator === ">=" ? value >= limit : value <= limit;
}

function equals(value: unknown, wanted: string): boolean {
  if (value === undefined || value === null) return wanted === String(value);
  if (typeof value === "number") return value === Number(wanted);
  const text = formatParameter(value).toLowerCase();
  return text === wanted.toLowerCase();
}

function fieldOf({ row, status, parameters }: Candidate, field: string): unknown {
  const name = field.toLowerCase();
  if (name === "status") return status;
  if (name === "id" || name === "experiment") return row.experiment_id;
  if (name === "device") return row.device;
  if (name === "epochs") return row.epochs_done;
  if (name === "attempt") return row.attempt;
  const score = row.best[field];
  if (score) return score.value;
  const path = Object.keys(parameters).find((one) => one === field || one.endsWith(`.${field}`));
  return path === undefined ? undefined : parameters[path];
}

function searchText({ row, status, parameters }: Candidate): string {
  const values = Object.entries(parameters).map(([path, value]) => `${path} ${formatParameter(value)}`);
  return [`#${row.experiment_id}`, status, row.device ?? "", row.error ?? "", ...values].join(" ").toLowerCase();
}

/** The alternatives that the filter allows for a field: `lr=0.1|0.01` allows two. */
export function allowedValues(filter: string, field: string): string[] {
  const term = rawWords(filter).find((one) => one.startsWith(`${field}=`));
  return term
    ? term
        .slice(field.length + 1)
        .replaceAll('"', "")
        .split("|")
    : [];
}

/** The filter with one more alternative for a field, or without it where it stands there already. */
export function toggleValue(filter: string, field: string, value: string): string {
  const allowed = allowedValues(filter, field);
  const next = allowed.includes(value) ? allowed.filter((one) => one !== value) : [...allowed, value];
  const others = rawWords(filter).filter((one) => !one.startsWith(`${field}=`));
  if (next.length === 0) return others.join(" ");
  const joined = next.join("|");
  return [...others, `${field}=${/\s/.test(joined) ? `"${joined}"` : joined}`].join(" ");
}
