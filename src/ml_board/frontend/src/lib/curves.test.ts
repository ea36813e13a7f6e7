import { describe, expect, it } from "vitest";
import { POINT_BUDGET, align, bucketsFor, drawable, nearestLine, smooth } from "./curves";
import { curve } from "./testing";

const floats = (...values: number[]) => Float32Array.from(values);
const count = (length: number) => Array.from({ length }, (_, i) => i);

describe("smooth", () => {
  it("leaves values alone without a weight", () => expect(smooth(floats(1, NaN, 3), 0)).toEqual(floats(1, NaN, 3)));
  it("begins at the first value, not at zero", () =>
    expect([...smooth(floats(4, 4, 4), 0.9)].map((v) => v.toFixed(6))).toEqual(["4.000000", "4.000000", "4.000000"]));
  it("averages with falling weights", () => expect(smooth(floats(0, 1), 0.5)).toEqual(floats(0, 0.5 / 0.75)));
  it("keeps gaps and goes on after them", () => expect(smooth(floats(2, NaN, 2), 0.5)).toEqual(floats(2, NaN, 2)));
});

describe("what is drawn of a curve", () => {
  const bucketed = {
    epochs: Int32Array.of(9, 19, 20),
    low: floats(1, -2, 7),
    high: floats(5, 3, 7),
    values: floats(4.5, -1, 7),
  };
  it("is the curve itself where it is whole", () => {
    const whole = curve([0, 1], [1, 2]);
    expect(drawable(whole, 0, false)).toEqual({ epochs: whole.epochs, values: whole.values });
  });
  it("is both extremes of each bucket, last the one that it ends near to", () => {
    expect(drawable(bucketed, 0, false)).toEqual({
      epochs: Int32Array.of(0, 9, 10, 19, 20),
      values: floats(1, 5, 3, -2, 7),
    });
  });
  it("is the end of each bucket where it is smoothed", () => {
    expect(drawable(bucketed, 0.5, false).epochs).toEqual(bucketed.epochs);
  });
  it("has gaps where a logarithm is none", () => {
    expect(drawable(curve([0, 1, 2], [1, 0, -1]), 0, true).values).toEqual(floats(1, NaN, NaN));
  });
});

describe("the number of buckets", () => {
  const demand = { numPoints: 100_000, numLines: 20, width: 400, numCharts: 1 };
  it("is none while all points of the page can be drawn", () => {
    expect(bucketsFor(demand)).toBeNull();
    expect(bucketsFor({ ...demand, numCharts: 2 })).not.toBeNull();
  });
  it("is that of pixels, and keeps a page with many lines under its budget", () => {
    expect(bucketsFor({ ...demand, numCharts: 2 })).toBe(400);
    const many = { ...demand, numLines: 200, numPoints: 1_000_000, numCharts: 4 };
    expect(bucketsFor(many)! * 2 * 200 * 4).toBeLessThanOrEqual(POINT_BUDGET);
  });
});

describe("align", () => {
  it("puts lines on the union of their epochs: undefined where there is none, null where it is not finite", () => {
    expect(align([curve([0, 2], [1, 3]), curve([1, 2], [null, 5]), curve([2], [Infinity])], 1000)).toEqual([
      [0, 1, 2],
      [1, undefined, 3],
      [undefined, null, 5],
      [undefined, undefined, null],
    ]);
  });

  it("takes the epochs of the longest where the others are as far as they got", () => {
    expect(align([curve([0], [1]), curve([0, 1, 2], [4, 5, 6])], 1000)).toEqual([
      [0, 1, 2],
      [1, undefined, undefined],
      [4, 5, 6],
    ]);
  });

  it("keeps the extremes of every bucket, in order, under the budget", () => {
    const values = count(1000).map((i) => (i === 503 ? 99 : i === 507 ? -99 : 0));
    const [x, y] = align([curve(count(1000), values)], 40);
    expect(x.length).toBeLessThanOrEqual(40);
    expect(y!.length).toBe(x.length);
    expect(Math.max(...(y as number[]))).toBe(99);
    expect(Math.min(...(y as number[]))).toBe(-99);
    expect(y!.indexOf(99)).toBe(y!.indexOf(-99) - 1);
    expect([...x].sort((a, b) => a - b)).toEqual(x);
  });

  it("divides the budget among the lines", () => {
    const one = curve(count(500), count(500));
    const aligned = align(
      count(100).map(() => one),
      10_000,
    );
    expect(aligned[0].length * 100).toBeLessThanOrEqual(10_000);
  });

  it("buckets anew within a range, one epoch beyond its ends", () => {
    const [x, y] = align([curve(count(1000), count(1000))], 40, [100, 110]);
    expect([x[0], x.at(-1), x.length]).toEqual([99, 111, 13]);
    expect(y![1]).toBe(100);
  });

  it("says gap for a bucket without a finite value", () => {
    const values = count(100).map((i) => (i < 50 ? 1 : null));
    const [, y] = align([curve(count(100), values)], 10);
    expect(y!.at(0)).toBe(1);
    expect(y!.at(-1)).toBeNull();
  });

  it("takes no line at all", () => expect(align([], 10)).toEqual([[]]));
});

describe("nearestLine", () => {
  const aligned = align([curve([0], [1]), curve([0], [5]), curve([1], [4])], 100);
  it("takes the nearest value at that place", () => {
    expect(nearestLine(aligned, 0, (v) => Math.abs(v - 4))).toBe(1);
    expect(nearestLine(aligned, 1, (v) => Math.abs(v - 4))).toBe(2);
  });
  it("finds none where there is none", () => expect(nearestLine(aligned, 7, (v) => v)).toBe(-1));
});
