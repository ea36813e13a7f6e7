import type { SystemMetrics } from "@/types/generated";
import { describe, expect, it } from "vitest";
import { figuresOf, sparkline } from "./system";

const sample: SystemMetrics = {
  grid_search_id: "r",
  host: "box",
  cpu_percent: 41.6,
  rss_bytes: 2.5e9,
  memory_used_bytes: 8e9,
  memory_total_bytes: 64e9,
  gpus: [],
  disk: null,
  network: null,
};

describe("the figures of a sample", () => {
  it("are those of the processors and of the run's memory where nothing else was measured", () => {
    expect(figuresOf(sample).map(({ name, value }) => [name, value])).toEqual([
      ["CPU", "42 %"],
      ["Memory", "2.5 GB"],
    ]);
    expect(figuresOf(sample)[1]!.detail).toContain("box uses 8.0 GB of 64 GB");
  });

  it("have each GPU with what it tells", () => {
    const gpu = {
      index: 1,
      name: "H100",
      percent: null,
      memory_used_bytes: 40e9,
      memory_total_bytes: 80e9,
      power_watts: null,
    };
    const [, , use, ...more] = figuresOf({ ...sample, gpus: [gpu] });
    expect(use).toMatchObject({ name: "GPU 1 memory", value: "40 GB", column: "gpu/1/memory_used_bytes", most: 80e9 });
    expect(more).toEqual([]);
  });

  it("have disk and network with their rates, as far as they are known", () => {
    const disk = { used_bytes: 1e9, total_bytes: 2e9, read_bytes_per_s: null, written_bytes_per_s: 3e6 };
    const network = { sent_bytes_per_s: 10, received_bytes_per_s: 2_000 };
    expect(figuresOf({ ...sample, disk, network }).map(({ name, value }) => `${name} ${value}`)).toEqual([
      "CPU 42 %",
      "Memory 2.5 GB",
      "Disk 1.0 GB",
      "Written 3.0 MB/s",
      "Received 2.0 kB/s",
      "Sent 10 B/s",
    ]);
  });
});

describe("a sparkline", () => {
  it("goes from left to right under its bound", () => {
    expect(sparkline([10, 20, 30], [0, 100, 50], 100, 60, 20)).toBe("M0.0 20.0L30.0 0.0L60.0 10.0");
  });
  it("takes the highest value for its bound where it has none, and leaves out what was not measured", () => {
    expect(sparkline([0, 1, 2], [4, null, 8], null, 10, 10)).toBe("M0.0 5.0L10.0 0.0");
    expect(sparkline([0, 1], [0, 0], null, 10, 10)).toBe("M0.0 10.0L10.0 10.0");
  });
  it("is none of fewer than two values", () => expect(sparkline([0, 1], [3, null], null, 10, 10)).toBeNull());
});
