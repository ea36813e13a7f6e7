import { Link } from "@/components/Link";
import { Notice } from "@/components/Notice";
import { ConnectionBadge } from "@/features/connection/ConnectionBadge";
import { ConnectionNotice } from "@/features/connection/ConnectionNotice";
import { useLiveRun } from "@/features/connection/useLiveRun";
import { addressOf, type Address } from "@/lib/address";
import { ApiError, fetchRunAt } from "@/lib/api";
import { StandingClock } from "@/lib/clock";
import { formatTime } from "@/lib/format";
import { noNews, type News } from "@/lib/news";
import { viewRun } from "@/lib/runView";
import type { RunSnapshot } from "@/types/generated";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, type ReactNode } from "react";
import { ExperimentView } from "./ExperimentView";
import { Header } from "./Header";
import { PageSkeleton } from "./PageSkeleton";
import { RunPage } from "./RunPage";
import { useTitle } from "./useTitle";

interface Props {
  address: Address;
  adjust: (change: Partial<Address>) => void;
  runId: string;
  restEndpoint: string;
  wsEndpoint: string;
}

/** A run as it is, followed over the socket. */
export function LiveRun(props: Props) {
  const { address, runId, restEndpoint, wsEndpoint } = props;
  const live = useLiveRun(wsEndpoint, runId);
  useSignIn(live.refusal, restEndpoint);
  const status = live.snapshot && viewRun(live.snapshot).status;
  const isOver = status !== null && status !== "running" && status !== "pending";
  return (
    <Frame
      {...props}
      snapshot={live.snapshot}
      news={live.news}
      stale={live.phase !== "live"}
      isLoading={!live.error && !live.refusal}
      badge={<ConnectionBadge state={live} endpoint={wsEndpoint} isOver={isOver} />}
      notice={
        <ConnectionNotice
          state={live}
          endpoint={wsEndpoint}
          allRuns={
            <Link className="button" to={addressOf(address, null)}>
              All runs
            </Link>
          }
        />
      }
    />
  );
}

/** A run as it was after the event `at`; nothing comes any more. */
export function PastRun({ at, ...props }: Props & { at: number }) {
  const { address, runId, restEndpoint } = props;
  const { data, error } = useQuery({
    queryKey: ["run", restEndpoint, runId, at],
    queryFn: ({ signal }) => fetchRunAt(restEndpoint, runId, at, signal),
    staleTime: Infinity,
  });
  // Whether processes live is known of the present alone: they were there to write this event.
  const snapshot = useMemo(() => (data ? { ...data, liveness: "alive" as const } : null), [data]);
  const news = useMemo(() => noNews(at + 1), [at]);
  return (
    <StandingClock value={data?.run.last_event_at ?? null}>
      <Frame
        {...props}
        snapshot={snapshot}
        news={news}
        stale={false}
        isLoading={!error}
        badge={
          <>
            <span className="rounded bg-lost-wash px-2 py-0.5 text-xs whitespace-nowrap text-lost" data-testid="moment">
              as of event {at}
              {data && <span className="hidden sm:inline">, {formatTime(data.run.last_event_at)}</span>}
            </span>
            <Link className="button" to={{ ...address, at: null }}>
              Show the present
            </Link>
          </>
        }
        notice={
          error && (
            <Notice tone="error" title={error.message}>
              {error instanceof ApiError && error.hint}
            </Notice>
          )
        }
      />
    </StandingClock>
  );
}

/** A refused socket does not say whether there is a session that ended: REST does, and leads to the form. */
function useSignIn(refusal: string | null, restEndpoint: string): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (refusal !== null) void queries.invalidateQueries({ queryKey: ["session", restEndpoint] });
  }, [refusal, restEndpoint, queries]);
}

interface FrameProps extends Props {
  snapshot: RunSnapshot | null;
  news: News;
  stale: boolean;
  isLoading: boolean;
  badge: ReactNode;
  notice: ReactNode;
}

function Frame({ address, adjust, runId, restEndpoint, snapshot, news, stale, isLoading, badge, notice }: FrameProps) {
  const view = useMemo(() => (snapshot ? viewRun(snapshot) : null), [snapshot]);
  const { experimentId, at } = address;
  const source = useMemo(() => ({ endpoint: restEndpoint, runId, at, news }), [restEndpoint, runId, at, news]);
  useTitle(experimentId === null ? runId : `#${experimentId} · ${runId}`);
  const isPane = experimentId === null && view !== null;
  return (
    <div className={isPane ? "flex min-h-dvh flex-col xl:h-dvh" : ""}>
      <Header address={address} restEndpoint={restEndpoint}>
        {badge}
      </Header>
      <main className={`flex min-h-0 flex-1 flex-col gap-4 px-4 py-4 ${stale ? "stale" : ""}`}>
        {notice}
        {view === null ? (
          isLoading && <PageSkeleton />
        ) : experimentId === null ? (
          <RunPage view={view} source={source} stale={stale} address={address} adjust={adjust} />
        ) : (
          <ExperimentView view={view} source={source} address={address} experimentId={experimentId} />
        )}
      </main>
    </div>
  );
}
