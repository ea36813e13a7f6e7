import { describe, expect, it } from "vitest";
import { NUM_CATEGORIES, category, colourById, colourByParameter, defaultColouring, ramp, type Theme } from "./palette";

const GROUND: Record<Theme, string> = { light: "#ffffff", dark: "#17191c" };

function linear(hex: string): number[] {
  return [1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
}

function luminance(hex: string): number {
  const [r, g, b] = linear(hex);
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

/** Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB. */
const VISION: Record<string, number[][]> = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** Björn Ottosson's Oklab of a colour as somebody sees it. */
function seen(hex: string, vision: number[][]): number[] {
  const times = (matrix: number[][], v: number[]) => matrix.map((r) => r[0]! * v[0]! + r[1]! * v[1]! + r[2]! * v[2]!);
  const lms = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    times(vision, linear(hex)),
  );
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    lms.map((value) => Math.cbrt(Math.max(0, value))),
  );
}

function contrast(a: string, b: string): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high! + 0.05) / (low! + 0.05);
}

describe.each(["light", "dark"] as const)("colours on %s ground", (theme) => {
  it("have a contrast of at least 3:1", () => {
    const colours = [
      ...Array.from({ length: NUM_CATEGORIES }, (_, i) => category(i, theme)),
      ...Array.from({ length: 21 }, (_, i) => ramp(i / 20, theme)),
    ];
    for (const colour of colours) expect(contrast(colour, GROUND[theme]), colour).toBeGreaterThanOrEqual(3);
  });

  it.each(Object.keys(VISION))("are told apart with %s", (vision) => {
    const colours = Array.from({ length: NUM_CATEGORIES }, (_, i) => seen(category(i, theme), VISION[vision]!));
    for (const [i, a] of colours.entries()) {
      for (const b of colours.slice(i + 1)) {
        expect(Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!, a[2]! - b[2]!)).toBeGreaterThan(0.1);
      }
    }
  });

  it.each(Object.keys(VISION))("rise in lightness along the ramp with %s", (vision) => {
    const lightness = Array.from({ length: 12 }, (_, i) => seen(ramp(i / 11, theme), VISION[vision]!)[0]!);
    expect(lightness).toEqual([...lightness].sort((a, b) => a - b));
  });
});

describe("groups", () => {
  it("give few experiments a colour each, and many a place on the ramp, none twice", () => {
    const few = colourById([3, 5], "light");
    expect(few.map((g) => [g.label, g.ids])).toEqual([
      ["#3", [3]],
      ["#5", [5]],
    ]);
    const many = colourById(
      Array.from({ length: 40 }, (_, i) => i),
      "light",
    );
    expect(new Set(many.map((g) => g.colour)).size).toBe(40);
  });
  it("gather experiments by value, numbers in order", () => {
    const lr = [0.1, 0.001, 0.1];
    const groups = colourByParameter([0, 1, 2], (id) => lr[id], "light");
    expect(groups.map((g) => [g.label, g.ids])).toEqual([
      ["0.001", [1]],
      ["0.1", [0, 2]],
    ]);
    expect(groups[0]!.colour).toBe(ramp(0, "light"));
  });
  it("give names categories", () => {
    const groups = colourByParameter([0, 1], (id) => ["sgd", "adam"][id], "dark");
    expect(groups.map((g) => g.colour)).toEqual([category(0, "dark"), category(1, "dark")]);
  });
});

it("colours by experiment while colours last, then by the richest parameter but a seed", () => {
  const counts = new Map([
    ["lr", 4],
    ["batch", 3],
    ["run.seed", 5],
  ]);
  expect(defaultColouring(NUM_CATEGORIES, counts)).toBeNull();
  expect(defaultColouring(24, counts)).toBe("lr");
  expect(defaultColouring(24, new Map([["lr", 24]]))).toBeNull();
});
