import { Notice } from "@/components/Notice";
import { RunList } from "@/features/runs/RunList";
import { parseEndpoint, type Address } from "@/lib/address";
import { fetchRuns } from "@/lib/api";
import { useNavigation } from "@/lib/navigation";
import { useTheme } from "@/lib/theme";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { Header } from "./Header";
import { LiveRun, PastRun } from "./Run";
import { useTitle } from "./useTitle";

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
  const place = { address, adjust, runId: address.runId, restEndpoint, wsEndpoint };
  return address.at === null ? <LiveRun {...place} /> : <PastRun {...place} at={address.at} />;
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
      <Header address={address} restEndpoint={restEndpoint} />
      <RunList runs={data} error={error} address={address} />
    </>
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
