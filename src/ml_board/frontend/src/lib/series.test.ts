import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EMPTY_CURVE, addPoints, decodeSeries, isBucketed, type Curves, type Point } from "./series";
import { curve } from "./testing";

/** What the server's own encoder wrote. */
function golden(name: string): ArrayBuffer {
  const bytes = readFileSync(new URL(`../../../../../tests/golden/series/${name}.bin`, import.meta.url));
  return new Uint8Array(bytes).buffer;
}

const floats = (...values: number[]) => Float32Array.from(values);

describe("the binary form", () => {
  it("gives whole curves back, gaps and all", () => {
    const { offset, curves } = decodeSeries(golden("whole"));
    expect(offset).toBe(42);
    expect(Object.keys(curves)).toEqual(["0", "11", "12"]);
    expect(curves["0"]).toEqual({ "val/f1": curve([0, 1, 2], [0.5, null, 0.75]) });
    expect(curves["11"]!["val/größe"]!.values).toEqual(floats(1, -4, 2, 3, 8, NaN, 6, 5, 4, Infinity));
    expect(curves["12"]).toEqual({ loss: EMPTY_CURVE });
  });

  it("gives extremes and ends of buckets back", () => {
    const { curves } = decodeSeries(golden("buckets"));
    expect(isBucketed(curves["0"]!["val/f1"]!)).toBe(false);
    expect(curves["11"]!["val/größe"]).toEqual({
      epochs: Int32Array.of(2, 4, 6, 9),
      low: floats(-4, 3, 6, 4),
      high: floats(2, 8, 6, Infinity),
      values: floats(2, 8, 6, Infinity),
    });
  });

  it("is not taken from what is none", () => {
    expect(() => decodeSeries(new ArrayBuffer(0))).toThrow("no series");
    expect(() => decodeSeries(new TextEncoder().encode("<!doctype html>").buffer)).toThrow("no series");
  });
});

describe("points that come later", () => {
  const before: Curves = { "0": { a: curve([0, 1, 3], [1, 2, 3]), b: curve([0], [1]) } };

  it("go behind those that are there, which stay as they are", () => {
    const points: Point[] = [
      [0, "a", 4, 0.5],
      [0, "a", 5, null],
      [1, "a", 0, 0.25],
    ];
    const after = addPoints(before, points);
    expect(after["0"]!["a"]).toEqual(curve([0, 1, 3, 4, 5], [1, 2, 3, 0.5, null]));
    expect(after["1"]).toEqual({ a: curve([0], [0.25]) });
    expect(after["0"]!["b"]).toBe(before["0"]!["b"]);
    expect(before["0"]!["a"]!.epochs).toEqual(Int32Array.of(0, 1, 3));
  });

  it("replace the value of a repeated epoch, and come where their epoch belongs", () => {
    const points: Point[] = [
      [0, "a", 1, 9],
      [0, "a", 2, 8],
    ];
    const once = addPoints(before, points);
    expect(once["0"]!["a"]).toEqual(curve([0, 1, 2, 3], [1, 9, 8, 3]));
    expect(addPoints(once, points)).toEqual(once);
  });

  it("widen the bucket that their epoch lies in, and stand alone behind the last", () => {
    const bucketed = { epochs: Int32Array.of(4, 9), low: floats(1, 2), high: floats(3, 4), values: floats(2, NaN) };
    const points: Point[] = [
      [0, "a", 9, 5],
      [0, "a", 2, 0],
      [0, "a", 10, 7],
    ];
    const { a } = addPoints({ "0": { a: bucketed } }, points)["0"]!;
    expect(a).toEqual({
      epochs: Int32Array.of(4, 9, 10),
      low: floats(0, 2, 7),
      high: floats(3, 5, 7),
      values: floats(2, 5, 7),
    });
  });
});
