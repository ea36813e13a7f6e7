// @vitest-environment jsdom
import { row } from "@/lib/testing";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { Checkpoints } from "./Checkpoints";
import { ConfigTree } from "./ConfigTree";
import { Scores } from "./Scores";

afterEach(cleanup);

it("links each file of a checkpoint to where it can be fetched", () => {
  const checkpoint = { epoch: 4, step: 630, batch: null, kept_as: ["last"], weights_sha256: "ab", saved_at: 1000 };
  const resources = [{ name: "model", size_bytes: 824_312, sha256: "f".repeat(64) }];
  render(
    <Checkpoints checkpoints={[{ ...checkpoint, resources }]} restEndpoint="http://h:1" runId="r" experimentId={3} />,
  );
  expect(screen.getByRole("link", { name: "model" }).getAttribute("href")).toBe("http://h:1/checkpoints/r/3/4/model");
  expect(screen.getByText("824 kB")).toBeTruthy();
  expect(screen.getByText("f".repeat(64))).toBeTruthy();
});

it("tells a checkpoint from within an epoch from that of its end, which comes first", () => {
  const shared = { epoch: 4, step: 630, kept_as: ["every"], weights_sha256: "ab", saved_at: 1000 };
  const resources = [{ name: "model", size_bytes: 1, sha256: "f".repeat(64) }];
  const checkpoints = [126, null].map((batch) => ({ ...shared, batch, resources }));
  render(<Checkpoints checkpoints={checkpoints} restEndpoint="http://h:1" runId="r" experimentId={3} />);
  const links = screen.getAllByRole("link", { name: "model" }).map((link) => link.getAttribute("href"));
  expect(links).toEqual(["http://h:1/checkpoints/r/3/4/model", "http://h:1/checkpoints/r/3/steps/630/model"]);
  expect(screen.getByText("after batch 126, step 630")).toBeTruthy();
});

it("marks what differs in a configuration, and can leave out the rest", () => {
  const config = { seed: 2, optimizer: { use: "adam", lr: 0.1 } };
  const { container } = render(<ConfigTree config={config} differing={["optimizer.lr"]} />);
  const lines = () => [...container.querySelectorAll("li")].map((line) => line.textContent);
  expect(container.querySelector("[data-differs]")!.textContent).toContain("lr: 0.1");
  expect(lines()).toHaveLength(4);
  fireEvent.click(screen.getByRole("checkbox"));
  expect(lines()).toEqual(["optimizer:", "lr: 0.1 (differs)"]);
});

it("shows best and last score of each split and metric", () => {
  const at = (value: number | null, epoch: number) => ({ value, epoch });
  render(
    <Scores
      row={row(0, {
        best: { "val/f1": at(0.9, 2), "train/f1": at(0.95, 4) },
        last: { "val/f1": at(0.8, 4), "train/f1": at(null, 4) },
      })}
    />,
  );
  const cells = [...screen.getByRole("row", { name: /^f1/ }).querySelectorAll("td")].map((cell) => cell.textContent);
  expect(cells).toEqual(["0.9000epoch 2", "0.8000epoch 4", "0.9500epoch 4", "not finiteepoch 4"]);
});
