// @vitest-environment jsdom
import { snapshot } from "@/lib/testing";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ConnectionBadge } from "./ConnectionBadge";
import { ConnectionNotice } from "./ConnectionNotice";
import { NOTHING_YET, type LiveRunState } from "./liveRun";

afterEach(cleanup);

function show(state: Partial<LiveRunState>, isOver = false) {
  const reconnect = vi.fn();
  const props = { state: { ...NOTHING_YET, ...state, reconnect }, endpoint: "http://h:1" };
  render(
    <>
      <ConnectionBadge {...props} isOver={isOver} />
      <ConnectionNotice {...props} allRuns={<a href="?">All runs</a>} />
    </>,
  );
  return reconnect;
}

describe("the connection", () => {
  it("is being made", () => {
    show({});
    expect(screen.getByText("Connecting…")).toBeTruthy();
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("is live, with the last event", () => {
    show({ phase: "live", snapshot: snapshot() });
    expect(screen.getByText("Live")).toBeTruthy();
    expect(screen.getByText(/last event/)).toBeTruthy();
  });

  it("is no less there for a run that is over", () => {
    show({ phase: "live", snapshot: snapshot() }, true);
    expect(screen.getByText("Connected")).toBeTruthy();
  });

  it("was never made: says where, what to do and how often it was tried", () => {
    const reconnect = show({ attempt: 3 });
    expect(screen.getByRole("alert").textContent).toMatch(/http:\/\/h:1 does not answer.*ml_board.*Attempt 3/);
    fireEvent.click(screen.getByText("Try again now"));
    expect(reconnect).toHaveBeenCalled();
  });

  it("is lost: says that the page is old and which attempt runs", () => {
    const reconnect = show({ phase: "reconnecting", attempt: 2, snapshot: snapshot(), heardAt: 1000 });
    expect(screen.getByText(/attempt 2/)).toBeTruthy();
    expect(screen.getByText(/last that was known/)).toBeTruthy();
    fireEvent.click(screen.getByText("Retry now"));
    expect(reconnect).toHaveBeenCalled();
  });

  it("tells why a run cannot be watched, and the way out", () => {
    show({ phase: "live", error: { code: "MG604", message: "there is no run x", hint: "the newest is y" } });
    expect(screen.getByRole("alert").textContent).toContain("the newest is y");
    expect(screen.getByText("All runs")).toBeTruthy();
  });
});
