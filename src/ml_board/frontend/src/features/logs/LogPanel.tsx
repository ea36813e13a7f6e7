import { Notice } from "@/components/Notice";
import { Segmented } from "@/components/Segmented";
import { fetchLogs } from "@/lib/api";
import { createLogFeed, type LogFeed } from "@/lib/logFeed";
import type { LogEntry } from "@/types/generated";
import { useEffect, useMemo, useState } from "react";
import { useStore } from "zustand";
import { LogView } from "./LogView";

type Stream = LogEntry["stream"];

const STREAMS: readonly { value: Stream | "all"; label: string }[] = [
  { value: "all", label: "All" },
  { value: "stdout", label: "stdout" },
  { value: "stderr", label: "stderr" },
  { value: "logging", label: "logging" },
];

interface Props {
  restEndpoint: string;
  runId: string;
  /** Null for the whole run. */
  experimentId: number | null;
  /** The event after which the log is shown; null for the present. */
  at: number | null;
  /** How many lines there are: when it grows, there is more to read. */
  numLines: number;
  /** Of the place in which lines scroll. */
  className: string;
}

/** What training processes wrote: the end of it, followed while one looks at the end, and all that was before. */
export function LogPanel({ restEndpoint, runId, experimentId, at, numLines, className }: Props) {
  const [stream, setStream] = useState<Stream | "all">("all");
  const feed = useFeed(restEndpoint, runId, experimentId, stream, at);
  // One pauses what one reads: another log begins at its end.
  const [paused, setPaused] = useState<LogFeed | null>(null);
  const isFollowing = paused !== feed;
  const state = useStore(feed.store);
  useEffect(() => {
    if (isFollowing || at !== null) feed.readOn();
  }, [feed, isFollowing, at, numLines]);
  return (
    <>
      <div className="flex flex-wrap items-center gap-3 border-b border-line px-3 py-1.5">
        <Segmented label="Stream" options={STREAMS} value={stream} onChange={setStream} />
        <span className="text-xs text-soft" aria-live="polite" data-testid="log-state">
          {at !== null || !state.isLoaded ? "" : isFollowing ? "following the end" : "paused"}
        </span>
      </div>
      {state.error && (
        <div className="p-3">
          <Notice tone="warning" title={state.error.message}>
            The page asks again every few seconds.
          </Notice>
        </div>
      )}
      {state.lines.length > 0 ? (
        <LogView
          lines={state.lines}
          hasOlder={state.hasOlder}
          isRunWide={experimentId === null}
          isFollowing={isFollowing}
          onFollow={(follows) => setPaused(follows ? null : feed)}
          onTop={feed.readBack}
          className={className}
        />
      ) : state.isLoaded ? (
        <p className="p-4 text-soft">{emptyText(stream)}</p>
      ) : (
        !state.error && <div className="skeleton m-3 h-24" aria-busy="true" aria-label="Loading the log" />
      )}
    </>
  );
}

function emptyText(stream: Stream | "all"): string {
  return stream === "all" ? "Nothing was written so far." : `Nothing was written to ${stream} so far.`;
}

function useFeed(
  restEndpoint: string,
  runId: string,
  experimentId: number | null,
  stream: Stream | "all",
  at: number | null,
): LogFeed {
  const feed = useMemo(() => {
    const filter = { experiment: experimentId, stream: stream === "all" ? null : stream };
    return createLogFeed(
      (page, signal) => fetchLogs(restEndpoint, runId, { ...filter, ...page }, signal),
      at === null ? null : at + 1,
    );
  }, [restEndpoint, runId, experimentId, stream, at]);
  useEffect(() => {
    feed.open();
    return feed.close;
  }, [feed]);
  return feed;
}
