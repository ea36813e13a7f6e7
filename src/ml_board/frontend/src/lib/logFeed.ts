/**
 * The end of a log, followed; older lines when they are asked for. Knows how a page is fetched by its argument alone, and
 * keeps a bounded number of lines.
 */

import type { LogPage } from "@/types/generated";
import { createStore, type StoreApi } from "zustand/vanilla";
import type { LogRequest } from "./api";
import { linesOf, type LogLine } from "./logLines";
import { pace } from "./pace";

export interface LogState {
  lines: readonly LogLine[];
  hasOlder: boolean;
  /** Whether the end of the log has been read once. */
  isLoaded: boolean;
  error: Error | null;
}

export interface LogFeed {
  store: StoreApi<LogState>;
  /** Before anything is read, and again after `close`. */
  open: () => void;
  /** Reads the end of the log, then on from the last line that is known; a few times a second at most. */
  readOn: () => void;
  /** Puts the lines before the first one that is known in front. */
  readBack: () => void;
  close: () => void;
}

export type FetchPage = (
  request: Pick<LogRequest, "since" | "before" | "limit">,
  signal: AbortSignal,
) => Promise<LogPage>;

const PAGE_ENTRIES = 500;
/** Behind by more than this many pages, one reads the end anew; the rest is there for whoever scrolls up. */
const MOST_PAGES_AT_ONCE = 4;
const MOST_LINES = 20_000;
const REST_MS = 250;
const RETRY_MS = 3_000;

/** The feed of a log that grows, or of the part of it that lies before the event `end`. */
export function createLogFeed(fetchPage: FetchPage, end: number | null = null): LogFeed {
  const store = createStore<LogState>(() => ({ lines: [], hasOlder: false, isLoaded: false, error: null }));
  let closing = new AbortController();
  let retry: ReturnType<typeof setTimeout> | undefined;
  /** How many events of the log have been read. */
  let offset: number | null = null;
  let turn = Promise.resolve();

  /** One after the other, so that lines are put in their order. */
  const inTurn = (work: (signal: AbortSignal) => Promise<void>) => {
    const { signal } = closing;
    turn = turn.then(async () => {
      if (signal.aborted) return;
      try {
        await work(signal);
      } catch (error) {
        if (signal.aborted) return;
        store.setState({ error: error as Error });
        clearTimeout(retry);
        retry = setTimeout(readOn, RETRY_MS);
      }
    });
  };

  const readEnd = async (signal: AbortSignal) => {
    const page = await fetchPage({ since: null, before: end, limit: PAGE_ENTRIES }, signal);
    offset = page.offset;
    store.setState({ lines: linesOf(page.entries), hasOlder: page.more, isLoaded: true, error: null });
  };

  const readNewer = async (from: number, signal: AbortSignal) => {
    let since = from;
    for (let pages = 0; pages < MOST_PAGES_AT_ONCE; pages += 1) {
      const page = await fetchPage({ since, before: null, limit: PAGE_ENTRIES }, signal);
      store.setState((state) => append(state, linesOf(page.entries)));
      offset = page.more ? page.entries.at(-1)!.event_id + 1 : page.offset;
      if (!page.more) return;
      since = offset;
    }
    await readEnd(signal);
  };

  const readOlder = async (signal: AbortSignal) => {
    const first = store.getState().lines[0]?.eventId;
    if (first === undefined || !store.getState().hasOlder) return;
    const page = await fetchPage({ since: null, before: first, limit: PAGE_ENTRIES }, signal);
    store.setState(({ lines }) => ({ lines: [...linesOf(page.entries), ...lines], hasOlder: page.more, error: null }));
  };

  const readOn = pace<void>(
    () => inTurn((signal) => (offset === null || end !== null ? readEnd(signal) : readNewer(offset, signal))),
    () => REST_MS,
  );

  return {
    store,
    open: () => {
      closing = new AbortController();
    },
    readOn,
    readBack: () => inTurn(readOlder),
    close: () => {
      clearTimeout(retry);
      readOn.cancel();
      closing.abort();
    },
  };
}

/** With newer lines at the end; the oldest go where there are too many, and can be read back. */
function append({ lines, hasOlder }: LogState, newer: readonly LogLine[]): Partial<LogState> {
  const all = newer.length > 0 ? [...lines, ...newer] : lines;
  if (all.length <= MOST_LINES) return { lines: all, hasOlder, error: null };
  // Events are kept whole, so that reading back begins before the first of them.
  const first = all[all.length - MOST_LINES]!.eventId;
  return { lines: all.slice(all.findIndex(({ eventId }) => eventId >= first)), hasOlder: true, error: null };
}
