import { Segmented } from "@/components/Segmented";
import type { Address } from "@/lib/address";
import { shortNames } from "@/lib/scores";
import { BY_EXPERIMENT, type Colouring } from "./colouring";

export const ALL_SPLITS = "all";

interface Props {
  splits: readonly string[];
  split: string;
  colouring: Colouring;
  address: Address;
  adjust: (change: Partial<Address>) => void;
}

/** What the charts show and how. */
export function ChartToolbar({ splits, split, colouring, address, adjust }: Props) {
  const names = shortNames(colouring.choices);
  const options = [...splits, ALL_SPLITS].map((value) => ({ value, label: value || "no split" }));
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      {splits.length > 1 && (
        <Segmented label="Split" options={options} value={split} onChange={(value) => adjust({ split: value })} />
      )}
      <label className="flex items-center gap-1.5 text-xs text-soft">
        Colour
        <select
          className="field max-w-36 pr-1"
          value={colouring.by}
          onChange={({ target }) => adjust({ colour: target.value })}
        >
          {colouring.choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice === BY_EXPERIMENT ? "by experiment" : `by ${names.get(choice)}`}
            </option>
          ))}
        </select>
      </label>
      <label className="flex items-center gap-1.5 text-xs text-soft">
        Smooth
        <input
          type="range"
          className="w-20 accent-(--accent)"
          min={0}
          max={0.95}
          step={0.05}
          value={address.smoothing}
          aria-valuetext={address.smoothing === 0 ? "off" : address.smoothing.toFixed(2)}
          onChange={({ target }) => adjust({ smoothing: Number(target.value) })}
        />
        <span className="w-6">{address.smoothing === 0 ? "off" : address.smoothing.toFixed(2)}</span>
      </label>
    </div>
  );
}
