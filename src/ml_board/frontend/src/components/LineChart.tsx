import { align, drawable, nearestLine, POINT_BUDGET, type Aligned } from "@/lib/curves";
import { formatScore } from "@/lib/format";
import type { Theme } from "@/lib/palette";
import type { Curve } from "@/lib/series";
import { memo, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { createPlot, drawHighlight, type Plot } from "./plot";

export interface Line {
  id: number;
  colour: string;
  curve: Curve;
}

interface Props {
  lines: readonly Line[];
  /** What the picture shows, for those who do not see it. */
  label: string;
  height: number;
  theme: Theme;
  logarithmic?: boolean;
  smoothing?: number;
  highlighted: ReadonlySet<number>;
  onHover: (id: number | null) => void;
  onPick?: (id: number) => void;
  /** Whether a part is looked at from nearby, for which buckets are too coarse. */
  onZoom?: (isNear: boolean) => void;
  /** What the pointer's box says of a line. */
  describe: (id: number) => ReactNode;
}

interface Pointed {
  id: number;
  left: number;
  top: number;
  epoch: number;
  value: number;
}

/** Lines over epochs. Drag to zoom, double-click to see all again, click a line to open what it stands for. */
export const LineChart = memo(function LineChart(props: Props) {
  const { lines, height, theme, logarithmic = false, smoothing = 0, highlighted } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const [zoom, setZoom] = useState<readonly [number, number] | null>(null);
  const [pointed, setPointed] = useState<Pointed | null>(null);

  const data = useMemo(() => prepare(lines, smoothing, logarithmic, zoom), [lines, smoothing, logarithmic, zoom]);
  // What the picture is made of; when it changes, a new one is made. Its data may change ten times a second.
  const shape = JSON.stringify([theme, logarithmic, lines.map(({ id, colour }) => [id, colour])]);
  const latest = useRef({ props, data, zoom });
  latest.current = { props, data, zoom };

  useEffect(() => {
    const { current } = latest;
    const made = createPlot(host.current!, {
      data: current.data,
      colours: current.props.lines.map((line) => line.colour),
      height,
      logarithmic,
      getZoom: () => latest.current.zoom,
      onZoom: setZoom,
      onDraw: (self) => drawHighlight(self, latest.current.props.lines, latest.current.props.highlighted),
      onPoint: (self) => setPointed(lineUnderPointer(self, latest.current.data, latest.current.props.lines)),
      onPick: (self) => {
        const line = lineUnderPointer(self, latest.current.data, latest.current.props.lines);
        if (line) latest.current.props.onPick?.(line.id);
      },
    });
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, [shape, height, logarithmic]);

  useEffect(() => plot.current?.setData(data), [data]);
  useEffect(() => {
    if (plot.current) drawHighlight(plot.current.uplot, lines, highlighted);
  }, [highlighted, lines]);

  const { onHover, onZoom } = props;
  const isNear = zoom !== null;
  useEffect(() => onZoom?.(isNear), [isNear, onZoom]);
  const pointedId = pointed?.id ?? null;
  useEffect(() => onHover(pointedId), [pointedId, onHover]);
  useEffect(() => () => latest.current.props.onHover(null), []);

  return (
    <div className="relative" data-chart>
      <div ref={host} role="img" aria-label={props.label} style={{ height }} />
      {zoom && (
        <button type="button" className="button absolute top-1 right-1 h-6 px-2" onClick={() => setZoom(null)}>
          All epochs
        </button>
      )}
      {pointed && (
        <PointedBox
          pointed={pointed}
          width={host.current?.clientWidth ?? 0}
          height={height}
          describe={props.describe}
        />
      )}
    </div>
  );
});

function prepare(
  lines: readonly Line[],
  smoothing: number,
  logarithmic: boolean,
  zoom: readonly [number, number] | null,
): Aligned {
  return align(
    lines.map(({ curve }) => drawable(curve, smoothing, logarithmic)),
    POINT_BUDGET,
    zoom,
  );
}

function lineUnderPointer(self: uPlot, data: Aligned, lines: readonly Line[]): Pointed | null {
  const { left, top, idx } = self.cursor;
  if (left === undefined || top === undefined || left < 0 || idx === null || idx === undefined) return null;
  const index = nearestLine(data, idx, (value) => Math.abs(self.valToPos(value, "y") - top));
  const line = lines[index];
  if (!line) return null;
  const value = data[index + 1]![idx] as number;
  const y = self.valToPos(value, "y");
  const x = self.valToPos(data[0][idx]!, "x");
  if (Math.hypot(y - top, x - left) > 80) return null;
  return { id: line.id, left: x + self.over.offsetLeft, top: y + self.over.offsetTop, epoch: data[0][idx]!, value };
}

interface BoxProps {
  pointed: Pointed;
  width: number;
  height: number;
  describe: (id: number) => ReactNode;
}

/** Stands on the side of the point where there is more room, so that it hides as little of its line as it can. */
function PointedBox({ pointed: { left, top, ...pointed }, width, height, describe }: BoxProps) {
  const style = {
    ...(left > width / 2 ? { right: width - left + 10 } : { left: left + 10 }),
    ...(top > height / 2 ? { bottom: height - top + 10 } : { top: top + 10 }),
  };
  return (
    <div
      className="pointer-events-none absolute z-20 max-w-64 rounded-[5px] border border-line-strong bg-raised px-2 py-1 text-xs shadow-float"
      style={style}
    >
      <div className="flex items-baseline gap-3">
        <strong className="font-semibold">{formatScore(pointed.value)}</strong>
        <span className="text-soft">epoch {pointed.epoch}</span>
      </div>
      {describe(pointed.id)}
    </div>
  );
}
