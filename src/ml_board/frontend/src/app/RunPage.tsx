import { ChartGrid } from "@/features/charts/ChartGrid";
import { colourRun } from "@/features/charts/colouring";
import { LogPanel } from "@/features/logs/LogPanel";
import { RunHeader } from "@/features/runs/RunHeader";
import { ColumnMenu } from "@/features/table/ColumnMenu";
import { SystemStrip } from "@/features/system/SystemStrip";
import { ExperimentTable } from "@/features/table/ExperimentTable";
import type { Address } from "@/lib/address";
import { choose, type RunView } from "@/lib/runView";
import { parameterPaths, scoreKeys } from "@/lib/scores";
import { useTheme } from "@/lib/theme";
import type { CurveSource } from "@/lib/useCurves";
import { useCallback, useMemo } from "react";
import { FilterBar } from "./FilterBar";

interface Props {
  view: RunView;
  source: CurveSource;
  stale: boolean;
  address: Address;
  adjust: (change: Partial<Address>) => void;
}

/** A run: how far it is, all experiments as a table and as curves. */
export function RunPage({ view, source, stale, address, adjust }: Props) {
  const { theme } = useTheme();
  const { snapshot, candidates: all } = view;
  const chosen = useMemo(() => choose(view, address.filter), [view, address.filter]);
  // Parameters come with a snapshot alone and keep their identity through its deltas.
  const colouring = useMemo(() => colourRun(all, address.colour, theme), [snapshot.parameters, address.colour, theme]);
  const paths = useMemo(() => parameterPaths(Object.values(snapshot.parameters)), [snapshot.parameters]);
  const onSort = useCallback((sort: string | null) => adjust({ sort }), [adjust]);
  const isSplit = address.layout === "split";
  const showsTable = isSplit || address.layout === "table";
  const showsCharts = isSplit || address.layout === "charts";
  return (
    <>
      <RunHeader view={view} stale={stale} />
      {snapshot.run.system && (
        <SystemStrip
          restEndpoint={source.endpoint}
          runId={source.runId}
          at={source.at}
          sample={snapshot.run.system}
          isOpen={view.status === "running"}
        />
      )}
      <FilterBar
        address={address}
        adjust={adjust}
        numShown={chosen.length}
        numAll={all.length}
        paths={paths}
        scoreKey={scoreKeys(snapshot.experiments)[0]?.key}
      >
        {showsTable && (
          <ColumnMenu candidates={all} hidden={address.hidden} onChange={(hidden) => adjust({ hidden })} />
        )}
      </FilterBar>
      {/* Side by side, table and charts scroll each for itself; on small screens the page scrolls. */}
      <div
        className={`grid min-h-0 flex-1 grid-cols-[minmax(0,1fr)] gap-4 xl:grid-rows-[minmax(0,1fr)] ${isSplit ? "xl:grid-cols-[minmax(0,11fr)_minmax(0,10fr)]" : ""}`}
      >
        {showsTable && (
          <section
            aria-label="Table"
            className={`flex min-h-0 min-w-0 flex-col ${isSplit ? "max-xl:max-h-[70dvh]" : "max-xl:max-h-[85dvh]"}`}
          >
            <ExperimentTable
              all={all}
              candidates={chosen}
              colourOf={colouring.colourOf}
              address={address}
              onSort={onSort}
            />
          </section>
        )}
        {showsCharts && (
          <div className="min-h-0 min-w-0 xl:overflow-y-auto">
            <ChartGrid
              all={all}
              candidates={chosen}
              parameters={snapshot.parameters}
              source={source}
              colouring={colouring}
              theme={theme}
              address={address}
              adjust={adjust}
            />
          </div>
        )}
        {address.layout === "logs" && (
          <section aria-label="Log" className="panel flex min-h-0 min-w-0 flex-col">
            <LogPanel
              restEndpoint={source.endpoint}
              runId={source.runId}
              experimentId={null}
              at={source.at}
              numLines={snapshot.run.num_log_lines}
              className="max-xl:max-h-[70dvh]"
            />
          </section>
        )}
      </div>
    </>
  );
}
