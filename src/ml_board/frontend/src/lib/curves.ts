/** What is done to series before they are drawn: smoothed, aligned on one x, brought under a budget of points. Pure. */

import type { Series } from "@/types/generated";

/** A value; null: not finite, a gap; undefined: nothing here, the line goes on. */
export type Y = number | null | undefined;

/** `[x, y of line 0, y of line 1, …]` */
export type Aligned = [number[], ...Y[][]];

/** Exponential smoothing without the bias of its start; gaps stay gaps. */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return [...values];
  let mean = 0;
  let mass = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return mean / mass;
  });
}

/** All series on the union of their epochs, within `range` where there is one, in at most `budget` points. */
export function align(
  series: readonly Series[],
  budget: number,
  range: readonly [number, number] | null = null,
): Aligned {
  const epochs = unionOfEpochs(series, range);
  const index = new Map(epochs.map((epoch, i) => [epoch, i]));
  const lines = series.map((one) => {
    const line = new Array<Y>(epochs.length).fill(undefined);
    for (let i = 0; i < one.epochs.length; i += 1) {
      const place = index.get(one.epochs[i]!);
      if (place !== undefined) line[place] = one.values[i];
    }
    return line;
  });
  const perLine = Math.max(4, Math.floor(budget / Math.max(1, lines.length)));
  return epochs.length <= perLine ? [epochs, ...lines] : bucket(epochs, lines, Math.floor(perLine / 2));
}

/** Epochs inside the range, and one beyond each of its ends, so that lines leave the picture and do not stop in it. */
function unionOfEpochs(series: readonly Series[], range: readonly [number, number] | null): number[] {
  const union = new Set<number>();
  for (const one of series) for (const epoch of one.epochs) union.add(epoch);
  const sorted = [...union].sort((a, b) => a - b);
  if (range === null) return sorted;
  const first = sorted.findIndex((epoch) => epoch >= range[0]);
  const last = sorted.findLastIndex((epoch) => epoch <= range[1]);
  if (first < 0 || last < 0) return [];
  return sorted.slice(Math.max(0, first - 1), last + 2);
}

/** Two points for each bucket and line: its lowest and highest value, in the order in which they come. */
function bucket(epochs: readonly number[], lines: readonly Y[][], numBuckets: number): Aligned {
  const size = Math.ceil(epochs.length / numBuckets);
  const x: number[] = [];
  const reduced: Y[][] = lines.map(() => []);
  for (let start = 0; start < epochs.length; start += size) {
    const end = Math.min(epochs.length, start + size);
    x.push(epochs[start]!);
    if (end - start > 1) x.push(epochs[end - 1]!);
    lines.forEach((line, i) => reduced[i]!.push(...extremes(line, start, end)));
  }
  return [x, ...reduced];
}

function extremes(line: readonly Y[], start: number, end: number): Y[] {
  let low = -1;
  let high = -1;
  let gap = false;
  for (let i = start; i < end; i += 1) {
    const value = line[i];
    if (value === null) gap = true;
    if (typeof value !== "number") continue;
    if (low < 0 || value < (line[low] as number)) low = i;
    if (high < 0 || value > (line[high] as number)) high = i;
  }
  const empty = gap ? null : undefined;
  if (end - start === 1) return [low < 0 ? empty : line[low]];
  if (low < 0) return [empty, empty];
  return low <= high ? [line[low], line[high]] : [line[high], line[low]];
}

/** The line whose value at `x` is nearest to `y`, measured by `distance`; -1 where no line has one. */
export function nearestLine(aligned: Aligned, x: number, distance: (value: number) => number): number {
  let nearest = -1;
  let least = Infinity;
  for (let line = 1; line < aligned.length; line += 1) {
    const value = (aligned[line] as Y[])[x];
    if (typeof value !== "number") continue;
    const away = distance(value);
    if (away < least) {
      least = away;
      nearest = line - 1;
    }
  }
  return nearest;
}
