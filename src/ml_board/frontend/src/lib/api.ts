/** The board's REST routes. Every failure is an `ApiError` that says what to do. */

import type {
  CheckpointState,
  ExperimentPage,
  ListedRun,
  LogEntry,
  LogPage,
  ModelCard,
  RunSnapshot,
  SystemPage,
} from "@/types/generated";
import { parseScoreKey } from "./scores";
import { decodeSeries, type SeriesAnswer } from "./series";

/** How the board's routes and socket say no. */
export interface ErrorBody {
  error: { code: string; message: string; hint?: string | null };
}

export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    message: string,
    readonly hint: string | null,
    /** HTTP status; 0 where no answer came. */
    readonly status: number,
    readonly code: string | null = null,
    /** Who said no, or nothing. */
    readonly endpoint: string | null = null,
  ) {
    super(message);
  }
}

export function fetchRuns(endpoint: string, signal?: AbortSignal): Promise<ListedRun[]> {
  return getJson(endpoint, "/api/runs", signal);
}

/** Whom the server takes the reader for; `is_open` where it asks nobody for a token. */
export interface Session {
  name: string;
  rights: string[];
  is_open: boolean;
}

export function fetchSession(endpoint: string, signal?: AbortSignal): Promise<Session> {
  return getJson(endpoint, "/api/session", signal);
}

/** A run as it was after an event. */
export function fetchRunAt(endpoint: string, runId: string, at: number, signal?: AbortSignal): Promise<RunSnapshot> {
  return getJson(endpoint, `${runPath(runId)}?at=${at}`, signal);
}

export function fetchExperiment(
  endpoint: string,
  runId: string,
  experimentId: number,
  at: number | null,
  signal?: AbortSignal,
): Promise<ExperimentPage> {
  return getJson(endpoint, `${runPath(runId)}/experiments/${experimentId}${queryOf({ at })}`, signal);
}

/** What is known of an experiment's model, now or as it was after the event `at`. */
export function fetchModelCard(
  endpoint: string,
  runId: string,
  experimentId: number,
  at: number | null,
  signal?: AbortSignal,
): Promise<ModelCard> {
  return getJson(endpoint, `/model-card/${encodeURIComponent(runId)}/${experimentId}${queryOf({ at })}`, signal);
}

export interface SeriesRequest {
  /** All where null. */
  experiments: readonly number[] | null;
  /** One score, or all where null. */
  key: string | null;
  /** Null for all points. */
  buckets: number | null;
  /** The event after which the curves are shown; null for now. */
  at: number | null;
}

/** Curves of a run in the binary form. */
export async function fetchSeries(
  endpoint: string,
  runId: string,
  { experiments, key, buckets, at }: SeriesRequest,
  signal?: AbortSignal,
): Promise<SeriesAnswer> {
  const { split, name } = key === null ? { split: null, name: null } : parseScoreKey(key);
  const query = queryOf({
    experiment: experiments?.join() ?? null,
    metric: name,
    split,
    buckets,
    at,
    format: "binary",
  });
  const response = await get(endpoint, `${runPath(runId)}/series${query}`, signal);
  return decodeSeries(await response.arrayBuffer());
}

export interface LogRequest {
  /** All where null. */
  experiment: number | null;
  stream: LogEntry["stream"] | null;
  /** Entries from this event on, or before that one; the last ones where both are null. */
  since: number | null;
  before: number | null;
  limit: number;
}

/** What the processes of a run wrote. */
export function fetchLogs(
  endpoint: string,
  runId: string,
  request: LogRequest,
  signal?: AbortSignal,
): Promise<LogPage> {
  return getJson(endpoint, `${runPath(runId)}/logs${queryOf({ ...request })}`, signal);
}

/** Samples of a run's machine, as they are after the event `at`, or now. */
export function fetchSystem(
  endpoint: string,
  runId: string,
  { at, buckets }: { at: number | null; buckets: number },
  signal?: AbortSignal,
): Promise<SystemPage> {
  return getJson(endpoint, `${runPath(runId)}/system${queryOf({ at, buckets })}`, signal);
}

function runPath(runId: string): string {
  return `/api/runs/${encodeURIComponent(runId)}`;
}

/** The query that says what is not null. */
function queryOf(values: Record<string, string | number | null>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== null) query.set(name, String(value));
  return query.size ? `?${query}` : "";
}

/** Where a file of a checkpoint can be fetched; one from within an epoch lies under its step. */
export function checkpointUrl(
  endpoint: string,
  runId: string,
  experimentId: number,
  { epoch, step, batch }: Pick<CheckpointState, "epoch" | "step" | "batch">,
  resource: string,
): string {
  const moment = batch === null ? epoch : `steps/${step}`;
  return `${endpoint}/checkpoints/${encodeURIComponent(runId)}/${experimentId}/${moment}/${encodeURIComponent(resource)}`;
}

async function getJson<T>(endpoint: string, path: string, signal?: AbortSignal): Promise<T> {
  const response = await get(endpoint, path, signal);
  const body: unknown = await response.json().catch(() => null);
  if (body !== null) return body as T;
  throw strangeAnswer(endpoint, path, response.status);
}

async function get(endpoint: string, path: string, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(endpoint + path, { signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(
      `The REST endpoint ${endpoint} does not answer.`,
      "Start it with ml_board, or check the rest_endpoint in this page's address. This page keeps trying.",
      0,
    );
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => null);
  if (response.status === 401) throw noToken(endpoint, body);
  if (!isErrorBody(body)) throw strangeAnswer(endpoint, path, response.status);
  throw new ApiError(body.error.message, body.error.hint ?? null, response.status, body.error.code);
}

/** The page signs in where it came from; another server's cookie is not its own. */
function noToken(endpoint: string, body: unknown): ApiError {
  const hint =
    endpoint === globalThis.location?.origin
      ? "This page leads to where one signs in."
      : `This page cannot sign in there: open ${endpoint}/ itself, or serve socket, REST and pages by one ml_board.`;
  return new ApiError(`${endpoint} asks for a token.`, hint, 401, isErrorBody(body) ? body.error.code : null, endpoint);
}

function strangeAnswer(endpoint: string, path: string, status: number): ApiError {
  return new ApiError(
    `${endpoint}${path} answered ${status}, and not as a board does.`,
    "Check that the rest_endpoint in this page's address names a REST endpoint of ml_board.",
    status,
  );
}

export function isErrorBody(body: unknown): body is ErrorBody {
  const error = (body as Partial<ErrorBody> | null)?.error;
  return typeof error === "object" && error !== null && typeof error.message === "string";
}
