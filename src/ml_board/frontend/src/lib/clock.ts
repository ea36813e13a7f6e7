/** The time as React state, in seconds since the epoch, for all who show ages: one timer while anyone looks. */

import { createContext, useContext, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = Date.now() / 1000;

function tick(): void {
  now = Date.now() / 1000;
  listeners.forEach((tell) => tell());
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    now = Date.now() / 1000;
    timer = setInterval(tick, 1000);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
  };
}

/** The time that it is on a page of the past, where it stands still; null on all others. */
export const StandingClock = createContext<number | null>(null);

export function useNow(): number {
  const standing = useContext(StandingClock);
  return useSyncExternalStore(standing === null ? subscribe : subscribeToNothing, () => standing ?? now);
}

function subscribeToNothing(): () => void {
  return () => undefined;
}
