import { expect, it } from "vitest";
import { flatten, touches } from "./tree";

it("flattens a configuration in reading order", () => {
  const leaves = flatten({
    seed: 2,
    model: { use: "mlp", hidden: [32, 64] },
    metrics: [{ use: "f1" }],
    extra: {},
    empty: [],
  });
  expect(leaves.map((l) => [l.path, l.depth, l.isBranch ? "branch" : l.value])).toEqual([
    ["seed", 0, 2],
    ["model", 0, "branch"],
    ["model.use", 1, "mlp"],
    ["model.hidden", 1, [32, 64]],
    ["metrics", 0, "branch"],
    ["metrics.0", 1, "branch"],
    ["metrics.0.use", 2, "f1"],
    ["extra", 0, {}],
    ["empty", 0, []],
  ]);
});

it("flattens nothing into nothing", () => expect(flatten(null)).toEqual([]));

it("tells what differs, its holders and its parts", () => {
  const paths = ["optimizer.lr", "model"];
  expect(["optimizer.lr", "optimizer", "model.hidden", "optimizer.lrx", "loss"].map((p) => touches(p, paths))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});
