import { describe, expect, it } from "vitest";
import { goalOf, leaders, parameterPaths, parseScoreKey, scoreKeys, shortNames, splitsOf } from "./scores";
import { row } from "./testing";

const at = (value: number | null, epoch = 0) => ({ value, epoch });

describe("score keys", () => {
  it("are taken apart at the first slash", () => {
    expect(parseScoreKey("val/f1/macro")).toEqual({ key: "val/f1/macro", split: "val", name: "f1/macro" });
  });
  it("come split by split, val first, names as they came", () => {
    const rows = [row(0, { last: { "train/loss": at(1), "train/f1": at(1), "val/f1": at(1) } }), row(1, { last: { "fold_1/f1": at(1), "val/loss": at(1) } })];
    const keys = scoreKeys(rows);
    expect(keys.map((k) => k.key)).toEqual(["val/loss", "val/f1", "train/loss", "train/f1", "fold_1/f1"]);
    expect(splitsOf(keys)).toEqual(["val", "train", "fold_1"]);
  });
});

describe("the goal of a score", () => {
  const rising = row(0, { best: { a: at(0.9) }, last: { a: at(0.8) } });
  const falling = row(0, { best: { a: at(0.1) }, last: { a: at(0.2) } });
  it("shows in what the fold kept as best", () => {
    expect(goalOf("a", [rising])).toBe("max");
    expect(goalOf("a", [falling])).toBe("min");
  });
  it("is unknown while every last is the best", () => {
    const level = row(0, { best: { a: at(0.9) }, last: { a: at(0.9) } });
    expect(goalOf("a", [level])).toBeNull();
    expect(leaders("a", [level])).toEqual(new Set());
  });
  it("is not told by scores that are not finite", () => {
    expect(goalOf("a", [row(0, { best: { a: at(0.9) }, last: { a: at(null) } })])).toBeNull();
  });
  it("finds all who share the best value", () => {
    const other = row(1, { best: { a: at(0.9) }, last: { a: at(0.9) } });
    const worse = row(2, { best: { a: at(0.5) }, last: { a: at(0.5) } });
    expect(leaders("a", [rising, other, worse])).toEqual(new Set([0, 1]));
    expect(leaders("a", [falling, row(3, { best: { a: at(0.05) }, last: { a: at(0.05) } })])).toEqual(new Set([3]));
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
