/** Score keys are `<split>/<name>`: how they are ordered, split up and compared. Pure. */

import type { ExperimentRow } from "@/types/generated";

/** Splits in the order in which people choose by them; others follow by name. */
const SPLITS = ["val", "test", "train"];

export interface ScoreKey {
  key: string;
  split: string;
  name: string;
}

export function parseScoreKey(key: string): ScoreKey {
  const slash = key.indexOf("/");
  return slash < 0 ? { key, split: "", name: key } : { key, split: key.slice(0, slash), name: key.slice(slash + 1) };
}

function compareSplits(a: string, b: string): number {
  const rank = (split: string) => (SPLITS.indexOf(split) + SPLITS.length + 1) % (SPLITS.length + 1);
  return rank(a) - rank(b) || a.localeCompare(b);
}

/** All keys that any experiment has a score for: split by split, names in the order in which they came. */
export function scoreKeys(rows: readonly ExperimentRow[]): ScoreKey[] {
  const keys = new Set<string>();
  for (const row of rows) for (const key of Object.keys(row.last)) keys.add(key);
  const parsed = [...keys].map(parseScoreKey);
  const names = [...new Set(parsed.map((key) => key.name))];
  return parsed.sort((a, b) => compareSplits(a.split, b.split) || names.indexOf(a.name) - names.indexOf(b.name));
}

export function splitsOf(keys: readonly ScoreKey[]): string[] {
  return [...new Set(keys.map((key) => key.split))];
}

export type Goal = "max" | "min";

/**
 * Whether more is better. The fold knows and keeps the best of each experiment, so its choice shows as soon as one
 * experiment's last score is not its best; null until then.
 */
export function goalOf(key: string, rows: readonly ExperimentRow[]): Goal | null {
  for (const row of rows) {
    const [best, last] = [row.best[key]?.value, row.last[key]?.value];
    if (typeof best === "number" && typeof last === "number" && best !== last) return best > last ? "max" : "min";
  }
  return null;
}

/** The experiments that hold the best value of a key; none while the goal is unknown. */
export function leaders(key: string, rows: readonly ExperimentRow[]): ReadonlySet<number> {
  const goal = goalOf(key, rows);
  const scored = rows.flatMap((row) => {
    const value = row.best[key]?.value;
    return typeof value === "number" ? [{ id: row.experiment_id, value }] : [];
  });
  if (goal === null || scored.length === 0) return new Set();
  const better = goal === "max" ? Math.max : Math.min;
  const best = scored.reduce((top, { value }) => better(top, value), scored[0]!.value);
  return new Set(scored.filter(({ value }) => value === best).map(({ id }) => id));
}

/** Paths of the parameters that differ between experiments. */
export function parameterPaths(parameters: Iterable<Record<string, unknown>>): string[] {
  const paths = new Set<string>();
  for (const ofExperiment of parameters) for (const path of Object.keys(ofExperiment)) paths.add(path);
  return [...paths];
}

/** The shortest endings that tell paths apart: `optimizer.lr` is `lr` unless another path ends so too. */
export function shortNames(paths: readonly string[]): Map<string, string> {
  const ending = (path: string, parts: number) => path.split(".").slice(-parts).join(".");
  return new Map(
    paths.map((path) => {
      const depth = path.split(".").length;
      let parts = 1;
      while (parts < depth && paths.some((other) => other !== path && ending(other, parts) === ending(path, parts))) {
        parts += 1;
      }
      return [path, ending(path, parts)];
    }),
  );
}
