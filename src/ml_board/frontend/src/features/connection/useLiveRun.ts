import { useEffect, useMemo } from "react";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import { NOTHING_YET, createLiveRun, type LiveRunState } from "./liveRun";

const NO_RUN = createStore<LiveRunState>(() => NOTHING_YET);

/** Watches a run for as long as the caller is mounted; nothing where there is no run. */
export function useLiveRun(endpoint: string | null, runId: string | null): LiveRunState & { reconnect: () => void } {
  const live = useMemo(
    () => (endpoint !== null && runId !== null ? createLiveRun(endpoint, runId) : null),
    [endpoint, runId],
  );
  useEffect(() => {
    live?.open();
    return () => live?.close();
  }, [live]);
  const state = useStore(live?.store ?? NO_RUN);
  return { ...state, reconnect: () => live?.reconnect() };
}
