import { delta, row, snapshot } from "@/lib/testing";
import type { io } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLiveRun, socketAddress } from "./liveRun";

/** A socket whose server is the test. */
function fakeSocket() {
  const handlers = new Map<string, (...args: never[]) => void>();
  const sent: { event: string; ack: ((answer: unknown) => void) | undefined }[] = [];
  const socket = {
    connected: false,
    active: true,
    io: { engine: { close: vi.fn() } },
    on: (event: string, handler: (...args: never[]) => void) => handlers.set(event, handler),
    emit: (event: string, _data?: unknown, ack?: (answer: unknown) => void) => sent.push({ event, ack }),
    connect: vi.fn(() => {
      socket.connected = true;
      receive("connect");
    }),
    disconnect: vi.fn(() => {
      socket.connected = false;
    }),
  };
  const receive = (event: string, ...args: unknown[]) => handlers.get(event)!(...(args as never[]));
  const answer = (body: unknown) => sent.findLast(({ event }) => event === "watch")!.ack!(body);
  const watches = () => sent.filter(({ event }) => event === "watch").length;
  return { socket, receive, answer, watches, connect: (() => socket) as unknown as typeof io };
}

describe("a live run", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function opened() {
    const server = fakeSocket();
    const live = createLiveRun("http://h:1", "r", server.connect);
    live.open();
    return { ...server, live, state: () => live.store.getState() };
  }

  it("is live once its snapshot came", () => {
    const { answer, state } = opened();
    expect(state()).toMatchObject({ phase: "connecting", snapshot: null });
    answer(snapshot());
    expect(state()).toMatchObject({ phase: "live", snapshot: { offset: 10 } });
  });

  it("tells of many deltas at most ten times a second, and never leaves out the last", () => {
    const { answer, receive, live, state } = opened();
    answer(snapshot());
    vi.advanceTimersByTime(1000);
    const redraws = vi.fn();
    live.store.subscribe(redraws);
    for (let i = 0; i < 100; i += 1) {
      receive("delta", delta({ from_offset: 10 + i, offset: 11 + i, experiments: [row(0, { epochs_done: i })] }));
      vi.advanceTimersByTime(10);
    }
    vi.advanceTimersByTime(100);
    expect(redraws.mock.calls.length).toBeLessThanOrEqual(11);
    expect(state().snapshot!.offset).toBe(110);
    expect(state().snapshot!.experiments[0]!.epochs_done).toBe(99);
  });

  it("watches anew where a delta does not follow", () => {
    const { answer, receive, watches, state } = opened();
    answer(snapshot());
    receive("delta", delta({ from_offset: 40, offset: 41 }));
    expect(watches()).toBe(2);
    answer(snapshot({ offset: 41 }));
    expect(state().snapshot!.offset).toBe(41);
  });

  it("keeps what it knows while the connection is lost, counts attempts and catches up", () => {
    const { answer, receive, watches, state } = opened();
    answer(snapshot());
    receive("disconnect", "transport close");
    receive("connect_error");
    receive("connect_error");
    expect(state()).toMatchObject({ phase: "reconnecting", attempt: 2, snapshot: { offset: 10 } });
    receive("connect");
    expect(watches()).toBe(2);
    answer(snapshot({ offset: 50 }));
    expect(state()).toMatchObject({ phase: "live", attempt: 0, snapshot: { offset: 50 } });
  });

  it("counts attempts when the first one fails already", () => {
    const { receive, state } = opened();
    receive("connect_error");
    expect(state()).toMatchObject({ phase: "connecting", attempt: 1 });
  });

  it("gives up a connection on which nothing answers any more", () => {
    const { answer, socket, receive } = opened();
    answer(snapshot());
    vi.advanceTimersByTime(5_000);
    receive("pong");
    expect(socket.io.engine.close).not.toHaveBeenCalled();
    vi.advanceTimersByTime(20_000);
    expect(socket.io.engine.close).toHaveBeenCalled();
  });

  it("shows why a run cannot be watched, and asks again", () => {
    const { answer, watches, state } = opened();
    answer({ error: { code: "MG604", message: "no run r", hint: null } });
    expect(state()).toMatchObject({ phase: "live", error: { message: "no run r" } });
    vi.advanceTimersByTime(5_000);
    expect(watches()).toBe(2);
    answer(snapshot());
    expect(state()).toMatchObject({ error: null, snapshot: { offset: 10 } });
  });

  it("keeps the points that came since its snapshot, for curves that were fetched before", () => {
    const { answer, receive, state } = opened();
    answer(snapshot());
    vi.advanceTimersByTime(1000);
    receive("delta", delta({ offset: 12, points: [[0, "val/f1", 3, 0.5]] }));
    expect(state().news).toEqual({ from: 10, chunks: [{ offset: 12, points: [[0, "val/f1", 3, 0.5]] }] });
    receive("connect");
    answer(snapshot({ offset: 30 }));
    expect(state().news).toEqual({ from: 30, chunks: [] });
  });

  it("tells a server that says no from one that is not there", () => {
    const { answer, socket, receive, state, live } = opened();
    socket.active = false;
    receive("connect_error", new Error("this service needs a token"));
    expect(state().refusal).toBe("this service needs a token");
    live.reconnect();
    answer(snapshot());
    expect(state()).toMatchObject({ phase: "live", refusal: null });
  });

  it("leaves nothing behind when it is closed", () => {
    const { answer, socket, live } = opened();
    answer(snapshot());
    live.close();
    expect(socket.disconnect).toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("finds the socket of a board behind a prefix", () => {
  expect(socketAddress("http://h:1")).toEqual({ origin: "http://h:1", path: "/socket.io" });
  expect(socketAddress("https://h/board/")).toEqual({ origin: "https://h", path: "/board/socket.io" });
});
