// @vitest-environment jsdom
import { HOME } from "@/lib/address";
import { useHighlight } from "@/lib/highlight";
import { viewRun } from "@/lib/runView";
import { row, snapshot } from "@/lib/testing";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ExperimentTable } from "./ExperimentTable";
import { nextSort } from "./TableHead";

beforeEach(() => {
  // Without a layout nothing has a size, and what has no size shows no rows.
  vi.spyOn(Element.prototype, "clientHeight", "get").mockReturnValue(600);
});
afterEach(cleanup);

const at = (value: number) => ({ value, epoch: 0 });
const scored = (id: number, best: number, last = best) =>
  row(id, { best: { "val/f1": at(best) }, last: { "val/f1": at(last) } });

function show(sort: string | null = null, hidden: string[] = []) {
  const state = snapshot({
    experiments: [scored(0, 0.5, 0.3), scored(1, 0.9), row(2)],
    parameters: { "0": { "optimizer.lr": 0.1 }, "1": { "optimizer.lr": 0.01 }, "2": { "optimizer.lr": 1 } },
  });
  const { candidates } = viewRun(state);
  const onSort = vi.fn();
  const address = { ...HOME, runId: "r", sort, hidden };
  const { container } = render(
    <ExperimentTable
      all={candidates}
      candidates={candidates}
      colourOf={() => "red"}
      address={address}
      onSort={onSort}
    />,
  );
  const ids = () =>
    [...container.querySelectorAll("[data-experiment]")].map((tr) => tr.getAttribute("data-experiment"));
  return { container, ids, onSort };
}

describe("the table of experiments", () => {
  it("has the columns that vary and those of each score", () => {
    show();
    expect(screen.getAllByRole("columnheader").map((th) => th.textContent)).toEqual(
      expect.arrayContaining(["parameters", "val/f1", "#", "status", "epochs", "lr", "best", "last", "time", "device"]),
    );
  });

  it("leaves hidden columns out", () => {
    show(null, ["parameter:optimizer.lr", "device"]);
    expect(screen.queryByText("lr")).toBeNull();
    expect(screen.queryByText("device")).toBeNull();
  });

  it.each([
    [null, ["0", "1", "2"]],
    ["-id", ["2", "1", "0"]],
    ["parameter:optimizer.lr", ["1", "0", "2"]],
    ["-best:val/f1", ["1", "0", "2"]],
    ["best:val/f1", ["0", "1", "2"]],
  ])("sorted by %s is in the order %s, what is missing last", (sort, order) => expect(show(sort).ids()).toEqual(order));

  it("tells who leads", () => {
    show();
    expect(screen.getByText("leads:").closest("tr")!.dataset["experiment"]).toBe("1");
  });

  it("asks to be sorted by the heading that was clicked", () => {
    const { onSort } = show();
    fireEvent.click(screen.getByTitle("Sort by best val/f1"));
    expect(onSort).toHaveBeenCalledWith("-best:val/f1");
  });

  it("lights up the row under the pointer, and tells everyone", () => {
    const { container } = show();
    fireEvent.mouseEnter(container.querySelector("[data-experiment='1']")!);
    expect(useHighlight.getState().ids).toEqual(new Set([1]));
    expect(container.querySelector("[data-lit]")!.getAttribute("data-experiment")).toBe("1");
  });

  it("links each experiment to its page", () => {
    show();
    expect(screen.getByRole("link", { name: "#1" }).getAttribute("href")).toContain("experiment=1");
  });
});

it("sorts up, down and not at all; scores begin with the highest", () => {
  expect([nextSort(null, "id"), nextSort("id", "id"), nextSort("-id", "id")]).toEqual(["id", "-id", null]);
  expect([nextSort(null, "best:a"), nextSort("-best:a", "best:a"), nextSort("best:a", "best:a")]).toEqual([
    "-best:a",
    "best:a",
    null,
  ]);
  expect(nextSort("id", "status")).toBe("status");
});
