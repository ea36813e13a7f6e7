import { WhenVisible } from "@/components/WhenVisible";
import type { Address } from "@/lib/address";
import type { Candidate } from "@/lib/filter";
import type { Theme } from "@/lib/palette";
import { scoreKeys, splitsOf, type ScoreKey } from "@/lib/scores";
import type { CurveSource } from "@/lib/useCurves";
import type { RunSnapshot } from "@/types/generated";
import { useMemo } from "react";
import { ALL_SPLITS, ChartToolbar } from "./ChartToolbar";
import type { Colouring } from "./colouring";
import { Legend } from "./Legend";
import { MetricChart } from "./MetricChart";

const CHART_HEIGHT = 226;
/** More are rarely on the screen together. */
const MOST_CHARTS_AT_ONCE = 6;

interface Props {
  all: readonly Candidate[];
  /** Those that the filter let through. */
  candidates: readonly Candidate[];
  parameters: RunSnapshot["parameters"];
  source: CurveSource;
  colouring: Colouring;
  theme: Theme;
  address: Address;
  adjust: (change: Partial<Address>) => void;
}

/** A chart for each score: all chosen experiments as lines, live. */
export function ChartGrid({ all, candidates, parameters, source, colouring, theme, address, adjust }: Props) {
  const keys = scoreKeys(all.map(({ row }) => row));
  const splits = splitsOf(keys);
  const split = address.split === ALL_SPLITS || splits.includes(address.split ?? "") ? address.split! : splits[0];
  const shown = split === ALL_SPLITS ? keys : keys.filter((key) => key.split === split);
  const ids = candidates.map(({ row }) => row.experiment_id);
  const chosen = useMemo(() => ids, [ids.join()]);
  const numPoints = candidates.reduce((sum, { row }) => sum + row.epochs_done, 0);
  const toggleLog = (name: string) => {
    const { logarithmic } = address;
    adjust({
      logarithmic: logarithmic.includes(name) ? logarithmic.filter((one) => one !== name) : [...logarithmic, name],
    });
  };

  if (keys.length === 0) return <NoScores />;
  return (
    <section aria-label="Charts" className="grid content-start gap-2">
      <ChartToolbar splits={splits} split={split!} colouring={colouring} address={address} adjust={adjust} />
      <Legend colouring={colouring} chosen={chosen} filter={address.filter} onFilter={(filter) => adjust({ filter })} />
      <div className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,280px),1fr))] gap-2">
        {shown.map((key) => (
          <figure key={key.key} className="panel min-w-0 px-1 pt-2" data-metric={key.key}>
            <Caption metric={key} isLog={address.logarithmic.includes(key.name)} onLog={() => toggleLog(key.name)} />
            <WhenVisible height={CHART_HEIGHT}>
              {(width) => (
                <MetricChart
                  metric={key}
                  ids={chosen}
                  source={source}
                  numPoints={numPoints}
                  numCharts={Math.min(shown.length, MOST_CHARTS_AT_ONCE)}
                  width={width}
                  colourOf={colouring.colourOf}
                  parameters={parameters}
                  height={CHART_HEIGHT}
                  theme={theme}
                  logarithmic={address.logarithmic.includes(key.name)}
                  smoothing={address.smoothing}
                />
              )}
            </WhenVisible>
          </figure>
        ))}
      </div>
    </section>
  );
}

function Caption({ metric, isLog, onLog }: { metric: ScoreKey; isLog: boolean; onLog: () => void }) {
  return (
    <figcaption className="flex items-center justify-between gap-2 pr-1 pl-2">
      <span className="truncate" title={metric.key}>
        {metric.split && <span className="text-soft">{metric.split} </span>}
        <span className="font-semibold">{metric.name}</span>
      </span>
      <button
        type="button"
        aria-pressed={isLog}
        aria-label={`Logarithmic scale for ${metric.name}`}
        className={`button h-5 px-1.5 text-2xs ${isLog ? "border-accent bg-accent-wash text-accent" : "quiet"}`}
        onClick={onLog}
      >
        log
      </button>
    </figcaption>
  );
}

function NoScores() {
  return (
    <section aria-label="Charts" className="panel grid h-48 place-items-center px-6 text-center text-soft">
      <p>No scores yet. The first points come after the first epoch.</p>
    </section>
  );
}
