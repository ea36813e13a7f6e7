import { describe, expect, it } from "vitest";
import { allowedValues, parseFilter, toggleValue, type Candidate } from "./filter";
import { row } from "./testing";

const candidate: Candidate = {
  row: row(7, {
    device: "cuda:1",
    error: "ValueError: broken",
    best: { "val/f1": { value: 0.93, epoch: 2 } },
    attempt: 2,
  }),
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

describe("toggleValue", () => {
  it("gathers alternatives and takes them away again", () => {
    const one = toggleValue("status=failed", "lr", "0.1");
    const two = toggleValue(one, "lr", "0.01");
    expect([one, two]).toEqual(["status=failed lr=0.1", "status=failed lr=0.1|0.01"]);
    expect(allowedValues(two, "lr")).toEqual(["0.1", "0.01"]);
    expect(toggleValue(toggleValue(two, "lr", "0.1"), "lr", "0.01")).toBe("status=failed");
  });
  it("makes filters that find what they were made of", () => {
    expect(parseFilter(toggleValue("", "model.layers", "[32,64]"))(candidate)).toBe(true);
    expect(parseFilter(toggleValue("", "id", "7"))(candidate)).toBe(true);
    expect(toggleValue("", "a", "two words")).toBe('a="two words"');
    expect(allowedValues('a="two words"', "a")).toEqual(["two words"]);
  });
});
