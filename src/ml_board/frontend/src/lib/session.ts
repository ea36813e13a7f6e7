/** Who the server takes the reader for, and the ways in and out, where it asks for a token. */

import { useQuery } from "@tanstack/react-query";
import { ApiError, fetchSession, type Session } from "./api";

/** Nothing while it is not known. */
export function useSession(endpoint: string): Session | undefined {
  return useQuery({
    queryKey: ["session", endpoint],
    queryFn: ({ signal }) => fetchSession(endpoint, signal),
    staleTime: Infinity,
  }).data;
}

/** The address of the form that a token is given to, and that leads back here. */
export function signInAddress(location: Pick<Location, "pathname" | "search">): string {
  return `login?next=${encodeURIComponent(location.pathname + location.search)}`;
}

/** Leaves for the form where the server that the page came from knows no session any more. */
export function signInAfter(error: Error): void {
  const isOwn = error instanceof ApiError && error.endpoint === window.location.origin;
  if (isOwn && error.status === 401) window.location.assign(signInAddress(window.location));
}
