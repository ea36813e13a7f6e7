import { Popover } from "@/components/Popover";
import type { Candidate } from "@/lib/filter";
import { parameterPaths, scoreKeys } from "@/lib/scores";
import { makeColumns, type ColumnLayout } from "./columns";

interface Props {
  candidates: readonly Candidate[];
  hidden: readonly string[];
  onChange: (hidden: string[]) => void;
}

/** Which columns are shown. */
export function ColumnMenu({ candidates, hidden, onChange }: Props) {
  return (
    <Popover label={hidden.length ? `Columns · ${hidden.length} hidden` : "Columns"}>
      <Choices candidates={candidates} hidden={hidden} onChange={onChange} />
    </Popover>
  );
}

function Choices({ candidates, hidden, onChange }: Props) {
  const paths = parameterPaths(candidates.map(({ parameters }) => parameters));
  const keys = scoreKeys(candidates.map(({ row }) => row));
  const { layouts } = makeColumns({ paths, lengths: paths.map(() => 0), keys });
  const without = (ids: readonly string[]) => hidden.filter((id) => !ids.includes(id));
  const idsOf = (kind: string) => layouts.filter(({ id }) => id.startsWith(`${kind}:`)).map(({ id }) => id);
  return (
    <>
      <div className="mb-2 flex flex-wrap gap-1.5">
        <button type="button" className="button h-6" onClick={() => onChange([])}>
          All
        </button>
        <button
          type="button"
          className="button h-6"
          onClick={() => onChange([...without(idsOf("best")), ...idsOf("last")])}
        >
          Best scores only
        </button>
        <button
          type="button"
          className="button h-6"
          onClick={() => onChange([...without(idsOf("last")), ...idsOf("best")])}
        >
          Last scores only
        </button>
      </div>
      <ul>
        {layouts.map((layout) => (
          <li key={layout.id}>
            <label className="flex cursor-pointer items-center gap-2 rounded px-1 py-0.5 text-xs hover:bg-well">
              <input
                type="checkbox"
                className="accent-(--accent)"
                checked={!hidden.includes(layout.id)}
                onChange={({ target }) => onChange(target.checked ? without([layout.id]) : [...hidden, layout.id])}
              />
              {nameOf(layout)}
            </label>
          </li>
        ))}
      </ul>
    </>
  );
}

function nameOf({ title, group }: ColumnLayout): string {
  return group === null || group === "parameters" ? title : `${group}, ${title}`;
}
