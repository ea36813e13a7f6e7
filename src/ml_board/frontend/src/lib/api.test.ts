import { expect, it, vi } from "vitest";
import { ApiError, checkpointUrl, fetchExperiment, fetchRuns, fetchSeries } from "./api";

function answer(status: number, body: string): void {
  vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(body, { status }));
}

it("gets the runs", async () => {
  answer(200, "[]");
  expect(await fetchRuns("http://h:1")).toEqual([]);
  expect(vi.mocked(fetch).mock.calls[0]![0]).toBe("http://h:1/api/runs");
});

it("passes on what the server says of an error", async () => {
  answer(404, JSON.stringify({ error: { code: "MG604", message: "no run x", hint: "see mlgym runs" } }));
  const error = await fetchExperiment("http://h:1", "x", 3, null).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ message: "no run x", hint: "see mlgym runs", status: 404, code: "MG604" });
});

it("says where to sign in when a server elsewhere asks for a token", async () => {
  answer(401, JSON.stringify({ error: { code: "MG601", message: "this service needs a token" } }));
  await expect(fetchRuns("http://h:1")).rejects.toMatchObject({
    status: 401,
    endpoint: "http://h:1",
    hint: expect.stringMatching("open http://h:1/ itself"),
  });
});

it("asks for curves by experiment, score and width, and for no more than it says", async () => {
  vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("<html>"));
  const request = { experiments: [1, 2], key: "val/f1/macro", buckets: 300, at: 0 };
  await expect(fetchSeries("http://h", "r", request)).rejects.toThrow("no series");
  const url = new URL(vi.mocked(fetch).mock.calls[0]![0] as string);
  expect([url.pathname, Object.fromEntries(url.searchParams)]).toEqual([
    "/api/runs/r/series",
    { experiment: "1,2", metric: "f1/macro", split: "val", buckets: "300", at: "0", format: "binary" },
  ]);
});

it("says what to do when nobody answers", async () => {
  vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("Failed to fetch"));
  await expect(fetchRuns("http://h:1")).rejects.toMatchObject({
    status: 0,
    message: expect.stringMatching("http://h:1 does not answer"),
  });
});

it("does not take another server's page for an answer", async () => {
  answer(200, "<html>");
  await expect(fetchRuns("http://h:1")).rejects.toMatchObject({
    message: expect.stringMatching("not as a board does"),
  });
});

it("keeps names inside their part of a path", () => {
  const end = { epoch: 2, step: 9, batch: null };
  expect(checkpointUrl("http://h", "a/../b", 1, end, "model?x")).toBe("http://h/checkpoints/a%2F..%2Fb/1/2/model%3Fx");
  expect(checkpointUrl("http://h", "r", 1, { ...end, batch: 4 }, "m")).toBe("http://h/checkpoints/r/1/steps/9/m");
});
