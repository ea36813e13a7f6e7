import { describe, expect, it } from "vitest";
import { HOME, addressOf, formatAddress, parseAddress, parseEndpoint, type Address } from "./address";

const FULL: Address = {
  runId: "2026-11-21--10-00-00",
  experimentId: 11,
  at: 0,
  wsEndpoint: "http://127.0.0.1:7000",
  restEndpoint: "http://127.0.0.1:5001",
  layout: "charts",
  filter: "lr=0.1 val/f1>0.9",
  sort: "-best:val/f1",
  hidden: ["device", "last:train/f1"],
  split: "val",
  colour: "optimizer.lr",
  logarithmic: ["cross_entropy"],
  smoothing: 0.6,
};

describe("an address", () => {
  it("comes back from its own text", () => expect(parseAddress(formatAddress(FULL))).toEqual(FULL));
  it("says nothing of what is as it would be anyway", () => expect(formatAddress(HOME)).toBe("?"));
  it("reads the links that ml_board prints", () => {
    const address = parseAddress("?rest_endpoint=http%3A//h%3A5001&ws_endpoint=http%3A//h%3A7000&run_id=r1");
    expect(address).toEqual({ ...HOME, runId: "r1", restEndpoint: "http://h:5001", wsEndpoint: "http://h:7000" });
  });
  it("takes no nonsense", () => {
    expect(parseAddress("?run_id=r&experiment=-1&at=now&view=x&smoothing=7")).toEqual({ ...HOME, runId: "r" });
    expect(parseAddress("?experiment=3").experimentId).toBeNull();
  });
  it("keeps the view between pages of a run and the servers between runs", () => {
    expect(addressOf(FULL, FULL.runId, 3)).toEqual({ ...FULL, experimentId: 3 });
    expect(addressOf(FULL, null)).toEqual({
      ...HOME,
      wsEndpoint: FULL.wsEndpoint,
      restEndpoint: FULL.restEndpoint,
    });
  });
});

describe("parseEndpoint", () => {
  const origin = "http://board:8080";
  it.each([
    [null, origin],
    ["http://h:5001/", "http://h:5001"],
    ["h:5001", "http://h:5001"],
    ["ws://h:7000", "http://h:7000"],
    ["wss://h/prefix/", "https://h/prefix"],
    ["javascript://%0aalert(1)", null],
    ["javascript:alert(1)", null],
    ["http://", null],
  ])("%s is %s", (text, endpoint) => expect(parseEndpoint(text, origin)).toBe(endpoint));
});
