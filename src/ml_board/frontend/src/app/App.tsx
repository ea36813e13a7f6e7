import { Link } from "@/components/Link";
import { Notice } from "@/components/Notice";
import { ConnectionBadge } from "@/features/connection/ConnectionBadge";
import { ConnectionNotice } from "@/features/connection/ConnectionNotice";
import { useLiveRun } from "@/features/connection/useLiveRun";
import { RunList } from "@/features/runs/RunList";
import { addressOf, parseEndpoint, type Address } from "@/lib/address";
import { fetchRuns } from "@/lib/api";
import { useNavigation } from "@/lib/navigation";
import { viewRun } from "@/lib/runView";
import { useTheme } from "@/lib/theme";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { ExperimentView } from "./ExperimentView";
import { Header } from "./Header";
import { PageSkeleton } from "./PageSkeleton";
import { RunPage } from "./RunPage";

export function App() {
  const { address, adjust } = useNavigation();
  const { theme } = useTheme();
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  const restEndpoint = parseEndpoint(address.restEndpoint, window.location.origin);
  const wsEndpoint = parseEndpoint(address.wsEndpoint, window.location.origin);
  if (restEndpoint === null || wsEndpoint === null) return <WrongEndpoint address={address} />;
  if (address.runId === null) return <Runs address={address} restEndpoint={restEndpoint} />;
  return (
    <Run address={address} adjust={adjust} runId={address.runId} restEndpoint={restEndpoint} wsEndpoint={wsEndpoint} />
  );
}

const POLL_INTERVAL_MS = 2_000;

function Runs({ address, restEndpoint }: { address: Address; restEndpoint: string }) {
  const { data, error } = useQuery({
    queryKey: ["runs", restEndpoint],
    queryFn: ({ signal }) => fetchRuns(restEndpoint, signal),
    refetchInterval: POLL_INTERVAL_MS,
  });
  useTitle("Runs");
  return (
    <>
      <Header address={address} />
      <RunList runs={data} error={error} address={address} />
    </>
  );
}

interface RunProps {
  address: Address;
  adjust: (change: Partial<Address>) => void;
  runId: string;
  restEndpoint: string;
  wsEndpoint: string;
}

function Run({ address, adjust, runId, restEndpoint, wsEndpoint }: RunProps) {
  const live = useLiveRun(wsEndpoint, runId);
  const view = useMemo(() => (live.snapshot ? viewRun(live.snapshot) : null), [live.snapshot]);
  const { experimentId } = address;
  const isOver = view !== null && view.status !== "running" && view.status !== "pending";
  const stale = live.phase !== "live";
  useTitle(experimentId === null ? runId : `#${experimentId} · ${runId}`);
  const isPane = experimentId === null && view !== null;
  return (
    <div className={isPane ? "flex min-h-dvh flex-col xl:h-dvh" : ""}>
      <Header address={address}>
        <ConnectionBadge state={live} endpoint={wsEndpoint} isOver={isOver} />
      </Header>
      <main className={`flex min-h-0 flex-1 flex-col gap-4 px-4 py-4 ${stale ? "stale" : ""}`}>
        <ConnectionNotice
          state={live}
          endpoint={wsEndpoint}
          allRuns={
            <Link className="button" to={addressOf(address, null)}>
              All runs
            </Link>
          }
        />
        {view === null ? (
          !live.error && <PageSkeleton />
        ) : experimentId === null ? (
          <RunPage view={view} stale={stale} address={address} adjust={adjust} />
        ) : (
          <ExperimentView view={view} address={address} experimentId={experimentId} restEndpoint={restEndpoint} />
        )}
      </main>
    </div>
  );
}

function WrongEndpoint({ address }: { address: Address }) {
  return (
    <>
      <Header address={address} />
      <main className="p-4">
        <Notice tone="error" title="This page’s address names an endpoint that is no http address.">
          rest_endpoint is “{address.restEndpoint ?? window.location.origin}”, ws_endpoint is “
          {address.wsEndpoint ?? window.location.origin}”. Both look like http://127.0.0.1:8080; without them the board
          asks the server that it came from.
        </Notice>
      </main>
    </>
  );
}

function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · MLboard`;
  }, [title]);
}
