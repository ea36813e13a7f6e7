import { LineChart, type Line } from "@/components/LineChart";
import { WhenVisible } from "@/components/WhenVisible";
import { category, type Theme } from "@/lib/palette";
import { parseScoreKey } from "@/lib/scores";
import type { Series } from "@/types/generated";
import { useMemo, useState } from "react";

const HEIGHT = 200;
/** A split has the same colour in every chart, whichever others are there. */
const SPLIT_COLOURS: Record<string, number> = { train: 1, val: 0, test: 2 };
const NONE: ReadonlySet<number> = new Set();

/** A chart for each score, its splits side by side. */
export function Curves({ series, theme }: { series: Record<string, Series>; theme: Theme }) {
  const byName = useMemo(() => groupByName(series), [series]);
  if (byName.length === 0)
    return <p className="p-4 text-soft">No scores yet. The first points come after the first epoch.</p>;
  return (
    <div className="grid grid-cols-[repeat(auto-fit,minmax(min(100%,220px),1fr))] gap-x-2 gap-y-3 p-2">
      {byName.map(({ name, splits }) => (
        <Curve key={name} name={name} splits={splits} theme={theme} />
      ))}
    </div>
  );
}

interface Splits {
  name: string;
  splits: { split: string; series: Series }[];
}

function groupByName(series: Record<string, Series>): Splits[] {
  const names = new Map<string, Splits["splits"]>();
  for (const [key, one] of Object.entries(series)) {
    const { name, split } = parseScoreKey(key);
    names.set(name, [...(names.get(name) ?? []), { split, series: one }]);
  }
  return [...names].map(([name, splits]) => ({ name, splits }));
}

function Curve({ name, splits, theme }: Splits & { theme: Theme }) {
  const [hovered, setHovered] = useState<number | null>(null);
  const lines: Line[] = useMemo(
    () =>
      splits.map(({ split, series }, index) => ({
        id: index,
        colour: category(SPLIT_COLOURS[split] ?? index + 3, theme),
        series,
      })),
    [splits, theme],
  );
  const highlighted = useMemo(() => (hovered === null ? NONE : new Set([hovered])), [hovered]);
  return (
    <figure className="min-w-0" data-metric={name}>
      <figcaption className="flex flex-wrap items-baseline gap-x-3 px-2">
        <span className="font-semibold">{name}</span>
        {splits.map(({ split }, index) => (
          <span key={split} className="inline-flex items-center gap-1 text-xs text-soft">
            <span
              aria-hidden="true"
              className="h-[3px] w-3 rounded-full"
              style={{ background: lines[index]!.colour }}
            />
            {split || "all"}
          </span>
        ))}
      </figcaption>
      <WhenVisible height={HEIGHT}>
        {() => (
          <LineChart
            lines={lines}
            label={`${name} by epoch, for ${splits.map(({ split }) => split).join(", ")}`}
            height={HEIGHT}
            theme={theme}
            highlighted={highlighted}
            onHover={setHovered}
            describe={(id) => <span className="text-soft">{splits[id]?.split}</span>}
          />
        )}
      </WhenVisible>
    </figure>
  );
}
