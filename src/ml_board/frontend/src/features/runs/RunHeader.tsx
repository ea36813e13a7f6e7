import { Ago, Duration } from "@/components/Ago";
import { CopyButton } from "@/components/Copy";
import { Bar } from "@/components/Progress";
import { STATUS_COLOUR, Status, StatusMark } from "@/components/Status";
import { useNow } from "@/lib/clock";
import { formatCommand, formatCount, formatDuration } from "@/lib/format";
import { countStatuses, remainingSeconds, runShare } from "@/lib/progress";
import type { RunView } from "@/lib/runView";
import { STATUS_MEANING, STATUS_ORDER } from "@/lib/status";

/** What a run is and how far it is. `stale`: nobody knows whether it still is so. */
export function RunHeader({ view, stale }: { view: RunView; stale: boolean }) {
  const { run } = view.snapshot;
  const isOver = view.status !== "running" && view.status !== "pending" && view.status !== "unconfirmed";
  const end = run.ended_at ?? (isOver ? run.last_event_at : null);
  return (
    <header className="flex flex-wrap items-end gap-x-8 gap-y-3">
      <div className="min-w-0">
        <div className="flex min-w-0 flex-wrap items-baseline gap-x-3">
          <h1 className="text-xl font-semibold tracking-tight break-words">{run.description ?? run.run_id}</h1>
          <span className="text-base font-medium" data-testid="run-status">
            <Status status={view.status} />
          </span>
          {(stale || view.status === "lost" || view.status === "unconfirmed") && (
            <span className="text-xs text-lost">{stale ? "last known" : STATUS_MEANING[view.status]}</span>
          )}
        </div>
        <dl className="mt-0.5 flex flex-wrap items-center gap-x-4 text-xs leading-6 text-soft [&_dt]:sr-only">
          {run.description && <Fact name="Run">{<span className="font-mono">{run.run_id}</span>}</Fact>}
          <Fact name="Started">
            started <Ago time={run.started_at} />
          </Fact>
          <Fact name="Duration">
            {isOver ? "took " : "for "}
            <Duration from={run.started_at} to={end} />
          </Fact>
          <Fact name="Events">{formatCount(run.num_events, "event")}</Fact>
          {run.num_dropped > 0 && (
            <Fact name="Dropped">
              <span
                className="text-lost"
                title="Progress events where a spool was full, and log lines over the rate; results and checkpoints never are."
              >
                {run.num_dropped.toLocaleString("en-GB")} dropped
              </span>
            </Fact>
          )}
          {run.num_divergences > 0 && (
            <Fact name="Divergences">
              <span className="text-lost" title="A repeated attempt gave other content than the one before it.">
                {formatCount(run.num_divergences, "divergence")}
              </span>
            </Fact>
          )}
          {run.entry_command.length > 0 && <EntryCommand words={run.entry_command} />}
        </dl>
      </div>
      <RunProgress view={view} stale={stale} isOver={isOver} />
    </header>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function EntryCommand({ words }: { words: string[] }) {
  const command = formatCommand(words);
  const [program = "", ...rest] = words;
  return (
    <div className="flex max-w-full min-w-0 items-center">
      <dt>Command</dt>
      <dd className="max-w-80 min-w-0 truncate font-mono" title={command}>
        {formatCommand([program.slice(program.lastIndexOf("/") + 1), ...rest])}
      </dd>
      <CopyButton text={command} what="the command" />
    </div>
  );
}

interface ProgressProps {
  view: RunView;
  stale: boolean;
  isOver: boolean;
}

function RunProgress({ view, stale, isOver }: ProgressProps) {
  const now = useNow();
  const { run, experiments } = view.snapshot;
  const share = runShare(experiments, run.num_experiments);
  const remaining = isOver || stale ? null : remainingSeconds(share, run.started_at, now);
  const counts = countStatuses(view.candidates.map(({ status }) => status));
  const unborn = run.num_experiments - view.candidates.length;
  if (unborn > 0) counts.pending = (counts.pending ?? 0) + unborn;
  return (
    <div className="w-full min-w-60 flex-1 sm:ml-auto sm:w-auto sm:max-w-md">
      <div className="mb-1.5 flex justify-between gap-4 text-xs">
        <span className="flex flex-wrap gap-x-3">
          {STATUS_ORDER.filter((status) => counts[status]).map((status) => (
            <span key={status} className="inline-flex items-center gap-1" title={STATUS_MEANING[status]}>
              <span className={STATUS_COLOUR[status]}>
                <StatusMark status={status} />
              </span>
              {counts[status]} {status}
            </span>
          ))}
        </span>
        <span className="text-soft">
          {remaining !== null && <>about {formatDuration(remaining)} left · </>}
          {Math.floor(share * 100)} %
        </span>
      </div>
      <Bar
        share={share}
        label="Progress of the run"
        tone={view.status === "finished" ? "finished" : isOver || stale ? "soft" : "running"}
      />
    </div>
  );
}
