import { Ago, Duration } from "@/components/Ago";
import { Command } from "@/components/Copy";
import { Link } from "@/components/Link";
import { Notice } from "@/components/Notice";
import { CountBar } from "@/components/Progress";
import { Status } from "@/components/Status";
import { addressOf, type Address } from "@/lib/address";
import { ApiError } from "@/lib/api";
import { formatCount } from "@/lib/format";
import { overlaySummary } from "@/lib/overlay";
import { STATUS_ORDER, shownRunStatus, type ShownStatus } from "@/lib/status";
import type { ListedRun } from "@/types/generated";
import { useState } from "react";

interface Props {
  runs: ListedRun[] | undefined;
  error: Error | null;
  address: Address;
}

/** All runs of the event storage, newest first. */
export function RunList({ runs: told, error, address }: Props) {
  const runs = told?.map((run) => overlaySummary(run, run.liveness));
  const [filter, setFilter] = useState("");
  const wanted = filter.trim().toLowerCase();
  const shown = runs?.filter((run) =>
    `${run.run_id} ${run.description ?? ""} ${shownRunStatus(run, run.liveness)}`.toLowerCase().includes(wanted),
  );
  return (
    <main className="mx-auto w-full max-w-6xl px-4 py-6">
      <div className="mb-4 flex flex-wrap items-center gap-3">
        <h1 className="text-xl font-semibold tracking-tight">Runs</h1>
        {runs && runs.length > 0 && <span className="text-soft">{runs.length}</span>}
        {runs && runs.length > 8 && (
          <input
            type="search"
            className="field ml-auto w-56"
            aria-label="Filter runs"
            placeholder="Filter by id, text or status"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
          />
        )}
      </div>
      {error && <ListError error={error} stale={runs !== undefined} />}
      {!runs && !error && <Skeleton />}
      {runs?.length === 0 && <NoRuns />}
      {shown && runs && runs.length > 0 && (
        <div className="panel overflow-x-auto">
          <table className="w-full border-collapse text-left">
            <thead>
              <tr className="label border-b border-line [&>th]:px-3 [&>th]:py-2 [&>th]:font-normal">
                <th scope="col">Status</th>
                <th scope="col">Run</th>
                <th scope="col" className="hidden md:table-cell">
                  Experiments
                </th>
                <th scope="col" className="hidden text-right sm:table-cell">
                  Started
                </th>
                <th scope="col" className="hidden text-right lg:table-cell">
                  Took
                </th>
                <th scope="col" className="hidden text-right lg:table-cell">
                  Last event
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((run) => (
                <RunRow key={run.run_id} run={run} address={address} />
              ))}
            </tbody>
          </table>
          {shown.length === 0 && <p className="p-6 text-center text-soft">No run matches “{filter}”.</p>}
        </div>
      )}
    </main>
  );
}

function RunRow({ run, address }: { run: ListedRun; address: Address }) {
  const status = shownRunStatus(run, run.liveness);
  const counts = run.counts as Partial<Record<ShownStatus, number>>;
  const to = addressOf(address, run.run_id);
  const isOver = status !== "running" && status !== "pending";
  return (
    <tr
      data-run={run.run_id}
      className="relative border-b border-line align-top last:border-0 hover:bg-ground [&>td]:px-3 [&>td]:py-2.5"
    >
      <td className="w-28">
        <Status status={status} />
      </td>
      <td className="max-w-0 sm:max-w-96">
        {/* The link's box is the whole row: one target, and a real link for keyboards and new tabs. */}
        <Link to={to} className="block truncate font-medium after:absolute after:inset-0">
          {run.description ?? run.run_id}
        </Link>
        <div className="truncate text-xs text-soft">
          {run.description && <span className="font-mono">{run.run_id}</span>}
          <span className="sm:hidden">
            {run.description && " · "}
            <Ago time={run.started_at} />
          </span>
        </div>
        <div className="mt-1.5 md:hidden">
          <CountBar counts={counts} total={run.num_experiments} />
        </div>
      </td>
      <td className="hidden w-64 md:table-cell">
        <div className="mb-1.5 text-xs text-soft">
          <span className="text-ink">{run.num_experiments}</span>
          {STATUS_ORDER.filter((one) => counts[one]).map((one) => (
            <span key={one}>
              {" "}
              · {counts[one]} {one}
            </span>
          ))}
        </div>
        <CountBar counts={counts} total={run.num_experiments} />
      </td>
      <td className="hidden text-right whitespace-nowrap text-soft sm:table-cell">
        <Ago time={run.started_at} />
      </td>
      <td className="hidden text-right whitespace-nowrap text-soft lg:table-cell">
        <Duration from={run.started_at} to={run.ended_at ?? (isOver ? run.last_event_at : null)} />
      </td>
      <td
        className="hidden text-right whitespace-nowrap text-soft lg:table-cell"
        title={formatCount(run.num_events, "event")}
      >
        <Ago time={run.last_event_at} />
      </td>
    </tr>
  );
}

function ListError({ error, stale }: { error: Error; stale: boolean }) {
  return (
    <div className="mb-4">
      <Notice tone={stale ? "warning" : "error"} title={error.message}>
        {error instanceof ApiError && error.hint}
        {stale && " The list below is the last that was known."}
      </Notice>
    </div>
  );
}

function NoRuns() {
  return (
    <section className="panel grid justify-items-center gap-4 px-6 py-14 text-center">
      <svg viewBox="0 0 120 64" className="w-32 text-line-strong" fill="none" stroke="currentColor" aria-hidden="true">
        <path d="M8 4v52h108" strokeWidth="1.5" strokeLinecap="round" />
        <path
          d="M16 14c14 24 40 32 96 34M16 12c20 14 50 22 96 24M16 10c30 6 60 12 96 13"
          strokeWidth="1.5"
          strokeDasharray="2 5"
          strokeLinecap="round"
        />
      </svg>
      <div>
        <h2 className="text-lg font-semibold">No runs yet</h2>
        <p className="mt-1 max-w-md text-soft">
          This page watches the event storage that the board was started on. Start a grid search that writes there and
          it appears here by itself.
        </p>
      </div>
      <Command>mlgym run example/grid_search_example/gs_config.yml</Command>
    </section>
  );
}

function Skeleton() {
  return (
    <div className="panel divide-y divide-line" aria-busy="true" aria-label="Loading runs">
      {[0, 1, 2, 3].map((index) => (
        <div key={index} className="flex gap-6 px-3 py-4">
          <div className="skeleton h-3.5 w-20" />
          <div className="skeleton h-3.5 flex-1" />
          <div className="skeleton hidden h-3.5 w-40 md:block" />
          <div className="skeleton hidden h-3.5 w-16 sm:block" />
        </div>
      ))}
    </div>
  );
}
