/** What was measured of a run's machine, as figures to be read, each with the name of its column. Pure. */

import type { SystemMetrics } from "@/types/generated";
import { formatBytes } from "./format";

export interface Figure {
  /** What is measured. */
  name: string;
  /** The latest value, in words. */
  value: string;
  /** More about it, for the pointer. */
  detail: string;
  /** The column that its history is in. */
  column: string;
  /** What the column's values can be at most; null where there is no such bound. */
  most: number | null;
}

/** The figures of a sample, in the order in which they are read; what was not measured is left out. */
export function figuresOf(sample: SystemMetrics): Figure[] {
  const { host, cpu_percent, rss_bytes, memory_used_bytes, memory_total_bytes, gpus, disk, network } = sample;
  const memory = share(memory_used_bytes, memory_total_bytes);
  const figures: (Figure | false | null)[] = [
    figure("CPU", percent(cpu_percent), `all processors of ${host}`, "cpu_percent", 100),
    figure("Memory", formatBytes(rss_bytes), `the run's own processes; ${host} uses ${memory}`, "rss_bytes", null),
    ...gpus.flatMap(({ index, name, percent: use, memory_used_bytes: used, memory_total_bytes: total }) => [
      use !== null && figure(`GPU ${index}`, percent(use), name, `gpu/${index}/percent`, 100),
      used !== null &&
        figure(
          `GPU ${index} memory`,
          formatBytes(used),
          `${name}: ${share(used, total)}`,
          `gpu/${index}/memory_used_bytes`,
          total,
        ),
    ]),
    disk &&
      figure(
        "Disk",
        formatBytes(disk.used_bytes),
        `of the event storage: ${share(disk.used_bytes, disk.total_bytes)}`,
        "disk/used_bytes",
        disk.total_bytes,
      ),
    disk && rate("Read", disk.read_bytes_per_s, "from disks", "disk/read_bytes_per_s"),
    disk && rate("Written", disk.written_bytes_per_s, "to disks", "disk/written_bytes_per_s"),
    network && rate("Received", network.received_bytes_per_s, "over the network", "network/received_bytes_per_s"),
    network && rate("Sent", network.sent_bytes_per_s, "over the network", "network/sent_bytes_per_s"),
  ];
  return figures.filter((one) => one !== false && one !== null);
}

function figure(name: string, value: string, detail: string, column: string, most: number | null): Figure {
  return { name, value, detail, column, most };
}

function rate(name: string, bytes: number | null, detail: string, column: string): Figure | null {
  return bytes === null ? null : figure(name, `${formatBytes(bytes)}/s`, detail, column, null);
}

function percent(value: number): string {
  return `${Math.round(value)} %`;
}

function share(used: number, total: number | null): string {
  return total === null ? formatBytes(used) : `${formatBytes(used)} of ${formatBytes(total)}`;
}

/** A line through the values, as the path of an SVG of this size; null where two values are not to be had. */
export function sparkline(
  xs: readonly number[],
  values: readonly (number | null)[],
  most: number | null,
  width: number,
  height: number,
): string | null {
  const known = xs.flatMap((x, i) => (typeof values[i] === "number" ? [[x, values[i]] as const] : []));
  if (known.length < 2) return null;
  const [first, last] = [known[0]![0], known.at(-1)![0]];
  const top = most ?? (known.reduce((high, [, value]) => Math.max(high, value), 0) || 1);
  const place = (share: number, size: number) => (Math.min(1, Math.max(0, share)) * size).toFixed(1);
  return known
    .map(
      ([x, y], i) => `${i ? "L" : "M"}${place((x - first) / (last - first || 1), width)} ${place(1 - y / top, height)}`,
    )
    .join("");
}
