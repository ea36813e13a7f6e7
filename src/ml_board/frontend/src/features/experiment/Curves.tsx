import { LineChart, type Line } from "@/components/LineChart";
import { WhenVisible } from "@/components/WhenVisible";
import { category, type Theme } from "@/lib/palette";
import { parseScoreKey, splitsOf } from "@/lib/scores";
import type { Series } from "@/types/generated";
import { useMemo, useState } from "react";

const HEIGHT = 200;
/** The usual splits have the same colour in every run; others take what is left. */
const USUAL = ["val", "train", "test"];
const NONE: ReadonlySet<number> = new Set();

/** A chart for each score, its splits in one picture. */
export function Curves({ series, theme }: { series: Record<string, Series>; theme: Theme }) {
  const keys = Object.keys(series).map(parseScoreKey);
  const splits = [...new Set([...USUAL, ...splitsOf(keys)])];
  const names = [...new Set(keys.map(({ name }) => name))];
  if (names.length === 0) {
    return <p className="p-4 text-soft">No scores yet. The first points come after the first epoch.</p>;
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
          <Curve key={name} name={name} splits={splits} series={series} theme={theme} />
        ))}
      </div>
    </>
  );
}

interface CurveProps {
  name: string;
  splits: readonly string[];
  series: Record<string, Series>;
  theme: Theme;
}

function Curve({ name, splits, series, theme }: CurveProps) {
  const [hovered, setHovered] = useState<number | null>(null);
  const lines = useMemo(
    () =>
      splits.flatMap((split, id): Line[] => {
        const one = series[split ? `${split}/${name}` : name];
        return one ? [{ id, colour: category(id, theme), series: one }] : [];
      }),
    [splits.join(), series, name, theme],
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
            describe={(id) => <span className="text-soft">{splits[id]}</span>}
          />
        )}
      </WhenVisible>
    </figure>
  );
}
