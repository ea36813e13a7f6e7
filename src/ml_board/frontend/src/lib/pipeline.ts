/** Where the slots of a pipeline are drawn: each left of those that need it, as near to them as can be. Pure. */

import type { PipelineNode } from "@/types/generated";

export const NODE = { width: 124, height: 40 };
const GAP = { x: 44, y: 10 };

export interface PlacedNode {
  node: PipelineNode;
  x: number;
  y: number;
}

export interface Drawing {
  nodes: PlacedNode[];
  /** From the right side of what is needed to the left side of who needs it, as the path of an SVG. */
  edges: { from: string; to: string; path: string }[];
  width: number;
  height: number;
}

export function drawPipeline(pipeline: readonly PipelineNode[]): Drawing {
  const columns = columnsOf(pipeline);
  const tallest = Math.max(0, ...columns.map((column) => column.length));
  const height = Math.max(0, tallest * (NODE.height + GAP.y) - GAP.y);
  const nodes = columns.flatMap((column, index) => {
    const top = (height - (column.length * (NODE.height + GAP.y) - GAP.y)) / 2;
    return column.map((node, row) => ({
      node,
      x: index * (NODE.width + GAP.x),
      y: top + row * (NODE.height + GAP.y),
    }));
  });
  const places = new Map(nodes.map((place) => [place.node.slot, place]));
  const edges = nodes.flatMap((to) =>
    to.node.needs.flatMap((slot) => {
      const from = places.get(slot);
      return from ? [{ from: slot, to: to.node.slot, path: curve(from, to) }] : [];
    }),
  );
  return { nodes, edges, width: Math.max(0, columns.length * (NODE.width + GAP.x) - GAP.x), height };
}

function columnsOf(pipeline: readonly PipelineNode[]): PipelineNode[][] {
  const heights = new Map<string, number>();
  const heightOf = (slot: string, above: readonly string[]): number => {
    const known = heights.get(slot);
    if (known !== undefined) return known;
    if (above.includes(slot)) return 0; // no configuration has a circle, but a log may say anything
    const users = pipeline.filter(({ needs }) => needs.includes(slot));
    const height = Math.max(0, ...users.map((user) => 1 + heightOf(user.slot, [...above, slot])));
    heights.set(slot, height);
    return height;
  };
  const highest = Math.max(-1, ...pipeline.map(({ slot }) => heightOf(slot, [])));
  return Array.from({ length: highest + 1 }, (_, index) =>
    pipeline.filter(({ slot }) => heights.get(slot) === highest - index),
  ).filter((column) => column.length > 0);
}

function curve(from: PlacedNode, to: PlacedNode): string {
  const [x1, y1] = [from.x + NODE.width, from.y + NODE.height / 2];
  const [x2, y2] = [to.x, to.y + NODE.height / 2];
  const middle = (x1 + x2) / 2;
  return `M${x1},${y1} C${middle},${y1} ${middle},${y2} ${x2},${y2}`;
}
