/**
 * One run as it is now: watched over the socket, folded on arrival, told to the page at most ten times a second.
 * Knows when the connection is gone and what came last; knows nothing of how a run is shown.
 */

import { isErrorBody, type ErrorBody } from "@/lib/api";
import { applyDelta } from "@/lib/fold";
import { addNews, noNews, type News } from "@/lib/news";
import { pace } from "@/lib/pace";
import type { RunDelta, RunSnapshot } from "@/types/generated";
import { io, type Socket } from "socket.io-client";
import { createStore, type StoreApi } from "zustand/vanilla";

export type Phase = "connecting" | "live" | "reconnecting";

export interface LiveRunState {
  phase: Phase;
  /** Attempts since the connection was lost, or since the first one failed. */
  attempt: number;
  snapshot: RunSnapshot | null;
  /** The points that came since the snapshot was sent. */
  news: News;
  error: ErrorBody["error"] | null;
  /** What the server says where it lets nobody in without a token; it is not asked again by itself. */
  refusal: string | null;
  /** When the server was last heard, in seconds since the epoch. */
  heardAt: number | null;
}

export interface LiveRun {
  store: StoreApi<LiveRunState>;
  open: () => void;
  reconnect: () => void;
  close: () => void;
}

export const NOTHING_YET: LiveRunState = {
  phase: "connecting",
  attempt: 0,
  snapshot: null,
  news: noNews(0),
  error: null,
  refusal: null,
  heardAt: null,
};

const REDRAW_INTERVAL_MS = 100;
const PING_INTERVAL_MS = 5_000;
const SILENCE_LIMIT_MS = 12_000;

/** A run to be watched; nothing is sent before `open`. */
export function createLiveRun(endpoint: string, runId: string, connect: typeof io = io): LiveRun {
  const store = createStore<LiveRunState>(() => NOTHING_YET);
  const { origin, path } = socketAddress(endpoint);
  const socket = connect(origin, {
    path,
    autoConnect: false,
    forceNew: true,
    reconnectionDelay: 500,
    reconnectionDelayMax: 5_000,
  });
  const draw = pace<void>(
    () => store.setState({ snapshot, news, heardAt }),
    () => REDRAW_INTERVAL_MS,
  );
  let snapshot: RunSnapshot | null = null;
  let news = NOTHING_YET.news;
  let heardAt: number | null = null;
  let asking = false;

  const hear = () => {
    heardAt = Date.now() / 1000;
  };
  const watch = () => {
    if (asking) return;
    asking = true;
    socket.emit("watch", { run_id: runId }, (answer: RunSnapshot | ErrorBody) => {
      asking = false;
      hear();
      if (isErrorBody(answer)) {
        store.setState({ phase: "live", attempt: 0, error: answer.error, refusal: null, heardAt });
        return;
      }
      snapshot = answer;
      news = noNews(answer.offset);
      store.setState({ phase: "live", attempt: 0, error: null, refusal: null, snapshot, news, heardAt });
    });
  };

  socket.on("connect", () => {
    asking = false;
    watch();
  });
  socket.on("delta", (delta: RunDelta) => {
    hear();
    if (snapshot === null || asking) return;
    const next = applyDelta(snapshot, delta);
    if (next === null) return watch();
    if (next !== snapshot) news = addNews(news, delta);
    snapshot = next;
    draw();
  });
  socket.on("pong", () => {
    hear();
    draw();
  });
  socket.on("disconnect", (reason) => {
    if (reason === "io client disconnect") return;
    store.setState({ phase: "reconnecting", attempt: 0 });
    // The library leaves it at that when the server itself hangs up.
    if (reason === "io server disconnect") socket.connect();
  });
  socket.on("connect_error", (error) => {
    // The library tries again by itself, but not where the server itself said no.
    const refusal = socket.active ? null : error.message;
    store.setState((state) => ({ attempt: state.attempt + 1, refusal }));
  });

  const look = () => {
    if (!socket.connected) return;
    if (heardAt !== null && Date.now() - heardAt * 1000 > SILENCE_LIMIT_MS) socket.io.engine.close();
    else socket.emit("ping");
    // A link may be older than the run that it names.
    if (store.getState().error !== null) watch();
  };
  let timer: ReturnType<typeof setInterval> | undefined;

  return {
    store,
    open: () => {
      timer = setInterval(look, PING_INTERVAL_MS);
      socket.connect();
    },
    reconnect: () => retryNow(socket),
    close: () => {
      clearInterval(timer);
      draw.cancel();
      socket.disconnect();
    },
  };
}

/** Ends the wait for the next attempt and begins it. */
function retryNow(socket: Socket): void {
  socket.disconnect();
  socket.connect();
}

/** Socket.IO takes a path in the address for a namespace; a board behind a prefix means the prefix of its path. */
export function socketAddress(endpoint: string): { origin: string; path: string } {
  const url = new URL(endpoint);
  return { origin: url.origin, path: `${url.pathname.replace(/\/+$/, "")}/socket.io` };
}
