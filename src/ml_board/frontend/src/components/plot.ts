/** uPlot as the board uses it: axes in the page's type and colours, zoom by dragging, a layer for what is highlighted. */

import { formatParameter } from "@/lib/format";
import type { Aligned } from "@/lib/curves";
import { pace } from "@/lib/pace";
import uPlot from "uplot";

export interface PlotOptions {
  data: Aligned;
  colours: readonly string[];
  height: number;
  logarithmic: boolean;
  getZoom: () => readonly [number, number] | null;
  onZoom: (range: readonly [number, number] | null) => void;
  onDraw: (self: uPlot) => void;
  onPoint: (self: uPlot) => void;
  onPick: (self: uPlot) => void;
}

export interface Plot {
  uplot: uPlot;
  setData: (data: Aligned) => void;
  destroy: () => void;
}

/** Dots are noise where there are many lines. */
const MOST_LINES_WITH_POINTS = 16;
const MOST_EPOCHS_WITH_POINTS = 30;
/** There is no half epoch. */
const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];
const POINTS_PER_MS = 100;
const LAYER = "highlight-layer";

export function createPlot(host: HTMLElement, options: PlotOptions): Plot {
  const uplot = new uPlot(plotOptions(host, options), options.data as uPlot.AlignedData, host);
  const observer = new ResizeObserver(() => {
    if (host.clientWidth > 0 && host.clientWidth !== uplot.width)
      uplot.setSize({ width: host.clientWidth, height: options.height });
  });
  observer.observe(host);
  const draw = pace((data: Aligned) => uplot.setData(data as uPlot.AlignedData), restAfter);
  let shown = options.data;
  return {
    uplot,
    setData: (data) => {
      if (data === shown) return;
      shown = data;
      draw(data);
    },
    destroy: () => {
      draw.cancel();
      observer.disconnect();
      uplot.destroy();
    },
  };
}

/** A picture of many points is drawn less often, so that drawing never takes the time of everything else. */
function restAfter(data: Aligned): number {
  return (data[0].length * (data.length - 1)) / POINTS_PER_MS;
}

function plotOptions(host: HTMLElement, options: PlotOptions): uPlot.Options {
  const { colours, getZoom } = options;
  const points: uPlot.Series.Points = {
    size: 5,
    ...(colours.length > MOST_LINES_WITH_POINTS && { show: isSinglePoint }),
  };
  return {
    width: Math.max(host.clientWidth, 80),
    height: options.height,
    // To the right there is room for half a label of the x axis.
    padding: [10, 16, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      // uPlot swallows clicks that it takes for drags, those at the edges too; the layer tells them apart itself.
      drag: { setScale: false, x: true, y: false, dist: 6, click: () => undefined },
    },
    scales: {
      x: { time: false, range: (self) => xRange(getZoom(), self.data[0]) },
      y: options.logarithmic ? { distr: 3 } : {},
    },
    axes: axes(host, options.logarithmic),
    series: [
      {},
      ...colours.map((colour): uPlot.Series => ({ stroke: colour, width: 1.5, points: { ...points, fill: colour } })),
    ],
    hooks: {
      ready: [(self) => addLayer(self, options)],
      draw: [options.onDraw],
      setCursor: [options.onPoint],
      setSelect: [(self) => zoomToSelection(self, options)],
    },
  };
}

function isSinglePoint(self: uPlot): boolean {
  return self.data[0].length === 1;
}

/** All epochs, or what the reader zoomed to; a single epoch stands at the left of a chart that will fill. */
function xRange(zoom: readonly [number, number] | null, epochs: ArrayLike<number>): [number, number] {
  if (zoom) return [...zoom];
  const from = epochs[0] ?? 0;
  return [from, Math.max(epochs[epochs.length - 1] ?? 0, from + 1)];
}

