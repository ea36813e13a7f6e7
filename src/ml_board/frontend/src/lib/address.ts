/**
 * The board's state as its address tells it: what is shown, how, and from where. Pure, so that any view is a link.
 * `run_id`, `ws_endpoint` and `rest_endpoint` are the names that MLgym's links use.
 */

export type RunLayout = "split" | "table" | "charts" | "logs";

export interface Address {
  runId: string | null;
  experimentId: number | null;
  /** The event after which the run is shown; null for the present. */
  at: number | null;
  wsEndpoint: string | null;
  restEndpoint: string | null;
  layout: RunLayout;
  filter: string;
  /** A column's id, after a minus where descending. */
  sort: string | null;
  hidden: readonly string[];
  /** A split, or null for the one that is shown without asking. */
  split: string | null;
  colour: string | null;
  logarithmic: readonly string[];
  /** Weight of the past in the smoothed curves, 0 to 0.99. */
  smoothing: number;
}

export const HOME: Address = {
  runId: null,
  experimentId: null,
  at: null,
  wsEndpoint: null,
  restEndpoint: null,
  layout: "split",
  filter: "",
  sort: null,
  hidden: [],
  split: null,
  colour: null,
  logarithmic: [],
  smoothing: 0,
};

const LAYOUTS: readonly string[] = ["split", "table", "charts", "logs"];

export function parseAddress(search: string): Address {
  const query = new URLSearchParams(search);
  const layout = query.get("view") ?? "";
  const smoothing = Number(query.get("smoothing") ?? 0);
  const runId = query.get("run_id") || null;
  return {
    runId,
    experimentId: runId === null ? null : wholeNumber(query.get("experiment")),
    at: runId === null ? null : wholeNumber(query.get("at")),
    wsEndpoint: query.get("ws_endpoint") || null,
    restEndpoint: query.get("rest_endpoint") || null,
    layout: LAYOUTS.includes(layout) ? (layout as RunLayout) : HOME.layout,
    filter: query.get("filter") ?? "",
    sort: query.get("sort") || null,
    hidden: query.getAll("hide"),
    split: query.get("split") || null,
    colour: query.get("colour") || null,
    logarithmic: query.getAll("log"),
    smoothing: smoothing > 0 && smoothing < 1 ? smoothing : 0,
  };
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** The query of an address, without what is as it would be anyway. */
export function formatAddress(address: Address): string {
  const query = new URLSearchParams();
  const put = (name: string, value: string | null) => value && query.append(name, value);
  put("run_id", address.runId);
  put("experiment", address.experimentId === null ? null : String(address.experimentId));
  put("at", address.at === null ? null : String(address.at));
  put("view", address.layout === HOME.layout ? null : address.layout);
  put("filter", address.filter);
  put("sort", address.sort);
  address.hidden.forEach((column) => put("hide", column));
  put("split", address.split);
  put("colour", address.colour);
  address.logarithmic.forEach((metric) => put("log", metric));
  put("smoothing", address.smoothing ? String(address.smoothing) : null);
  put("ws_endpoint", address.wsEndpoint);
  put("rest_endpoint", address.restEndpoint);
  return `?${query}`;
}

/** The address of another page, from the same servers. A run keeps its own view; another one begins anew. */
export function addressOf(current: Address, runId: string | null, experimentId: number | null = null): Address {
  const kept = runId === current.runId ? current : HOME;
  return { ...kept, runId, experimentId, wsEndpoint: current.wsEndpoint, restEndpoint: current.restEndpoint };
}

/** An http address without a slash at its end; null where the text is none, so that no link leads to a script. */
export function parseEndpoint(text: string | null, origin: string): string | null {
  if (text === null) return origin;
  const http = text.replace(/^ws(s?):\/\//i, "http$1://");
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(http) ? http : `http://${http}`;
  try {
    const url = new URL(full);
    if (url.protocol !== "http:" && url.protocol !== "https:") return null;
    return (url.origin + url.pathname).replace(/\/+$/, "");
  } catch {
    return null;
  }
}
