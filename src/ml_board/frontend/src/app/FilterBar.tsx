import { Segmented } from "@/components/Segmented";
import type { Address, RunLayout } from "@/lib/address";
import { formatCount } from "@/lib/format";
import { shortNames } from "@/lib/scores";
import type { ReactNode } from "react";

const LAYOUTS: readonly { value: RunLayout; label: string }[] = [
  { value: "split", label: "Both" },
  { value: "table", label: "Table" },
  { value: "charts", label: "Charts" },
  { value: "logs", label: "Log" },
];

interface Props {
  address: Address;
  adjust: (change: Partial<Address>) => void;
  numShown: number;
  numAll: number;
  paths: readonly string[];
  /** Of some score, for an example of what can be asked. */
  scoreKey: string | undefined;
  children: ReactNode;
}

/** Which experiments the table and the charts show, and which of both is on the page. */
export function FilterBar({ address, adjust, numShown, numAll, paths, scoreKey, children }: Props) {
  const parameter = [...shortNames(paths).values()][0];
  const examples = [parameter && `${parameter}=…`, scoreKey && `${scoreKey}>0.9`, "status=failed", "or any text"];
  return (
    <div className="flex flex-wrap items-center gap-2">
      {/* What was written is not filtered by experiments. */}
      {address.layout !== "logs" && (
        <>
          <div className="relative min-w-52 flex-1 sm:max-w-md">
            <input
              type="search"
              className="field w-full"
              aria-label="Filter experiments"
              aria-describedby="filter-count"
              placeholder={`Filter: ${examples.filter(Boolean).join("  ")}`}
              spellCheck={false}
              autoComplete="off"
              value={address.filter}
              onChange={(event) => adjust({ filter: event.target.value })}
            />
          </div>
          <span id="filter-count" className="text-xs text-soft" aria-live="polite">
            {numShown === numAll
              ? formatCount(numAll, "experiment")
              : `${numShown} of ${formatCount(numAll, "experiment")}`}
          </span>
          {address.filter && (
            <button type="button" className="button quiet" onClick={() => adjust({ filter: "" })}>
              Clear
            </button>
          )}
        </>
      )}
      <div className="ml-auto flex items-center gap-2">
        {children}
        <Segmented label="Show" options={LAYOUTS} value={address.layout} onChange={(layout) => adjust({ layout })} />
      </div>
    </div>
  );
}
