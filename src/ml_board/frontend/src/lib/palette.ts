/**
 * Colours of lines: a few that people with any colour vision tell apart, found by search (a test holds them to it), and
 * a ramp of rising lightness for values that have an order. All have a contrast of 3:1 on their ground. Pure.
 */

import { formatParameter } from "./format";

export type Theme = "light" | "dark";

const CATEGORIES: Record<Theme, readonly string[]> = {
  light: ["#1668bd", "#c95f12", "#419f81", "#923a63", "#b579d8", "#5e2407", "#4f1f84"],
  dark: ["#62b0f5", "#f0954a", "#4dfdf2", "#a84796", "#f5e972", "#79801f", "#6367f0"],
};

/** From dark to light, as far as each ground allows. */
const RAMPS: Record<Theme, readonly string[]> = {
  light: ["#0d0887", "#6a00a8", "#a62098", "#cb4679", "#d9692a"],
  dark: ["#b12a90", "#d5546e", "#ee7b51", "#fca636", "#f3f024"],
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
    // A few lines have a colour of their own; more share the ramp, where neighbours look alike but none repeats.
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

const MOST_GROUPS = 16;

/**
 * By what lines are coloured when nobody chose: by experiment (null) while colours last, else by the parameter with most
 * values that a legend can hold. A seed explains nothing, so it comes last.
 */
export function defaultColouring(numExperiments: number, numValues: ReadonlyMap<string, number>): string | null {
  if (numExperiments <= NUM_CATEGORIES) return null;
  const isSeed = (path: string) => (/seed$/i.test(path) ? 1 : 0);
  const fitting = [...numValues].filter(([, count]) => count > 1 && count <= MOST_GROUPS);
  fitting.sort((a, b) => isSeed(a[0]) - isSeed(b[0]) || b[1] - a[1]);
  return fitting[0]?.[0] ?? null;
}
