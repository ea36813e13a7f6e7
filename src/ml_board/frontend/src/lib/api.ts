/** The board's REST routes. Every failure is an `ApiError` that says what to do. */

import type { ExperimentPage, ListedRun } from "@/types/generated";

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
  ) {
    super(message);
  }
}

export function fetchRuns(endpoint: string, signal?: AbortSignal): Promise<ListedRun[]> {
  return getJson(endpoint, "/api/runs", signal);
}

export function fetchExperiment(
  endpoint: string,
  runId: string,
  experimentId: number,
  signal?: AbortSignal,
): Promise<ExperimentPage> {
  return getJson(endpoint, `/api/runs/${encodeURIComponent(runId)}/experiments/${experimentId}`, signal);
}

/** Where a file of a checkpoint can be fetched. */
export function checkpointUrl(
  endpoint: string,
  runId: string,
  experimentId: number,
  epoch: number,
  resource: string,
): string {
  return `${endpoint}/checkpoints/${encodeURIComponent(runId)}/${experimentId}/${epoch}/${encodeURIComponent(resource)}`;
}

async function getJson<T>(endpoint: string, path: string, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(endpoint + path, { headers: { Accept: "application/json" }, signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(
      `The REST endpoint ${endpoint} does not answer.`,
      "Start it with ml_board, or check the rest_endpoint in this page's address. This page keeps trying.",
      0,
    );
  }
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) return body as T;
  if (isErrorBody(body))
    throw new ApiError(body.error.message, body.error.hint ?? null, response.status, body.error.code);
  throw new ApiError(
    `${endpoint}${path} answered ${response.status}, and not as a board does.`,
    "Check that the rest_endpoint in this page's address names a REST endpoint of ml_board.",
    response.status,
  );
}

export function isErrorBody(body: unknown): body is ErrorBody {
  const error = (body as Partial<ErrorBody> | null)?.error;
  return typeof error === "object" && error !== null && typeof error.message === "string";
}
