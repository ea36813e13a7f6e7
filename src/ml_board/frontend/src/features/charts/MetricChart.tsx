import { LineChart, type Line } from "@/components/LineChart";
import { addressOf, parseAddress } from "@/lib/address";
import { formatCount, formatParameter, formatScore } from "@/lib/format";
import { highlight, useHighlight } from "@/lib/highlight";
import { go } from "@/lib/navigation";
import type { Theme } from "@/lib/palette";
import { shortNames, type ScoreKey } from "@/lib/scores";
import type { RunSnapshot, Series } from "@/types/generated";
import { useCallback, useRef } from "react";

interface Props {
  metric: ScoreKey;
  ids: readonly number[];
  series: RunSnapshot["series"];
  colourOf: (id: number) => string | undefined;
  parameters: RunSnapshot["parameters"];
  height: number;
  theme: Theme;
  logarithmic: boolean;
  smoothing: number;
}

const EMPTY: Series = { epochs: [], values: [] };

/** One score of all chosen experiments over their epochs. */
export function MetricChart({ metric, ids, series, colourOf, parameters, ...look }: Props) {
  const lines = useLines(metric.key, ids, series, colourOf);
  const highlighted = useHighlight((state) => state.ids);
  const onHover = useCallback((id: number | null) => highlight(id === null ? [] : [id]), []);
  const onPick = useCallback((id: number) => {
    const here = parseAddress(window.location.search);
    go(addressOf(here, here.runId, id));
  }, []);
  const describe = useCallback(
    (id: number) => <Description id={id} parameters={parameters[String(id)]} />,
    [parameters],
  );
  return (
    <LineChart
      {...look}
      lines={lines}
      label={summarise(metric, lines)}
      highlighted={highlighted}
      onHover={onHover}
      onPick={onPick}
      describe={describe}
    />
  );
}

/** Lines that keep their identity while nothing of this score came, so that other scores' news draws nothing here. */
function useLines(
  key: string,
  ids: readonly number[],
  series: RunSnapshot["series"],
  colourOf: (id: number) => string | undefined,
): readonly Line[] {
  const kept = useRef<readonly Line[]>([]);
  const lines = ids.map((id) => ({
    id,
    colour: colourOf(id) ?? "currentColor",
    series: series[String(id)]?.[key] ?? EMPTY,
  }));
  const same =
    lines.length === kept.current.length &&
    lines.every((line, i) => {
      const before = kept.current[i]!;
      return line.id === before.id && line.colour === before.colour && line.series === before.series;
    });
  if (!same) kept.current = lines;
  return kept.current;
}

function summarise(metric: ScoreKey, lines: readonly Line[]): string {
  const values = lines.flatMap(({ series }) => series.values.filter((value) => value !== null));
  if (values.length === 0) return `${metric.key}: no points yet`;
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const drawn = lines.filter(({ series }) => series.values.length > 0).length;
  return `${metric.key} of ${formatCount(drawn, "experiment")} by epoch, from ${formatScore(low)} to ${formatScore(high)}; the same numbers are in the table`;
}

function Description({ id, parameters = {} }: { id: number; parameters: Record<string, unknown> | undefined }) {
  const names = shortNames(Object.keys(parameters));
  return (
    <div className="text-soft">
      <span className="font-medium text-ink">#{id}</span>
      {Object.entries(parameters)
        .slice(0, 6)
        .map(([path, value]) => (
          <span key={path}>
            {" · "}
            {names.get(path)} <span className="text-ink">{formatParameter(value)}</span>
          </span>
        ))}
    </div>
  );
}