function axes(host: HTMLElement, logarithmic: boolean): uPlot.Axis[] {
  const style = getComputedStyle(host);
  const common: uPlot.Axis = {
    stroke: style.getPropertyValue("--faint"),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: style.getPropertyValue("--line"), width: 1 },
    ticks: { show: false },
    gap: 6,
  };
  return [
    {
      ...common,
      size: 22,
      space: 40,
      grid: { show: false },
      incrs: WHOLE_STEPS,
      label: "epoch",
      labelFont: common.font!,
      labelSize: 14,
      labelGap: -2,
    },
    {
      ...common,
      space: logarithmic ? 24 : 36,
      size: (self, labels) => yAxisSize(self, labels),
      values: (_self, splits) =>
        splits.map((value) => (value === null ? "" : formatParameter(Number(value.toPrecision(6))))),
    },
  ];
}

function yAxisSize(self: uPlot, labels: string[] | null): number {
  const longest = (labels ?? []).reduce((length, label) => Math.max(length, label?.length ?? 0), 0);
  self.ctx.font = `11px ${getComputedStyle(self.root).fontFamily}`;
  return 14 + Math.ceil(self.ctx.measureText("0".repeat(longest)).width);
}

function zoomToSelection(self: uPlot, options: PlotOptions): void {
  const { left, width } = self.select;
  if (width <= 0) return;
  options.onZoom([self.posToVal(left, "x"), self.posToVal(left + width, "x")]);
  self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

/** A canvas above the lines: to light up a few of a thousand it draws those few, not all again. */
function addLayer(self: uPlot, options: PlotOptions): void {
  const layer = document.createElement("canvas");
  layer.className = LAYER;
  layer.style.cssText = "position:absolute;inset:0;width:100%;height:100%;pointer-events:none";
  self.over.before(layer);
  let pressedAt = 0;
  self.over.addEventListener("mousedown", (event) => (pressedAt = event.clientX));
  self.over.addEventListener("click", (event) => {
    if (Math.abs(event.clientX - pressedAt) < 4) options.onPick(self);
  });
  self.over.addEventListener("dblclick", () => options.onZoom(null));
}

/** Dims all lines and draws the highlighted ones above them; all are as bright as ever where none is highlighted. */
export function drawHighlight(
  self: uPlot,
  lines: readonly { id: number; colour: string }[],
  highlighted: ReadonlySet<number>,
): void {
  const layer = self.root.querySelector<HTMLCanvasElement>(`.${LAYER}`);
  const context = layer?.getContext("2d");
  if (!layer || !context) return;
  const { width, height } = self.ctx.canvas;
  if (layer.width !== width || layer.height !== height) {
    layer.width = width;
    layer.height = height;
  }
  context.clearRect(0, 0, width, height);
  const indices = lines.flatMap((line, index) => (highlighted.has(line.id) ? [index] : []));
  if (indices.length === 0) return;
  const { left, top, width: boxWidth, height: boxHeight } = self.bbox;
  context.save();
  context.beginPath();
  // Points at the ends stand half outside the box.
  const margin = 5 * devicePixelRatio;
  context.rect(left - margin, top - margin, boxWidth + 2 * margin, boxHeight + 2 * margin);
  context.clip();
  context.globalAlpha = 0.78;
  context.fillStyle = getComputedStyle(self.root).getPropertyValue("--panel");
  context.fill();
  context.globalAlpha = 1;
  for (const index of indices) strokeLine(self, context, index + 1, lines[index]!.colour);
  context.restore();
}

function strokeLine(self: uPlot, context: CanvasRenderingContext2D, series: number, colour: string): void {
  const [epochs, values] = [self.data[0], self.data[series]];
  if (!values) return;
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = 2.25 * devicePixelRatio;
  context.lineJoin = "round";
  context.beginPath();
  const size = 5 * devicePixelRatio;
  let drawing = false;
  for (let i = 0; i < epochs.length; i += 1) {
    const value = values[i];
    if (value === null) drawing = false;
    if (typeof value !== "number") continue;
    const [x, y] = [self.valToPos(epochs[i]!, "x", true), self.valToPos(value, "y", true)];
    if (drawing) context.lineTo(x, y);
    else context.moveTo(x, y);
    drawing = true;
    if (epochs.length <= MOST_EPOCHS_WITH_POINTS) context.fillRect(x - size / 2, y - size / 2, size, size);
  }
  context.stroke();
}
