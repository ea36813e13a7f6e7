/** Light or dark: as the system says, or as the reader chose, kept in this browser. */

import { useSyncExternalStore } from "react";
import { create } from "zustand";
import type { Theme } from "./palette";

export type ThemeChoice = "system" | Theme;

const KEY = "ml-board-theme";
const CHOICES: readonly ThemeChoice[] = ["system", "light", "dark"];

const useChoice = create<{ choice: ThemeChoice }>(() => ({ choice: stored() }));

function stored(): ThemeChoice {
  const value = globalThis.localStorage?.getItem(KEY) as ThemeChoice | null;
  return value && CHOICES.includes(value) ? value : "system";
}

export function chooseTheme(choice: ThemeChoice): void {
  localStorage.setItem(KEY, choice);
  useChoice.setState({ choice });
}

export function nextChoice(choice: ThemeChoice): ThemeChoice {
  return CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length]!;
}

export function useTheme(): { choice: ThemeChoice; theme: Theme } {
  const choice = useChoice((state) => state.choice);
  const systemIsDark = useSyncExternalStore(subscribeToSystem, () => systemQuery().matches);
  return { choice, theme: choice === "system" ? (systemIsDark ? "dark" : "light") : choice };
}

function systemQuery(): MediaQueryList {
  return window.matchMedia("(prefers-color-scheme: dark)");
}

function subscribeToSystem(listener: () => void): () => void {
  const query = systemQuery();
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}
