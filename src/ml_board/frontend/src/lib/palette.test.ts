import { describe, expect, it } from "vitest";
import { NUM_CATEGORIES, category, colourById, colourByParameter, defaultColouring, ramp, type Theme } from "./palette";

const GROUND: Record<Theme, string> = { light: "#ffffff", dark: "#17191c" };

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
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
});

describe("groups", () => {
  it("give few experiments a colour each, and many a place on the ramp, none twice", () => {
    const few = colourById([3, 5], "light");
    expect(few.map((g) => [g.label, g.ids])).toEqual([["#3", [3]], ["#5", [5]]]);
    const many = colourById(Array.from({ length: 40 }, (_, i) => i), "light");
    expect(new Set(many.map((g) => g.colour)).size).toBe(40);
  });
  it("gather experiments by value, numbers in order", () => {
    const lr = [0.1, 0.001, 0.1];
    const groups = colourByParameter([0, 1, 2], (id) => lr[id], "light");
    expect(groups.map((g) => [g.label, g.ids])).toEqual([["0.001", [1]], ["0.1", [0, 2]]]);
    expect(groups[0]!.colour).toBe(ramp(0, "light"));
  });
  it("give names categories", () => {
    const groups = colourByParameter([0, 1], (id) => ["sgd", "adam"][id], "dark");
    expect(groups.map((g) => g.colour)).toEqual([category(0, "dark"), category(1, "dark")]);
  });
});

it("colours by experiment while colours last, then by the richest parameter", () => {
  const counts = new Map([["lr", 4], ["batch", 3], ["seed", 24]]);
  expect(defaultColouring(8, counts)).toBeNull();
  expect(defaultColouring(24, counts)).toBe("lr");
  expect(defaultColouring(24, new Map([["seed", 24]]))).toBeNull();
});
