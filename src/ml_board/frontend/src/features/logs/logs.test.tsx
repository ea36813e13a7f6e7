// @vitest-environment jsdom
import type { LogEntry, LogPage } from "@/types/generated";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LogPanel } from "./LogPanel";

beforeEach(() => {
  // Without a layout nothing has a size, and what has no size shows no lines.
  vi.spyOn(Element.prototype, "clientHeight", "get").mockReturnValue(400);
  vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockReturnValue(400);
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      unobserve() {}
      disconnect() {}
    },
  );
});
afterEach(cleanup);

const entry = (changes: Partial<LogEntry>): LogEntry => ({
  event_id: 1,
  at: 1000,
  experiment_id: 3,
  stream: "stdout",
  level: null,
  lines: ["a line"],
  ...changes,
});

function show(answer: () => Response) {
  const fetched = vi.spyOn(globalThis, "fetch").mockImplementation(async () => answer());
  render(<LogPanel restEndpoint="http://h" runId="r" experimentId={3} at={null} numLines={1} className="" />);
  return fetched;
}

const page = (entries: LogEntry[]) => () => Response.json({ offset: 9, entries, more: false } satisfies LogPage);

it("shows lines by their level, without what a terminal alone understands", async () => {
  const warning = entry({ event_id: 2, stream: "logging", level: "WARNING", lines: ["\x1b[33mcareful\x1b[0m"] });
  show(page([entry({}), warning]));
  expect((await screen.findByText("careful")).className).toContain("text-lost");
  expect(screen.getByText("a line").className).not.toContain("text-lost");
});

it("says that nothing was written, of one stream too", async () => {
  const fetched = show(page([]));
  expect(await screen.findByText("Nothing was written so far.")).toBeTruthy();
  fireEvent.click(screen.getByLabelText("stderr"));
  expect(await screen.findByText("Nothing was written to stderr so far.")).toBeTruthy();
  await waitFor(() =>
    expect(fetched.mock.lastCall![0]).toBe("http://h/api/runs/r/logs?experiment=3&stream=stderr&limit=500"),
  );
});

it("says what is wrong where the log cannot be read", async () => {
  show(() => Response.json({ error: { code: "MG401", message: "the log is damaged" } }, { status: 500 }));
  expect(await screen.findByText("the log is damaged")).toBeTruthy();
});

it("is an outline until the first answer came", () => {
  show(() => new Response(null, { status: 500 }));
  expect(screen.getByLabelText("Loading the log")).toBeTruthy();
});
