import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SRC = dirname(fileURLToPath(import.meta.url));

/** What each room may import, beside itself and packages. */
const ALLOWED: Record<string, readonly string[]> = {
  types: [],
  lib: ["types"],
  components: ["lib", "types"],
  features: ["components", "lib", "types"],
  app: ["features", "components", "lib", "types"],
};

interface Import {
  from: string;
  to: string;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), "utf8");
  return [...text.matchAll(/(?:from|import)\s+"(@\/|\.{1,2}\/)([^"]+)"/g)].map(([, start, path]) => ({
    from: file,
    to: start === "@/" ? path! : relative(SRC, join(SRC, dirname(file), start!, path!)),
  }));
}

const FILES = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter(
  (file) => /\.tsx?$/.test(file) && file.includes("/"),
);
const IMPORTS = FILES.flatMap(importsOf);
const room = (path: string) => path.split("/")[0]!;
const feature = (path: string) => path.split("/")[1]!;

describe("who may import whom", () => {
  it("is looked at in every file", () => expect(IMPORTS.length).toBeGreaterThan(100));

  it("goes from lib and components over features to app, never back", () => {
    const wrong = IMPORTS.filter(({ from, to }) => room(from) !== room(to) && !ALLOWED[room(from)]!.includes(room(to)));
    expect(wrong).toEqual([]);
  });

  it("keeps features apart", () => {
    const wrong = IMPORTS.filter(
      ({ from, to }) => room(from) === "features" && room(to) === "features" && feature(from) !== feature(to),
    );
    expect(wrong).toEqual([]);
  });
});
