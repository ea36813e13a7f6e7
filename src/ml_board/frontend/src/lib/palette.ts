/**
 * Colours of lines, told apart by people with any colour vision (after Okabe and Ito, darkened or lightened until each
 * has a contrast of 3:1 on its ground), and a ramp for values that have an order. Pure.
 */

import { formatParameter } from "./format";

export type Theme = "light" | "dark";

const CATEGORIES: Record<Theme, readonly string[]> = {
  light: ["#0063a6", "#c14c00", "#00845f", "#a8478a", "#8a6d00", "#2e8bc4", "#5b5b5b", "#7a3b2e"],
  dark: ["#5aaef0", "#ff9248", "#3cc79c", "#e390c4", "#e3c04a", "#a5d8ff", "#b8b8b8", "#d69a86"],
};

/** Dark to light on paper, light to dark on black would hide the ends: both ramps keep away from their ground. */
const RAMPS: Record<Theme, readonly string[]> = {
  light: ["#3b1f6b", "#3a4f9a", "#1f7d99", "#1f9a6d", "#6d9a14", "#b38600"],
  dark: ["#a48bff", "#6ea4f5", "#3fbfd0", "#45d39a", "#b4dc58", "#ffe066"],
};

export function category(index: number, theme: Theme): string {
  const colours = CATEGORIES[theme];
  return colours[index % colours.length]!;
}

export const NUM_CATEGORIES = CATEGORIES.light.length;

/** A place on the ramp, 0 to 1. */
export function ramp(share: number, theme: Theme): string {
  const stops = RAMPS[theme];
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  return mix(stops[low]!, stops[low + 1]!, at - low);
}

function mix(from: string, to: string, share: number): string {
  const channel = (hex: string, i: number) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
  const mixed = [0, 1, 2].map((i) => Math.round(channel(from, i) + (channel(to, i) - channel(from, i)) * share));
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

export interface ColourGroup {
  label: string;
  /** The value that its experiments share; undefined where each experiment is its own group. */
  value: unknown;
  colour: string;
  ids: number[];
}

/** One colour for each experiment. */
export function colourById(ids: readonly number[], theme: Theme): ColourGroup[] {
  return ids.map((id, index) => ({
    label: `#${id}`,
    value: undefined,
    // Up to eight lines have a colour of their own; more share the ramp, where neighbours look alike but none repeats.
    colour: ids.length <= NUM_CATEGORIES ? category(index, theme) : ramp(index / (ids.length - 1), theme),
    ids: [id],
  }));
}

/** One colour for each value of a parameter: the ramp for numbers, categories for names. */
export function colourByParameter(
  ids: readonly number[],
  valueOf: (id: number) => unknown,
  theme: Theme,
): ColourGroup[] {
  const groups = new Map<string, { value: unknown; ids: number[] }>();
  for (const id of ids) {
    const value = valueOf(id);
    const label = formatParameter(value);
    const group = groups.get(label);
    if (group) group.ids.push(id);
    else groups.set(label, { value, ids: [id] });
  }
  const entries = [...groups].map(([label, group]) => ({ label, ...group }));
  const ordered = entries.every(({ value }) => typeof value === "number");
  if (ordered) entries.sort((a, b) => (a.value as number) - (b.value as number));
  const last = Math.max(1, entries.length - 1);
  return entries.map((entry, index) => ({
    ...entry,
    colour: ordered || entries.length > NUM_CATEGORIES ? ramp(index / last, theme) : category(index, theme),
  }));
}

/** By what lines are coloured when nobody chose: by experiment while colours last, else by the richest parameter that does. */
export function defaultColouring(numExperiments: number, values: ReadonlyMap<string, number>): string | null {
  if (numExperiments <= NUM_CATEGORIES) return null;
  const fitting = [...values].filter(([, count]) => count > 1 && count <= NUM_CATEGORIES);
  fitting.sort((a, b) => b[1] - a[1]);
  return fitting[0]?.[0] ?? null;
}
