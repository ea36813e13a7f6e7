import { Notice } from "@/components/Notice";
import { formatTime } from "@/lib/format";
import type { ReactNode } from "react";
import type { LiveRunState } from "./liveRun";

interface Props {
  state: LiveRunState & { reconnect: () => void };
  endpoint: string;
  /** A way out for those whose run is not here. */
  allRuns: ReactNode;
}

/** What the reader should know when the page is not live: why, since when, and what to do. Nothing otherwise. */
export function ConnectionNotice({
  state: { phase, attempt, snapshot, error, refusal, heardAt, reconnect },
  endpoint,
  allRuns,
}: Props) {
  const retry = (
    <button type="button" className="button" onClick={reconnect}>
      Try again now
    </button>
  );
  if (error) {
    return (
      <Notice tone="error" title={error.message} action={allRuns}>
        {error.hint && <p>{error.hint}</p>}
        <p>Check the run&rsquo;s id in this page&rsquo;s address. The page asks again every few seconds.</p>
      </Notice>
    );
  }
  if (refusal) {
    return (
      <Notice tone="error" title={`${endpoint} lets nobody in without a token.`} action={retry}>
        <p>It says: {refusal}</p>
        {endpoint !== window.location.origin && (
          <p>
            This page cannot sign in there: open {endpoint}/ itself, or serve socket, REST and pages by one{" "}
            <code className="font-mono text-xs">ml_board</code>.
          </p>
        )}
      </Notice>
    );
  }
  if (phase === "connecting" && attempt > 0 && snapshot === null) {
    return (
      <Notice tone="error" title={`The socket endpoint ${endpoint} does not answer.`} action={retry}>
        Start it with <code className="font-mono text-xs">ml_board</code>, or check the{" "}
        <code className="font-mono text-xs">ws_endpoint</code> in this page&rsquo;s address. Attempt {attempt}; the page
        keeps trying.
      </Notice>
    );
  }
  if (phase === "reconnecting" && snapshot !== null) {
    return (
      <Notice tone="warning" title="Connection lost. What you see is the last that was known.">
        As of {formatTime(heardAt)}, from {endpoint}. The page reconnects by itself and catches up.
      </Notice>
    );
  }
  return null;
}
