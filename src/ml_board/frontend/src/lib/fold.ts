/**
 * The client's whole fold: a snapshot, and the deltas that follow it. Pure; what did not change keeps its identity,
 * so that rows and charts know what to draw again.
 */

import type { ExperimentRow, RunDelta, RunSnapshot, Series } from "@/types/generated";

type SeriesByExperiment = RunSnapshot["series"];

/** The next snapshot; null where the delta does not follow on this one, so that the run must be watched anew. */
export function applyDelta(snapshot: RunSnapshot, delta: RunDelta): RunSnapshot | null {
  if (delta.run_id !== snapshot.run.run_id || delta.offset < snapshot.offset) return snapshot;
  if (delta.from_offset !== snapshot.offset) return null;
  const known = new Set(snapshot.experiments.map((row) => row.experiment_id));
  // A snapshot alone carries parameters: what differs between experiments changes with each new one.
  if (delta.experiments.some((row) => !known.has(row.experiment_id))) return null;
  return {
    ...snapshot,
    offset: delta.offset,
    liveness: delta.liveness,
    run: delta.run,
    experiments: replaceRows(snapshot.experiments, delta.experiments),
    series: appendPoints(snapshot.series, delta.points),
  };
}

function replaceRows(rows: ExperimentRow[], touched: ExperimentRow[]): ExperimentRow[] {
  if (touched.length === 0) return rows;
  const byId = new Map(touched.map((row) => [row.experiment_id, row]));
  return rows.map((row) => byId.get(row.experiment_id) ?? row);
}

function appendPoints(series: SeriesByExperiment, points: RunDelta["points"]): SeriesByExperiment {
  if (points.length === 0) return series;
  const next = { ...series };
  const copied = new Set<Series>();
  for (const [experimentId, key, epoch, value] of points) {
    const id = String(experimentId);
    let ofExperiment = next[id] ?? {};
    let one = ofExperiment[key];
    if (!one || !copied.has(one)) {
      one = { epochs: [...(one?.epochs ?? [])], values: [...(one?.values ?? [])] };
      copied.add(one);
      ofExperiment = { ...ofExperiment, [key]: one };
      next[id] = ofExperiment;
    }
    placePoint(one, epoch, value);
  }
  return next;
}

/** A repeated attempt may send an epoch again: the later value stands, and epochs stay in order. */
function placePoint(series: Series, epoch: number, value: number | null): void {
  let index = series.epochs.length;
  while (index > 0 && series.epochs[index - 1]! >= epoch) index -= 1;
  const replaced = series.epochs[index] === epoch ? 1 : 0;
  series.epochs.splice(index, replaced, epoch);
  series.values.splice(index, replaced, value);
}
