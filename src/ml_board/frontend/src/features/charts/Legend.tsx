import { allowedValues, toggleValue } from "@/lib/filter";
import { highlight } from "@/lib/highlight";
import { formatCount, formatParameter } from "@/lib/format";
import type { ColourGroup } from "@/lib/palette";
import { useMemo, useState } from "react";
import { BY_EXPERIMENT, type Colouring } from "./colouring";

const SHOWN_AT_FIRST = 16;

interface Props {
  colouring: Colouring;
  chosen: readonly number[];
  filter: string;
  onFilter: (filter: string) => void;
}

/** What the colours mean. Pointing at an entry lights up its lines, a click keeps only those (or all again). */
export function Legend({ colouring, chosen, filter, onFilter }: Props) {
  const [whole, setWhole] = useState(false);
  const present = useMemo(() => new Set(chosen), [chosen]);
  const { by, groups } = colouring;
  const shown = whole ? groups : groups.slice(0, SHOWN_AT_FIRST);
  const [field, valueOf] =
    by === BY_EXPERIMENT
      ? ["id", (group: ColourGroup) => String(group.ids[0])]
      : [by, (group: ColourGroup) => formatParameter(group.value)];
  const kept = allowedValues(filter, field);
  return (
    <ul
      aria-label={`Legend: colours ${by === BY_EXPERIMENT ? "by experiment" : `by ${by}`}`}
      className="flex max-h-28 flex-wrap gap-x-1 gap-y-0.5 overflow-y-auto text-xs"
    >
      {shown.map((group) => (
        <li key={group.label}>
          <LegendEntry
            group={group}
            isKept={kept.includes(valueOf(group))}
            isPresent={group.ids.some((id) => present.has(id))}
            onToggle={() => onFilter(toggleValue(filter, field, valueOf(group)))}
          />
        </li>
      ))}
      {groups.length > SHOWN_AT_FIRST && (
        <li>
          <button type="button" className="button quiet h-5 px-1.5" onClick={() => setWhole(!whole)}>
            {whole ? "Fewer" : `${groups.length - SHOWN_AT_FIRST} more`}
          </button>
        </li>
      )}
    </ul>
  );
}

interface EntryProps {
  group: ColourGroup;
  isKept: boolean;
  isPresent: boolean;
  onToggle: () => void;
}

function LegendEntry({ group, isKept, isPresent, onToggle }: EntryProps) {
  const light = () => highlight(group.ids);
  const dark = () => highlight([]);
  return (
    <button
      type="button"
      aria-pressed={isKept}
      title={`${formatCount(group.ids.length, "experiment")}; click to show only these`}
      className={`flex h-5 items-center gap-1.5 rounded px-1.5 hover:bg-well aria-pressed:bg-accent-wash ${isPresent ? "" : "opacity-40"}`}
      onMouseEnter={light}
      onMouseLeave={dark}
      onFocus={light}
      onBlur={dark}
      onClick={onToggle}
    >
      <span aria-hidden="true" className="h-[3px] w-3.5 rounded-full" style={{ background: group.colour }} />
      {group.label}
    </button>
  );
}
