import { NODE, drawPipeline } from "@/lib/pipeline";
import type { PipelineNode } from "@/types/generated";
import { useMemo } from "react";

/** Which slot of the configuration needs which, from left to right. */
export function Pipeline({ graph }: { graph: readonly PipelineNode[] }) {
  const drawing = useMemo(() => drawPipeline(graph), [graph]);
  return (
    // A region that scrolls must be reachable with the keyboard.
    <div tabIndex={0} role="group" aria-label="Pipeline" className="overflow-x-auto p-3">
      <svg
        width={drawing.width}
        height={drawing.height}
        viewBox={`-1 -1 ${drawing.width + 2} ${drawing.height + 2}`}
        className="block"
      >
        <g fill="none" className="stroke-line-strong" strokeWidth="1.3">
          {drawing.edges.map(({ from, to, path }) => (
            <path key={`${from} ${to}`} d={path} />
          ))}
        </g>
        {drawing.nodes.map(({ node, x, y }) => (
          <foreignObject key={node.slot} x={x} y={y} width={NODE.width} height={NODE.height}>
            <Slot node={node} />
          </foreignObject>
        ))}
      </svg>
    </div>
  );
}

function Slot({ node: { slot, use, needs } }: { node: PipelineNode }) {
  const uses = use.join(", ");
  const title = `${slot}: ${uses}${needs.length > 0 ? `; needs ${needs.join(", ")}` : ""}`;
  return (
    <div
      title={title}
      data-slot={slot}
      className="h-full truncate rounded border border-line-strong bg-raised px-2 text-xs leading-[18px]"
    >
      <div className="truncate font-medium">{slot}</div>
      <div className="truncate text-soft">{uses}</div>
    </div>
  );
}
