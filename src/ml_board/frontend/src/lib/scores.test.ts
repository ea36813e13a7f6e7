import { describe, expect, it } from "vitest";
import { goalOf, leaders, parameterPaths, parseScoreKey, scoreKeys, shortNames, splitsOf } from "./scores";
import { row } from "./testing";

const at = (value: number | null, epoch = 0) => ({ value, epoch });

describe("score keys", () => {
  it("are taken apart at the first slash", () => {
    expect(parseScoreKey("val/f1/macro")).toEqual({ key: "val/f1/macro", split: "val", name: "f1/macro" });
  });
  it("come split by split, val first, names as they came", () => {
    const rows = [
      row(0, { last: { "train/loss": at(1), "train/f1": at(1), "val/f1": at(1) } }),
      row(1, { last: { "fold_1/f1": at(1), "val/loss": at(1) } }),
    ];
    const keys = scoreKeys(rows);
    expect(keys.map((k) => k.key)).toEqual(["val/loss", "val/f1", "train/loss", "train/f1", "fold_1/f1"]);
    expect(splitsOf(keys)).toEqual(["val", "train", "fold_1"]);
  });
});

describe("the goal of a score", () => {
  const scored = (id: number, best: number | null, last = best) =>
    row(id, { best: { a: at(best) }, last: { a: at(last) } });
  it("shows in what the fold kept as best", () => {
    expect(goalOf("a", [scored(0, 0.4), scored(1, 0.9, 0.5)])).toBe("max");
    expect(goalOf("a", [scored(0, 0.4), scored(1, 0.1, 0.4)])).toBe("min");
  });
  it("is unknown while every score is the best", () => {
    expect(goalOf("a", [scored(0, 0.9)])).toBeNull();
    expect(leaders("a", [scored(0, 0.9)])).toEqual(new Set());
  });
  it("is not told by scores that are not finite", () => {
    expect(goalOf("a", [scored(0, 0.9, null)])).toBeNull();
    expect(goalOf("a", [scored(0, null)])).toBeNull();
  });
  it("finds all who share the best value", () => {
    const rows = [scored(0, 0.9), scored(1, 0.9)];
    expect(leaders("a", [...rows, scored(2, 0.5, 0.1)])).toEqual(new Set([0, 1]));
    expect(leaders("a", [...rows, scored(2, 0.5, 0.7)])).toEqual(new Set([2]));
  });
});

describe("parameters", () => {
  it("are those of all experiments", () => {
    expect(parameterPaths([{ lr: 1 }, { lr: 2, "model.hidden": 3 }])).toEqual(["lr", "model.hidden"]);
  });
  it("have the shortest names that tell them apart", () => {
    expect([...shortNames(["optimizer.lr", "loaders.batch_size", "a.x.use", "b.x.use", "x"])]).toEqual([
      ["optimizer.lr", "lr"],
      ["loaders.batch_size", "batch_size"],
      ["a.x.use", "a.x.use"],
      ["b.x.use", "b.x.use"],
      ["x", "x"],
    ]);
  });
});
