/** How often each class comes in the splits of an experiment, as a table. Pure. */

import type { SplitDescription } from "@/types/generated";

/** So many classes are shown; the rarest of more are summed up. */
export const MOST_CLASSES = 12;

export interface LabelRow {
  name: string;
  /** By split, in their order: the number of samples, and which share of the split they are. */
  cells: { count: number; share: number }[];
}

export interface LabelTable {
  rows: LabelRow[];
  numHidden: number;
}

export function labelTable(splits: readonly SplitDescription[]): LabelTable {
  const names = [...new Set(splits.flatMap(({ labels }) => Object.keys(labels ?? {})))];
  const rows = names.map((name) => ({ name, cells: splits.map((split) => cellOf(split, name)) }));
  if (rows.length <= MOST_CLASSES) return { rows, numHidden: 0 };
  const total = (row: LabelRow) => row.cells.reduce((sum, { count }) => sum + count, 0);
  const most = new Set([...rows].sort((a, b) => total(b) - total(a)).slice(0, MOST_CLASSES));
  return { rows: rows.filter((row) => most.has(row)), numHidden: rows.length - MOST_CLASSES };
}

function cellOf({ labels }: SplitDescription, name: string) {
  const all = Object.values(labels ?? {}).reduce((sum, count) => sum + count, 0);
  const count = labels?.[name] ?? 0;
  return { count, share: all > 0 ? count / all : 0 };
}
