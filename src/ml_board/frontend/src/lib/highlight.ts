/** The experiments under the pointer, wherever it is: rows, lines and legends light up together. */

import { create } from "zustand";

const NONE: ReadonlySet<number> = new Set();

interface Highlight {
  ids: ReadonlySet<number>;
}

export const useHighlight = create<Highlight>(() => ({ ids: NONE }));

export function highlight(ids: readonly number[]): void {
  const current = useHighlight.getState().ids;
  if (ids.length === current.size && ids.every((id) => current.has(id))) return;
  useHighlight.setState({ ids: ids.length ? new Set(ids) : NONE });
}
