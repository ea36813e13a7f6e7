import { describe, expect, it } from "vitest";
import { parseFilter, termFor, toggleTerm, type Candidate } from "./filter";
import { row } from "./testing";

const candidate: Candidate = {
  row: row(7, { device: "cuda:1", error: "ValueError: broken", best: { "val/f1": { value: 0.93, epoch: 2 } }, attempt: 2 }),
  status: "failed",
  parameters: { "optimizer.lr": 0.01, "loaders.batch_size": 50, "optimizer.use": "sgd", "model.layers": [32, 64] },
};

describe("parseFilter", () => {
  it.each([
    ["", true],
    ["lr=0.01", true],
    ["lr=1e-2", true],
    ["lr=0.1", false],
    ["lr=0.1|0.01", true],
    ["lr!=0.1", true],
    ["lr!=0.1|0.01", false],
    ["optimizer.lr<=0.01", true],
    ["batch_size>50", false],
    ["batch_size>=50", true],
    ["batch_size<51", true],
    ["val/f1>0.9", true],
    ["val/f1>0.95", false],
    ["status=failed", true],
    ["status=Failed", true],
    ["status=finished", false],
    ["id=7", true],
    ["#7", true],
    ["device=cuda:1", true],
    ["attempt>1", true],
    ["epochs=0", true],
    ["use=sgd", true],
    ["layers=[32,64]", true],
    ["broken", true],
    ["SGD", true],
    ["adam", false],
    ['"ValueError: broken"', true],
    ["lr=0.01 status=failed", true],
    ["lr=0.01 status=finished", false],
    ["unknown=3", false],
    ["unknown>3", false],
    ["use>3", false],
    ["lr=", true],
    ["lr>abc", false],
  ])("%s: %s", (text, holds) => expect(parseFilter(text)(candidate)).toBe(holds));
});

it("adds a term and takes it away again", () => {
  expect(toggleTerm("a=1", "b=2")).toBe("a=1 b=2");
  expect(toggleTerm("a=1 b=2", "a=1")).toBe("b=2");
});

it("makes terms that find what they were made of", () => {
  expect(termFor("optimizer.lr", 0.01)).toBe("optimizer.lr=0.01");
  expect(parseFilter(termFor("model.layers", [32, 64]))(candidate)).toBe(true);
  expect(termFor("a", "two words")).toBe('a="two words"');
});
