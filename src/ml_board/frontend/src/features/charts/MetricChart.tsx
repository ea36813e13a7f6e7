import { LineChart, type Line } from "@/components/LineChart";
import { Notice } from "@/components/Notice";
import { addressOf, parseAddress } from "@/lib/address";
import { bucketsFor } from "@/lib/curves";
import { formatCount, formatParameter, formatScore } from "@/lib/format";
import { highlight, useHighlight } from "@/lib/highlight";
import { go } from "@/lib/navigation";
import type { Theme } from "@/lib/palette";
import { shortNames, type ScoreKey } from "@/lib/scores";
import { EMPTY_CURVE, type Curves } from "@/lib/series";
import { useCurves, type CurveSource } from "@/lib/useCurves";
import type { RunSnapshot } from "@/types/generated";
import { useCallback, useRef, useState } from "react";

interface Props {
  metric: ScoreKey;
  ids: readonly number[];
  source: CurveSource;
  /** Of all these experiments together, as far as they are. */
  numPoints: number;
  numCharts: number;
  width: number;
  colourOf: (id: number) => string | undefined;
  parameters: RunSnapshot["parameters"];
  height: number;
  theme: Theme;
  logarithmic: boolean;
  smoothing: number;
}

const NONE: Curves = {};
/** A few experiments are asked for by name; of more all are fetched, so that a filter need not ask again. */
const MOST_NAMED = 30;
/** Where one looks from nearby, so many points are fetched as they are. */
const MOST_POINTS_NEARBY = 2_000_000;

/** One score of all chosen experiments over their epochs. */
export function MetricChart({
  metric,
  ids,
  source,
  numPoints,
  numCharts,
  width,
  colourOf,
  parameters,
  ...look
}: Props) {
  const [isNear, setIsNear] = useState(false);
  const isWhole = isNear && numPoints <= MOST_POINTS_NEARBY;
  const { curves, error } = useCurves(source, {
    experiments: ids.length <= MOST_NAMED ? ids : null,
    key: metric.key,
    buckets: isWhole ? null : bucketsFor({ numPoints, numLines: ids.length, numCharts, width }),
  });
  const lines = useLines(metric.key, ids, curves ?? NONE, colourOf);
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
  if (!curves) return error ? <NoCurves error={error} /> : <div className="skeleton" style={{ height: look.height }} />;
  return (
    <LineChart
      {...look}
      lines={lines}
      label={summarise(metric, lines)}
      highlighted={highlighted}
      onHover={onHover}
      onPick={onPick}
      onZoom={setIsNear}
      describe={describe}
    />
  );
}

/** Lines that keep their identity while nothing of this score came, so that other scores' news draws nothing here. */
function useLines(
  key: string,
  ids: readonly number[],
  curves: Curves,
  colourOf: (id: number) => string | undefined,
): readonly Line[] {
  const kept = useRef<readonly Line[]>([]);
  const lines = ids.map((id) => ({
    id,
    colour: colourOf(id) ?? "currentColor",
    curve: curves[String(id)]?.[key] ?? EMPTY_CURVE,
  }));
  const same =
    lines.length === kept.current.length &&
    lines.every((line, i) => {
      const before = kept.current[i]!;
      return line.id === before.id && line.colour === before.colour && line.curve === before.curve;
    });
  if (!same) kept.current = lines;
  return kept.current;
}

function summarise(metric: ScoreKey, lines: readonly Line[]): string {
  const drawn = lines.filter(({ curve }) => curve.epochs.length > 0);
  let [low, high] = [Infinity, -Infinity];
  for (const { curve } of drawn) {
    for (const value of curve.low) if (value < low && Number.isFinite(value)) low = value;
    for (const value of curve.high) if (value > high && Number.isFinite(value)) high = value;
  }
  if (low === Infinity) return `${metric.key}: no points yet`;
  return `${metric.key} of ${formatCount(drawn.length, "experiment")} by epoch, from ${formatScore(low)} to ${formatScore(high)}; the same numbers are in the table`;
}

function NoCurves({ error }: { error: Error }) {
  return (
    <div className="p-2">
      <Notice tone="warning" title={error.message}>
        The page asks again every few seconds.
      </Notice>
    </div>
  );
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
