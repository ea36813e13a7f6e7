/**
 * The words of the filter, by which the table and the charts choose experiments. Pure.
 *
 * Terms stand side by side and all must hold: `lr=0.1`, `batch_size>=50`, `val/f1>0.9` (the best score), `status=failed`,
 * `device=cuda`, or plain text that occurs somewhere. A value may hold several alternatives: `lr=0.1|0.01`.
 */

import type { ExperimentRow } from "@/types/generated";
import { formatParameter } from "./format";

export interface Candidate {
  row: ExperimentRow;
  status: string;
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
  return (text.match(/(?:"[^"]*"|\S)+/g) ?? []).map((word) => word.replaceAll('"', ""));
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

/** The filter with a term added, or without it where it stands there already. */
export function toggleTerm(filter: string, term: string): string {
  const terms = filter.match(/(?:"[^"]*"|\S)+/g) ?? [];
  const kept = terms.filter((one) => one !== term);
  return (kept.length < terms.length ? kept : [...terms, term]).join(" ");
}

/** A term for a value, quoted where it holds blanks. */
export function termFor(path: string, value: unknown): string {
  const text = formatParameter(value).replaceAll('"', "");
  return /\s/.test(text) ? `${path}="${text}"` : `${path}=${text}`;
}
