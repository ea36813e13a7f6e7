import { Ago } from "@/components/Ago";
import type { LiveRunState } from "./liveRun";

interface Props {
  state: LiveRunState & { reconnect: () => void };
  endpoint: string;
  /** Whether news can still come: a run that is over is no less connected for being silent. */
  isOver: boolean;
}

/** Whether what the page shows is what is: connecting, live, or lost and trying again. */
export function ConnectionBadge({ state, endpoint, isOver }: Props) {
  const { phase, attempt, snapshot, heardAt, reconnect } = state;
  const lastEvent = snapshot?.run.last_event_at ?? null;
  return (
    <div
      className="flex items-center gap-2 text-xs whitespace-nowrap"
      role="status"
      data-connection={phase}
      title={endpoint}
    >
      {phase === "live" ? (
        <>
          <Dot className="bg-finished" />
          <span>{isOver || snapshot === null ? "Connected" : "Live"}</span>
          {lastEvent !== null && (
            <span className="hidden text-soft sm:inline">
              last event <Ago time={lastEvent} />
            </span>
          )}
        </>
      ) : phase === "connecting" && attempt === 0 ? (
        <>
          <Dot className="animate-pulse bg-line-strong" />
          <span className="text-soft">Connecting…</span>
        </>
      ) : (
        <>
          <Dot className="bg-lost" />
          <span className="text-lost">
            {phase === "connecting" ? "No connection" : "Connection lost"}
            <span className="hidden sm:inline">
              , {attempt === 0 ? "reconnecting" : `attempt ${attempt}`}
              {heardAt !== null && (
                <>
                  {" "}
                  · heard <Ago time={heardAt} />
                </>
              )}
            </span>
          </span>
          <button type="button" className="button h-6 px-2" onClick={reconnect}>
            Retry now
          </button>
        </>
      )}
    </div>
  );
}

function Dot({ className }: { className: string }) {
  return <span aria-hidden="true" className={`size-2 rounded-full ${className}`} />;
}
