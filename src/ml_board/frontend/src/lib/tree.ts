/** Configurations as flat lists of paths. Pure. */

export interface Leaf {
  /** `optimizer.lr`, `metrics.0.average` */
  path: string;
  depth: number;
  name: string;
  /** undefined for a branch with children. */
  value: unknown;
  isBranch: boolean;
}

/** A tree in reading order, branches before their children. Empty maps and lists of plain values are leaves. */
export function flatten(tree: unknown, path = "", depth = 0): Leaf[] {
  if (!isBranch(tree)) return [];
  return Object.entries(tree).flatMap(([name, value]) => {
    const here = path ? `${path}.${name}` : name;
    return isBranch(value)
      ? [{ path: here, depth, name, value: undefined, isBranch: true }, ...flatten(value, here, depth + 1)]
      : [{ path: here, depth, name, value, isBranch: false }];
  });
}

function isBranch(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const children = Object.values(value);
  if (Array.isArray(value)) return children.some((child) => typeof child === "object" && child !== null);
  return children.length > 0;
}

/** Whether a place is one of `paths`, lies inside one of them, or holds one. */
export function touches(path: string, paths: readonly string[]): boolean {
  return paths.some((one) => one === path || one.startsWith(`${path}.`) || path.startsWith(`${one}.`));
}
