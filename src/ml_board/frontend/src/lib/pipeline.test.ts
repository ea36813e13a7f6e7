import { expect, it } from "vitest";
import { NODE, drawPipeline } from "./pipeline";

const node = (slot: string, ...needs: string[]) => ({ slot, use: [slot], needs });

it("draws each slot left of those that need it, and as near as can be", () => {
  const drawing = drawPipeline([
    node("data"),
    node("loaders", "data"),
    node("model"),
    node("trainer", "model", "loaders"),
    node("checkpointing"),
  ]);
  const x = Object.fromEntries(drawing.nodes.map((place) => [place.node.slot, place.x]));
  expect(x.data).toBe(0);
  expect(x.loaders).toBeGreaterThan(NODE.width);
  expect(x.model).toBe(x.loaders);
  expect(x.trainer).toBeGreaterThan(x.loaders!);
  expect(x.checkpointing).toBe(x.trainer);
  expect(drawing.edges.map(({ from, to }) => `${from}>${to}`)).toEqual([
    "data>loaders",
    "model>trainer",
    "loaders>trainer",
  ]);
  expect(drawing.width).toBe(x.trainer! + NODE.width);
});

it("lets no two slots lie on each other", () => {
  const { nodes } = drawPipeline([..."abcdef"].map((slot) => node(slot)));
  const tops = nodes.map(({ y }) => y).sort((a, b) => a - b);
  expect(tops.every((top, i) => i === 0 || top - tops[i - 1]! > NODE.height)).toBe(true);
});

it("draws nothing of nothing, and ends where a log tells of a circle or of what is not there", () => {
  expect(drawPipeline([])).toEqual({ nodes: [], edges: [], width: 0, height: 0 });
  const { nodes, edges } = drawPipeline([node("a", "b"), node("b", "a"), node("c", "gone")]);
  expect(nodes).toHaveLength(3);
  expect(edges).toHaveLength(2);
});
