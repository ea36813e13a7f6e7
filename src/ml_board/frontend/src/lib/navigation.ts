/** The page's address as React state: one listener, views change it and links show it. */

import { useCallback, useMemo, useSyncExternalStore } from "react";
import { formatAddress, parseAddress, type Address } from "./address";

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

/** Goes to an address: a page of its own in the browser's history, or in place of the current one. */
export function go(address: Address, how: "push" | "replace" = "push"): void {
  const url = formatAddress(address);
  if (how === "push") window.history.pushState(null, "", url);
  else window.history.replaceState(null, "", url);
  listeners.forEach((listener) => listener());
}

export interface Navigation {
  address: Address;
  /** Changes how the current page looks, without a step in the browser's history. */
  adjust: (change: Partial<Address>) => void;
}

export function useNavigation(): Navigation {
  const search = useSyncExternalStore(subscribe, () => window.location.search);
  const address = useMemo(() => parseAddress(search), [search]);
  const adjust = useCallback((change: Partial<Address>) => {
    go({ ...parseAddress(window.location.search), ...change }, "replace");
  }, []);
  return { address, adjust };
}
