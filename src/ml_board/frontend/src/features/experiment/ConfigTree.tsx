import { formatParameter } from "@/lib/format";
import { flatten, touches, type Leaf } from "@/lib/tree";
import { useMemo, useState } from "react";

interface Props {
  config: Record<string, unknown>;
  /** Paths whose values differ between the run's experiments. */
  differing: readonly string[];
}

/** A configuration to be read: what differs from the other experiments stands out, and can stand alone. */
export function ConfigTree({ config, differing }: Props) {
  const [onlyDiffering, setOnlyDiffering] = useState(false);
  const leaves = useMemo(() => flatten(config), [config]);
  const shown = onlyDiffering ? leaves.filter(({ path }) => touches(path, differing)) : leaves;
  if (leaves.length === 0) return <p className="p-4 text-soft">Empty.</p>;
  return (
    <>
      {differing.length > 0 && (
        <label className="flex cursor-pointer items-center gap-2 border-b border-line px-3 py-1.5 text-xs text-soft">
          <input
            type="checkbox"
            className="accent-(--accent)"
            checked={onlyDiffering}
            onChange={({ target }) => setOnlyDiffering(target.checked)}
          />
          Only what differs from the other experiments ({differing.length})
        </label>
      )}
      <ul className="py-2 font-mono text-xs leading-5">
        {shown.map((leaf) => (
          <TreeLine key={leaf.path} leaf={leaf} differs={!leaf.isBranch && touches(leaf.path, differing)} />
        ))}
      </ul>
    </>
  );
}

function TreeLine({ leaf, differs }: { leaf: Leaf; differs: boolean }) {
  return (
    <li
      className={`border-l-2 pr-3 break-words ${differs ? "border-lost bg-differs" : "border-transparent"}`}
      style={{ paddingLeft: 10 + leaf.depth * 14 }}
      title={leaf.path}
      data-differs={differs || undefined}
    >
      <span className={leaf.isBranch ? "font-medium" : "text-soft"}>{leaf.name}</span>
      <span className="text-soft">:</span>
      {!leaf.isBranch && <span> {formatParameter(leaf.value)}</span>}
      {differs && <span className="sr-only"> (differs)</span>}
    </li>
  );
}
