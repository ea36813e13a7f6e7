/** What is done to curves before they are drawn: smoothed, aligned on one x, brought under a budget of points. Pure. */

import { isBucketed, type Curve } from "./series";

/** A value; null: not finite, a gap; undefined: nothing here, the line goes on. */
export type Y = number | null | undefined;

/** `[x, y of line 0, y of line 1, …]` */
export type Aligned = [number[], ...Y[][]];

/** A line to be drawn, by rising epoch; what is not finite is a gap. */
export interface Drawable {
  epochs: ArrayLike<number>;
  values: ArrayLike<number>;
}

/** What a page draws at most, over all its charts: what a screen can show and 10 Hz can draw. */
export const POINT_BUDGET = 100_000;
const FEWEST_BUCKETS = 20;

interface Demand {
  /** Of all lines of a chart together, as they are. */
  numPoints: number;
  numLines: number;
  /** Pixels. */
  width: number;
  numCharts: number;
}

/** How many buckets a chart asks for; null where the whole page's points can be drawn as they are. */
export function bucketsFor({ numPoints, numLines, width, numCharts }: Demand): number | null {
  if (numPoints * numCharts <= POINT_BUDGET) return null;
  const perLine = POINT_BUDGET / (2 * numCharts * Math.max(1, numLines));
  return Math.max(FEWEST_BUCKETS, Math.floor(Math.min(width, perLine)));
}

/** Exponential smoothing without the bias of its start; gaps stay gaps. */
export function smooth(values: Float32Array, weight: number): Float32Array {
  if (weight <= 0) return values;
  let mean = 0;
  let mass = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return NaN;
    mean = weight * mean + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return mean / mass;
  });
}

/** What is drawn of a curve: its values, smoothed ones where asked for; of a bucketed one the extremes of each bucket. */
export function drawable(curve: Curve, smoothing: number, logarithmic: boolean): Drawable {
  const positive = (values: Float32Array) => (logarithmic ? values.map((value) => (value > 0 ? value : NaN)) : values);
  if (!isBucketed(curve) || smoothing > 0) {
    return { epochs: curve.epochs, values: smooth(positive(curve.values), smoothing) };
  }
  const { epochs, values } = extremesOf(curve);
  return { epochs, values: positive(values) };
}

/** Both extremes of each bucket, one where it begins and one where it ends, nearest to the value that it ends with. */
function extremesOf({ epochs, values, low, high }: Curve): { epochs: Int32Array; values: Float32Array } {
  const x = new Int32Array(2 * epochs.length);
  const y = new Float32Array(2 * epochs.length);
  let length = 0;
  const put = (epoch: number, value: number) => {
    x[length] = epoch;
    y[length] = value;
    length += 1;
  };
  for (let i = 0; i < epochs.length; i += 1) {
    const [end, last] = [epochs[i]!, values[i]!];
    const begin = i > 0 ? epochs[i - 1]! + 1 : firstEpoch(epochs);
    const [bottom, top] = [low[i]!, high[i]!];
    if (begin >= end || bottom === top || Number.isNaN(bottom)) {
      put(end, bottom === top ? bottom : last);
      continue;
    }
    const endsHigh = top - last < last - bottom;
    put(begin, endsHigh ? bottom : top);
    put(end, endsHigh ? top : bottom);
  }
  return { epochs: x.subarray(0, length), values: y.subarray(0, length) };
}

/** Where the first of equally wide buckets begins, as far as one can tell: mostly at 0. */
function firstEpoch([first = 0, second = first]: Int32Array): number {
  return Math.max(0, 2 * first - second);
}

/** All lines on the union of their epochs, within `range` where there is one, in at most `budget` points. */
export function align(
  drawn: readonly Drawable[],
  budget: number,
  range: readonly [number, number] | null = null,
): Aligned {
  const epochs = within(unionOfEpochs(drawn), range);
  const lines = drawn.map((one) => placeOn(epochs, one));
  const perLine = Math.max(4, Math.floor(budget / Math.max(1, lines.length)));
  return epochs.length <= perLine ? [epochs, ...lines] : bucket(epochs, lines, Math.floor(perLine / 2));
}

function unionOfEpochs(drawn: readonly Drawable[]): number[] {
  const longest = drawn.reduce<ArrayLike<number>>(
    (most, { epochs }) => (epochs.length > most.length ? epochs : most),
    [],
  );
  // Experiments of one run mostly have the same epochs, as far as they got.
  if (drawn.every(({ epochs }) => isBeginningOf(epochs, longest))) return Array.from(longest);
  const union = new Set<number>();
  for (const { epochs } of drawn) for (let i = 0; i < epochs.length; i += 1) union.add(epochs[i]!);
  return [...union].sort((a, b) => a - b);
}

function isBeginningOf(epochs: ArrayLike<number>, all: ArrayLike<number>): boolean {
  for (let i = 0; i < epochs.length; i += 1) if (epochs[i] !== all[i]) return false;
  return true;
}

/** Epochs inside the range, and one beyond each of its ends, so that lines leave the picture and do not stop in it. */
function within(epochs: number[], range: readonly [number, number] | null): number[] {
  if (range === null) return epochs;
  const first = epochs.findIndex((epoch) => epoch >= range[0]);
  const last = epochs.findLastIndex((epoch) => epoch <= range[1]);
  if (first < 0 || last < 0) return [];
  return epochs.slice(Math.max(0, first - 1), last + 2);
}

function placeOn(epochs: readonly number[], { epochs: own, values }: Drawable): Y[] {
  const line = new Array<Y>(epochs.length).fill(undefined);
  let at = 0;
  for (let i = 0; i < own.length && at < epochs.length; i += 1) {
    while (at < epochs.length && epochs[at]! < own[i]!) at += 1;
    if (epochs[at] === own[i]) line[at] = Number.isFinite(values[i]) ? values[i] : null;
  }
  return line;
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
