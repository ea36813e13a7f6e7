import { formatCount } from "@/lib/format";
import { labelTable } from "@/lib/labels";
import type { SplitDescription } from "@/types/generated";

/** The samples of each split, and how often each class comes among them. */
export function Data({ splits }: { splits: Record<string, SplitDescription> }) {
  const names = Object.keys(splits);
  const { rows, numHidden } = labelTable(Object.values(splits));
  const task = Object.values(splits).find((split) => split.task !== null)?.task;
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-left whitespace-nowrap">
        <thead>
          <tr className="border-b border-line [&>th]:px-3 [&>th]:py-1.5 [&>th]:font-medium">
            <td className="px-3 text-soft">{task?.replaceAll("_", " ")}</td>
            {names.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="[&_td]:px-3 [&_td]:py-1 [&_th]:px-3 [&_th]:py-1 [&_th]:font-normal">
          <tr>
            <th scope="row">samples</th>
            {names.map((name) => (
              <td key={name}>{splits[name]!.num_samples.toLocaleString("en-GB")}</td>
            ))}
          </tr>
          {rows.map((row) => (
            <tr key={row.name}>
              <th scope="row" className="max-w-40 truncate text-soft" title={row.name}>
                {row.name}
              </th>
              {row.cells.map(({ count, share }, i) => (
                <td key={names[i]} title={`${(100 * share).toFixed(1)} % of ${names[i]}`}>
                  <Share count={count} share={share} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {numHidden > 0 && (
        <p className="px-3 py-1 text-soft">and {formatCount(numHidden, "rarer class", "rarer classes")}</p>
      )}
    </div>
  );
}

function Share({ count, share }: { count: number; share: number }) {
  return (
    <span className="flex items-center gap-2">
      <span aria-hidden="true" className="h-1.5 w-16 rounded-full bg-well">
        <span className="block h-full rounded-full bg-accent" style={{ width: `${100 * share}%` }} />
      </span>
      {count.toLocaleString("en-GB")}
    </span>
  );
}
