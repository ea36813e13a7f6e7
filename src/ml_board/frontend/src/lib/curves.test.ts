import { describe, expect, it } from "vitest";
import { align, nearestLine, smooth } from "./curves";

describe("smooth", () => {
  it("leaves values alone without a weight", () => expect(smooth([1, null, 3], 0)).toEqual([1, null, 3]));
  it("begins at the first value, not at zero", () =>
    expect(smooth([4, 4, 4], 0.9).map((v) => v!.toFixed(6))).toEqual(["4.000000", "4.000000", "4.000000"]));
  it("averages with falling weights", () => {
    const [a, b] = smooth([0, 1], 0.5);
    expect([a, b]).toEqual([0, 0.5 / 0.75]);
  });
  it("keeps gaps and goes on after them", () => expect(smooth([2, null, 2], 0.5)).toEqual([2, null, 2]));
});

describe("align", () => {
  it("puts series on the union of their epochs: undefined where there is none, null where it is not finite", () => {
    expect(
      align(
        [
          { epochs: [0, 2], values: [1, 3] },
          { epochs: [1, 2], values: [null, 5] },
        ],
        1000,
      ),
    ).toEqual([
      [0, 1, 2],
      [1, undefined, 3],
      [undefined, null, 5],
    ]);
  });

  it("keeps the extremes of every bucket, in order, under the budget", () => {
    const epochs = Array.from({ length: 1000 }, (_, i) => i);
    const values = epochs.map((i) => (i === 503 ? 99 : i === 507 ? -99 : 0));
    const [x, y] = align([{ epochs, values }], 40);
    expect(x.length).toBeLessThanOrEqual(40);
    expect(y!.length).toBe(x.length);
    expect(Math.max(...(y as number[]))).toBe(99);
    expect(Math.min(...(y as number[]))).toBe(-99);
    expect(y!.indexOf(99)).toBe(y!.indexOf(-99) - 1);
    expect([...x].sort((a, b) => a - b)).toEqual(x);
  });

  it("divides the budget among the lines", () => {
    const epochs = Array.from({ length: 500 }, (_, i) => i);
    const one = { epochs, values: epochs };
    const aligned = align(
      Array.from({ length: 100 }, () => one),
      10_000,
    );
    expect(aligned[0].length * 100).toBeLessThanOrEqual(10_000);
  });

  it("buckets anew within a range, one epoch beyond its ends", () => {
    const epochs = Array.from({ length: 1000 }, (_, i) => i);
    const [x, y] = align([{ epochs, values: epochs }], 40, [100, 110]);
    expect([x[0], x.at(-1), x.length]).toEqual([99, 111, 13]);
    expect(y![1]).toBe(100);
  });

  it("says gap for a bucket without a finite value", () => {
    const epochs = Array.from({ length: 100 }, (_, i) => i);
    const values = epochs.map((i) => (i < 50 ? 1 : null));
    const [, y] = align([{ epochs, values }], 10);
    expect(y!.at(0)).toBe(1);
    expect(y!.at(-1)).toBeNull();
  });

  it("takes no series at all", () => expect(align([], 10)).toEqual([[]]));
});

describe("nearestLine", () => {
  const aligned = align(
    [
      { epochs: [0], values: [1] },
      { epochs: [0], values: [5] },
      { epochs: [1], values: [4] },
    ],
    100,
  );
  it("takes the nearest value at that place", () => {
    expect(nearestLine(aligned, 0, (v) => Math.abs(v - 4))).toBe(1);
    expect(nearestLine(aligned, 1, (v) => Math.abs(v - 4))).toBe(2);
  });
  it("finds none where there is none", () => expect(nearestLine(aligned, 7, (v) => v)).toBe(-1));
});
