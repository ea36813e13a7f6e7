import { Link } from "@/components/Link";
import { Notice } from "@/components/Notice";
import { Status } from "@/components/Status";
import { ModelCard } from "@/features/card/ModelCard";
import { ExperimentPage } from "@/features/experiment/ExperimentPage";
import { LogPanel } from "@/features/logs/LogPanel";
import { addressOf, type Address } from "@/lib/address";
import { ApiError, fetchExperiment } from "@/lib/api";
import { formatParameter } from "@/lib/format";
import type { RunView } from "@/lib/runView";
import { shortNames } from "@/lib/scores";
import { useTheme } from "@/lib/theme";
import type { CurveSource } from "@/lib/useCurves";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { PageSkeleton } from "./PageSkeleton";

interface Props {
  view: RunView;
  source: CurveSource;
  address: Address;
  experimentId: number;
}

/** One experiment: its live row and curves from the run, the rest over REST. */
export function ExperimentView({ view, source, address, experimentId }: Props) {
  const { theme } = useTheme();
  const { endpoint, runId, at } = source;
  const candidate = view.candidates.find(({ row }) => row.experiment_id === experimentId);
  const isRunning = candidate?.status === "running";
  const query = useQuery({
    queryKey: ["experiment", endpoint, runId, experimentId, at, candidate?.row.status, candidate?.row.attempt],
    queryFn: ({ signal }) => fetchExperiment(endpoint, runId, experimentId, at, signal),
    refetchInterval: ({ state }) => ((isRunning && at === null) || state.status === "error" ? 2_000 : false),
    placeholderData: (previous, previousQuery) => (previousQuery?.queryKey[3] === experimentId ? previous : undefined),
    enabled: candidate !== undefined,
  });
  if (!candidate) return <UnknownExperiment id={experimentId} address={address} />;
  return (
    <>
      <Title view={view} address={address} experimentId={experimentId} />
      {query.error && (
        <Notice tone={query.data ? "warning" : "error"} title={query.error.message}>
          {query.error instanceof ApiError && query.error.hint}
        </Notice>
      )}
      {query.data ? (
        <ExperimentPage
          experiment={query.data}
          row={candidate.row}
          status={candidate.status}
          source={source}
          parameters={candidate.parameters}
          theme={theme}
          log={
            <LogPanel
              key={experimentId}
              restEndpoint={endpoint}
              runId={runId}
              experimentId={experimentId}
              at={at}
              numLines={candidate.row.num_log_lines}
              className="max-h-96"
            />
          }
          card={
            <ModelCard
              key={experimentId}
              restEndpoint={endpoint}
              runId={runId}
              experimentId={experimentId}
              at={at}
              state={`${candidate.row.status} ${candidate.row.attempt}`}
              isOpen={isRunning}
            />
          }
        />
      ) : (
        !query.error && <PageSkeleton />
      )}
    </>
  );
}

function Title({ view, address, experimentId }: { view: RunView; address: Address; experimentId: number }) {
  const index = view.candidates.findIndex(({ row }) => row.experiment_id === experimentId);
  const { row, status, parameters } = view.candidates[index]!;
  const names = shortNames(Object.keys(parameters));
  return (
    <header className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <h1 className="text-xl font-semibold tracking-tight">Experiment {experimentId}</h1>
      <span className="text-base font-medium" data-testid="experiment-status">
        <Status status={status} />
      </span>
      <span className="text-soft">
        {row.epochs_done} of {row.num_epochs ?? "?"} epochs
      </span>
      <ul aria-label="What differs" className="flex flex-wrap gap-1.5">
        {Object.entries(parameters).map(([path, value]) => (
          <li key={path} title={path} className="rounded border border-line bg-panel px-1.5 text-xs leading-5">
            <span className="text-soft">{names.get(path)}</span> {formatParameter(value)}
          </li>
        ))}
      </ul>
      <nav aria-label="Other experiments" className="ml-auto flex gap-2">
        <Neighbour view={view} address={address} index={index - 1}>
          ← Previous
        </Neighbour>
        <Neighbour view={view} address={address} index={index + 1}>
          Next →
        </Neighbour>
      </nav>
    </header>
  );
}

interface NeighbourProps {
  view: RunView;
  address: Address;
  index: number;
  children: ReactNode;
}

function Neighbour({ view, address, index, children }: NeighbourProps) {
  const neighbour = view.candidates[index];
  if (!neighbour) return null;
  return (
    <Link className="button" to={addressOf(address, address.runId, neighbour.row.experiment_id)}>
      {children}
    </Link>
  );
}

function UnknownExperiment({ id, address }: { id: number; address: Address }) {
  return (
    <Notice
      tone="error"
      title={`The run has no experiment ${id}.`}
      action={
        <Link className="button" to={addressOf(address, address.runId)}>
          All experiments
        </Link>
      }
    >
      Its table of experiments lists those that it has.
    </Notice>
  );
}
