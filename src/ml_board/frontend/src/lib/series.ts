/**
 * Scores over epochs as the REST route sends them, in typed arrays, and the points that came since. Pure.
 *
 * The form (little-endian): "MLS1", the length of a JSON header, the header, then for each series its columns.
 */

import type { RunDelta } from "@/types/generated";

/**
 * One score by rising epoch; NaN stands for no finite value. Where a curve is bucketed, an epoch is the last one of its
 * bucket, and `values` are of that epoch, between `low` and `high`; else the three are one and the same array.
 */
export interface Curve {
  epochs: Int32Array;
  values: Float32Array;
  low: Float32Array;
  high: Float32Array;
}

/** By experiment, then by score. What did not change keeps its identity. */
export type Curves = Record<string, Record<string, Curve>>;

/** All curves that were asked for, after `offset` events. */
export interface SeriesAnswer {
  offset: number;
  curves: Curves;
}

export type Point = RunDelta["points"][number];

interface Header {
  offset: number;
  series: { experiment_id: number; key: string; num_points: number; bucketed: boolean; start: number }[];
}

const MAGIC = "MLS1";
const PREAMBLE_BYTES = 8;

/** Reads the binary form. Throws an Error for what is none. */
export function decodeSeries(buffer: ArrayBuffer): SeriesAnswer {
  const text = new TextDecoder();
  if (buffer.byteLength < PREAMBLE_BYTES || text.decode(buffer.slice(0, 4)) !== MAGIC) {
    throw new Error("The answer holds no series.");
  }
  const headerBytes = new DataView(buffer).getUint32(4, true);
  const base = PREAMBLE_BYTES + headerBytes;
  const header = JSON.parse(text.decode(buffer.slice(PREAMBLE_BYTES, base))) as Header;
  const curves: Curves = {};
  for (const { experiment_id, key, num_points, bucketed, start } of header.series) {
    const column = (index: number) => new Float32Array(buffer, base + start + 4 * index * num_points, num_points);
    const epochs = new Int32Array(buffer, base + start, num_points);
    const curve: Curve = bucketed
      ? { epochs, low: column(1), high: column(2), values: column(3) }
      : fullCurve(epochs, column(1));
    (curves[String(experiment_id)] ??= {})[key] = curve;
  }
  return { offset: header.offset, curves };
}

export function fullCurve(epochs: Int32Array, values: Float32Array): Curve {
  return { epochs, values, low: values, high: values };
}

export function isBucketed(curve: Curve): boolean {
  return curve.low !== curve.values;
}

/** The curves with points that came later. */
export function addPoints(curves: Curves, points: readonly Point[]): Curves {
  const news = new Map<string, Point[]>();
  for (const point of points) {
    const name = `${point[0]} ${point[1]}`;
    const known = news.get(name);
    if (known) known.push(point);
    else news.set(name, [point]);
  }
  if (news.size === 0) return curves;
  const next = { ...curves };
  for (const ofOne of news.values()) {
    const [experimentId, key] = ofOne[0]!;
    const id = String(experimentId);
    next[id] = { ...next[id], [key]: extendCurve(next[id]?.[key] ?? EMPTY_CURVE, ofOne) };
  }
  return next;
}

export const EMPTY_CURVE: Curve = fullCurve(new Int32Array(0), new Float32Array(0));

function extendCurve(curve: Curve, points: readonly Point[]): Curve {
  const size = curve.epochs.length;
  const roomy = <T extends Int32Array | Float32Array>(column: T, copy: T): T => (copy.set(column), copy);
  const floats = (column: Float32Array) => roomy(column, new Float32Array(size + points.length));
  const epochs = roomy(curve.epochs, new Int32Array(size + points.length));
  const values = floats(curve.values);
  const grown = isBucketed(curve)
    ? { epochs, values, low: floats(curve.low), high: floats(curve.high) }
    : fullCurve(epochs, values);
  const length = points.reduce((end, [, , epoch, value]) => place(grown, end, epoch, value ?? NaN), size);
  const kept = grown.values.subarray(0, length);
  const cut = (column: Float32Array) => (column === grown.values ? kept : column.subarray(0, length));
  return { epochs: epochs.subarray(0, length), values: kept, low: cut(grown.low), high: cut(grown.high) };
}

/** Puts a point where its epoch belongs, and returns how many there are then. A repeated epoch's later value stands. */
function place(curve: Curve, length: number, epoch: number, value: number): number {
  const { epochs, values, low, high } = curve;
  let index = length;
  while (index > 0 && epochs[index - 1]! >= epoch) index -= 1;
  if (index < length && (epochs[index] === epoch || isBucketed(curve))) {
    if (isBucketed(curve)) {
      low[index] = chosen(low[index]!, value, Math.min);
      high[index] = chosen(high[index]!, value, Math.max);
    }
    if (epochs[index] === epoch) values[index] = value;
    return length;
  }
  for (const column of new Set([epochs, values, low, high])) column.copyWithin(index + 1, index, length);
  epochs[index] = epoch;
  values[index] = low[index] = high[index] = value;
  return length + 1;
}

/** One of two values, either of which may be none. */
function chosen(a: number, b: number, choose: (a: number, b: number) => number): number {
  if (Number.isNaN(a)) return b;
  return Number.isNaN(b) ? a : choose(a, b);
}
