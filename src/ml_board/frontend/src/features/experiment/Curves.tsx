import { LineChart, type Line } from "@/components/LineChart";
import { WhenVisible } from "@/components/WhenVisible";
import { bucketsFor } from "@/lib/curves";
import { category, type Theme } from "@/lib/palette";
import { scoreKeys, splitsOf } from "@/lib/scores";
import type { Curve } from "@/lib/series";
import { useCurves, type CurveSource } from "@/lib/useCurves";
import type { ExperimentRow } from "@/types/generated";
import { useMemo, useState } from "react";

const HEIGHT = 200;
/** The usual splits have the same colour in every run; others take what is left. */
const USUAL = ["val", "train", "test"];
const NONE: ReadonlySet<number> = new Set();
const NO_CURVES: Record<string, Curve> = {};

/** Pixels of a wide chart. */
const WIDTH = 800;

interface Props {
  row: ExperimentRow;
  source: CurveSource;
  theme: Theme;
}

/** A chart for each score, its splits in one picture. */
export function Curves({ row, source, theme }: Props) {
  const [isNear, setIsNear] = useState(false);
  const keys = scoreKeys([row]);
  const splits = [...new Set([...USUAL, ...splitsOf(keys)])];
  const names = [...new Set(keys.map(({ name }) => name))];
  const numLines = splitsOf(keys).length;
  const demand = { numPoints: row.epochs_done * numLines, numLines, numCharts: names.length, width: WIDTH };
  const { curves, error } = useCurves(source, {
    experiments: [row.experiment_id],
    key: null,
    buckets: isNear ? null : bucketsFor(demand),
  });
  if (names.length === 0) {
    return <p className="p-4 text-soft">No scores yet. The first points come after the first epoch.</p>;
  }
  if (!curves) {
    return error ? (
      <p className="p-4 text-lost">{error.message} The page asks again every few seconds.</p>
    ) : (
      <div className="skeleton m-2 h-50" aria-busy="true" aria-label="Loading curves" />
    );
  }
  return (
    <>
      <ul aria-label="Splits" className="flex flex-wrap gap-x-4 px-4 pt-2 text-xs text-soft">
        {splitsOf(keys).map((split) => (
          <li key={split} className="inline-flex items-center gap-1.5">
            <span
              aria-hidden="true"
              className="h-[3px] w-3.5 rounded-full"
              style={{ background: category(splits.indexOf(split), theme) }}
            />
            {split || "all"}
          </li>
        ))}
      </ul>
      <div className="grid grid-cols-[repeat(auto-fit,minmax(min(100%,220px),1fr))] gap-x-2 gap-y-3 p-2">
        {names.map((name) => (
          <Score
            key={name}
            name={name}
            splits={splits}
            curves={curves[String(row.experiment_id)] ?? NO_CURVES}
            theme={theme}
            onZoom={setIsNear}
          />
        ))}
      </div>
    </>
  );
}

interface ScoreProps {
  name: string;
  splits: readonly string[];
  curves: Record<string, Curve>;
  theme: Theme;
  onZoom: (isNear: boolean) => void;
}

function Score({ name, splits, curves, theme, onZoom }: ScoreProps) {
  const [hovered, setHovered] = useState<number | null>(null);
  const shown = splits.map((split) => curves[split ? `${split}/${name}` : name]);
  // By the curves themselves, so that other scores' news draws nothing here.
  const lines = useMemo(
    () => shown.flatMap((curve, id): Line[] => (curve ? [{ id, colour: category(id, theme), curve }] : [])),
    [...shown, theme],
  );
  const highlighted = useMemo(() => (hovered === null ? NONE : new Set([hovered])), [hovered]);
  return (
    <figure className="min-w-0" data-metric={name}>
      <figcaption className="truncate px-2 font-semibold" title={name}>
        {name}
      </figcaption>
      <WhenVisible height={HEIGHT}>
        {() => (
          <LineChart
            lines={lines}
            label={`${name} by epoch, for ${lines.map(({ id }) => splits[id]).join(", ")}`}
            height={HEIGHT}
            theme={theme}
            highlighted={highlighted}
            onHover={setHovered}
            onZoom={onZoom}
            describe={(id) => <span className="text-soft">{splits[id]}</span>}
          />
        )}
      </WhenVisible>
    </figure>
  );
}
