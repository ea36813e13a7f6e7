import { describe, expect, it } from "vitest";
import { linesOf, plainText, toneOf } from "./logLines";

describe("a line of a log", () => {
  it.each([
    ["\x1b[1;31mred\x1b[0m and \x1b[38;5;12mblue\x1b[m", "red and blue"],
    ["\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"],
    ["\x1b]0;title\x1b\\text", "text"],
    ["\x1b[2K\x1b[1Gdone", "done"],
    ["10 %\r50 %\r100 %", "100 %"],
    ["windows\r", "windows"],
    ["bell\x07 null\x00", "bell null"],
    ["\ttab stays", "\ttab stays"],
    ["[INFO] brackets stay", "[INFO] brackets stay"],
  ])("%j is shown as %j", (line, shown) => expect(plainText(line)).toBe(shown));

  it("knows its event, and its place in it", () => {
    const entry = { event_id: 7, at: 1, experiment_id: 3, stream: "stdout", level: null, lines: ["a", "b"] } as const;
    expect(linesOf([{ ...entry, lines: [...entry.lines] }]).map(({ key, text }) => [key, text])).toEqual([
      ["7.0", "a"],
      ["7.1", "b"],
    ]);
  });

  it.each([
    ["ERROR", "error"],
    ["critical", "error"],
    ["WARNING", "warning"],
    ["DEBUG", "faint"],
    ["INFO", "plain"],
    [null, "plain"],
  ])("of level %s is %s", (level, tone) => expect(toneOf({ level })).toBe(tone));
});
