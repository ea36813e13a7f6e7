// @vitest-environment jsdom
import { HOME } from "@/lib/address";
import { ApiError } from "@/lib/api";
import { viewRun } from "@/lib/runView";
import { row, run, snapshot } from "@/lib/testing";
import type { ListedRun } from "@/types/generated";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { RunHeader } from "./RunHeader";
import { RunList } from "./RunList";

afterEach(cleanup);

const listed = (changes: Partial<ListedRun> = {}): ListedRun => ({ ...run, liveness: "alive", ...changes });
const statusOf = (element: Element) => element.querySelector("[data-status]")!.getAttribute("data-status");

describe("the list of runs", () => {
  it("says how to begin where there is none", () => {
    render(<RunList runs={[]} error={null} address={HOME} />);
    expect(screen.getByText(/mlgym run /)).toBeTruthy();
  });

  it("shows its outline while it is loading", () => {
    render(<RunList runs={undefined} error={null} address={HOME} />);
    expect(screen.getByLabelText("Loading runs").getAttribute("aria-busy")).toBe("true");
  });

  it("says what to do when nobody answers", () => {
    render(<RunList runs={undefined} error={new ApiError("nobody answers", "start it", 0)} address={HOME} />);
    expect(screen.getByRole("alert").textContent).toContain("start it");
  });

  it("keeps the last known list beside an error", () => {
    render(<RunList runs={[listed()]} error={new ApiError("nobody answers", "start it", 0)} address={HOME} />);
    expect(screen.getByText(/last that was known/)).toBeTruthy();
    expect(screen.getByRole("link").getAttribute("href")).toBe(`?run_id=${run.run_id}`);
  });

  it("shows a run whose processes are gone as lost", () => {
    const { container } = render(<RunList runs={[listed({ liveness: "lost" })]} error={null} address={HOME} />);
    expect(statusOf(container)).toBe("lost");
  });

  it("finds runs by their text where there are many", () => {
    const runs = Array.from({ length: 12 }, (_, i) => listed({ run_id: `run-${i}`, description: `try ${i}` }));
    render(<RunList runs={runs} error={null} address={HOME} />);
    fireEvent.change(screen.getByRole("searchbox"), { target: { value: "try 7" } });
    expect(screen.getAllByRole("link").map((link) => link.textContent)).toEqual(["try 7"]);
    fireEvent.change(screen.getByRole("searchbox"), { target: { value: "nothing" } });
    expect(screen.getByText(/No run matches/)).toBeTruthy();
  });
});

describe("the header of a run", () => {
  it("counts what runs, what waits and what is not born yet", () => {
    const view = viewRun(
      snapshot({ experiments: [row(0), row(1, { status: "pending" })], run: { ...run, num_experiments: 5 } }),
    );
    const { container } = render(<RunHeader view={view} stale={false} />);
    expect(container.textContent).toContain("1 running");
    expect(container.textContent).toContain("4 pending");
  });

  it("does not claim what it knew before the connection was lost", () => {
    render(<RunHeader view={viewRun(snapshot())} stale />);
    expect(screen.getByText("last known")).toBeTruthy();
  });

  it("says what lost means", () => {
    render(<RunHeader view={viewRun(snapshot({ liveness: "lost" }))} stale={false} />);
    expect(statusOf(screen.getByTestId("run-status"))).toBe("lost");
    expect(screen.getByText(/processes are gone/)).toBeTruthy();
  });

  it("says how much progress was let go, and is silent where none was", () => {
    const { unmount } = render(<RunHeader view={viewRun(snapshot())} stale={false} />);
    expect(screen.queryByText(/dropped/)).toBeNull();
    unmount();
    render(<RunHeader view={viewRun(snapshot({ run: { ...run, num_dropped: 1_200 } }))} stale={false} />);
    expect(screen.getByText("1,200 dropped")).toBeTruthy();
  });

  it("gives the command that began the run as a shell reads it", () => {
    render(<RunHeader view={viewRun(snapshot())} stale={false} />);
    expect(screen.getByText("mlgym run gs_config.yml")).toBeTruthy();
  });
});
