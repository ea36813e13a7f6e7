/** How a run's lines are coloured: the groups of the legend, and the colour of each experiment. Pure. */

import type { Candidate } from "@/lib/filter";
import { formatParameter } from "@/lib/format";
import { colourById, colourByParameter, defaultColouring, type ColourGroup, type Theme } from "@/lib/palette";
import { parameterPaths } from "@/lib/scores";

/** The choice that stands for no parameter. */
export const BY_EXPERIMENT = "experiment";

export interface Colouring {
  /** A parameter's path, or `BY_EXPERIMENT`. */
  by: string;
  choices: string[];
  groups: ColourGroup[];
  colourOf: (id: number) => string | undefined;
}

export function colourRun(all: readonly Candidate[], chosen: string | null, theme: Theme): Colouring {
  const paths = parameterPaths(all.map(({ parameters }) => parameters));
  const by = chosen === BY_EXPERIMENT || (chosen !== null && paths.includes(chosen)) ? chosen : automatic(all, paths);
  const ids = all.map(({ row }) => row.experiment_id);
  const parameters = new Map(all.map((candidate) => [candidate.row.experiment_id, candidate.parameters]));
  const groups =
    by === BY_EXPERIMENT ? colourById(ids, theme) : colourByParameter(ids, (id) => parameters.get(id)?.[by], theme);
  const colours = new Map(groups.flatMap((group) => group.ids.map((id) => [id, group.colour] as const)));
  return { by, choices: [BY_EXPERIMENT, ...paths], groups, colourOf: (id) => colours.get(id) };
}

function automatic(all: readonly Candidate[], paths: readonly string[]): string {
  const counts = new Map(
    paths.map((path) => [path, new Set(all.map(({ parameters }) => formatParameter(parameters[path]))).size]),
  );
  return defaultColouring(all.length, counts) ?? BY_EXPERIMENT;
}
