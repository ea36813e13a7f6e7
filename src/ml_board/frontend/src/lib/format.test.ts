import { describe, expect, it } from "vitest";
import {
  formatAgo,
  formatBytes,
  formatCommand,
  formatCount,
  formatFigures,
  formatDuration,
  formatParameter,
  formatScore,
  formatTime,
} from "./format";

describe("formatScore", () => {
  it.each([
    [0.97123456, "0.9712"],
    [0, "0.0000"],
    [-0.5, "-0.5000"],
    [12.3456789, "12.3457"],
    [123.456, "123.46"],
    [12345.67, "12345.7"],
    [1234567, "1.235e6"],
    [0.00001234, "1.234e-5"],
    [null, "not finite"],
    [undefined, "–"],
  ])("%s is %s", (value, text) => expect(formatScore(value)).toBe(text));
});

describe("formatParameter", () => {
  it.each([
    [0.1, "0.1"],
    [0.001, "0.001"],
    [0.0001, "1e-4"],
    [1e-5, "1e-5"],
    [0.00012345, "1.2345e-4"],
    [10000000, "1e7"],
    [12345678, "12345678"],
    [64, "64"],
    [0, "0"],
    ["adam", "adam"],
    [[32, 64], "[32,64]"],
    [null, "null"],
    [true, "true"],
    [undefined, "–"],
  ])("%s is %s", (value, text) => expect(formatParameter(value)).toBe(text));
});

describe("formatDuration", () => {
  it.each([
    [0.42, "0.4 s"],
    [9.99, "10 s"],
    [59.4, "59 s"],
    [59.6, "1 min 00 s"],
    [65, "1 min 05 s"],
    [3599.9, "1 h 00 min"],
    [7620, "2 h 07 min"],
    [356400, "4 d 03 h"],
    [-1, "0.0 s"],
    [null, "–"],
    [Infinity, "–"],
  ])("%s is %s", (value, text) => expect(formatDuration(value)).toBe(text));
});

describe("formatAgo", () => {
  it.each([
    [99, "just now"],
    [101, "just now"],
    [88, "12 s ago"],
    [-200, "5 min ago"],
    [-7200, "2 h ago"],
    [-200_000, "2 d ago"],
    [null, "–"],
  ])("%s at 100 is %s", (time, text) => expect(formatAgo(time, 100)).toBe(text));
});

describe("formatBytes", () => {
  it.each([
    [0, "0 B"],
    [812, "812 B"],
    [1500, "1.5 kB"],
    [23_400_000, "23 MB"],
    [999_600, "1.0 MB"],
  ])("%s is %s", (value, text) => expect(formatBytes(value)).toBe(text));
});

it("formats a time of day", () => expect(formatTime(1_790_000_000)).toMatch(/^\d{1,2} \w{3,4} 2026, \d\d:\d\d:\d\d$/));

it.each([
  [0, "0"],
  [0.00000153, "1.53e-6"],
  [0.0021, "0.0021"],
  [3.14159, "3.14"],
  [24, "24"],
  [480.4, "480"],
  [12_345, "12,345"],
  [2_500_000, "2.5e6"],
])("formats %d in three figures", (value, text) => expect(formatFigures(value)).toBe(text));

it("counts", () =>
  expect([formatCount(1, "event"), formatCount(12_000, "event"), formatCount(2, "class", "classes")]).toEqual([
    "1 event",
    "12,000 events",
    "2 classes",
  ]));

it("quotes what a shell would take apart", () => {
  expect(formatCommand(["mlgym", "run", "my file.yml", "--set", "a=it's"])).toBe(
    `mlgym run 'my file.yml' --set 'a=it'\\''s'`,
  );
});
