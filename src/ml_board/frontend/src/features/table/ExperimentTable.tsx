import { Link } from "@/components/Link";
import { addressOf, type Address } from "@/lib/address";
import type { Candidate } from "@/lib/filter";
import { formatParameter } from "@/lib/format";
import { highlight, useHighlight } from "@/lib/highlight";
import { go } from "@/lib/navigation";
import { leaders, parameterPaths, scoreKeys } from "@/lib/scores";
import { useTable, type Row } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useMemo, useRef } from "react";
import { features, makeColumns, type ColumnLayout, type Columns } from "./columns";
import { TableHead } from "./TableHead";

interface Props {
  all: readonly Candidate[];
  /** Those that the filter let through. */
  candidates: Candidate[];
  colourOf: (id: number) => string | undefined;
  address: Address;
  onSort: (sort: string | null) => void;
}

const ROW_HEIGHT = 36;
const ID_WIDTH = 64;

/** All experiments of a run, live. Only the rows on the screen exist. */
export function ExperimentTable({ all, candidates, colourOf, address, onSort }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const { columns, layouts } = useColumns(all);
  const sorting = useMemo(() => parseSort(address.sort), [address.sort]);
  const columnVisibility = useMemo(() => Object.fromEntries(address.hidden.map((id) => [id, false])), [address.hidden]);
  const table = useTable({
    features,
    columns,
    data: candidates,
    getRowId: ({ row }) => String(row.experiment_id),
    state: { sorting, columnVisibility },
  });
  const { rows } = table.getRowModel();
  const shown = useMemo(() => layouts.filter(({ id }) => columnVisibility[id] !== false), [layouts, columnVisibility]);
  const leading = useLeaders(candidates, shown);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: (index) => rows[index]!.id,
    overscan: 8,
  });
  const items = virtualizer.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0);

  return (
    <div ref={scroller} className="panel relative min-h-0 overflow-auto" onMouseLeave={() => highlight([])}>
      <table
        className="table-fixed border-separate border-spacing-0 text-xs"
        style={{ width: ID_WIDTH + shown.reduce((sum, { width }) => sum + width, 0), minWidth: "100%" }}
        aria-label="Experiments"
        aria-rowcount={candidates.length + 2}
      >
        <colgroup>
          <col style={{ width: ID_WIDTH }} />
          {shown.map(({ id, width }) => (
            <col key={id} style={{ width }} />
          ))}
        </colgroup>
        <TableHead layouts={shown} sort={address.sort} onSort={onSort} />
        <tbody>
          {before > 0 && <tr style={{ height: before }} />}
          {items.map(({ key, index }) => (
            <ExperimentTableRow
              key={key}
              row={rows[index]!}
              candidate={rows[index]!.original}
              index={index}
              layouts={shown}
              leading={leading}
              colour={colourOf(rows[index]!.original.row.experiment_id)}
              address={address}
            />
          ))}
          {after > 0 && <tr style={{ height: after }} />}
        </tbody>
      </table>
      {candidates.length === 0 && (
        <p className="sticky left-0 p-8 text-center text-soft">
          {all.length === 0 ? "The run has told of no experiment yet." : "No experiment matches the filter."}
        </p>
      )}
    </div>
  );
}

function useColumns(all: readonly Candidate[]): Columns {
  const paths = parameterPaths(all.map(({ parameters }) => parameters));
  const keys = scoreKeys(all.map(({ row }) => row));
  const lengths = paths.map((path) => longest(all, path));
  return useByContent({ paths, lengths, keys }, makeColumns);
}

/** The number of characters of a parameter's longest value. */
function longest(all: readonly Candidate[], path: string): number {
  return all.reduce((length, { parameters }) => Math.max(length, formatParameter(parameters[path]).length), 0);
}

/** The experiments that lead in each column that shows best scores. */
function useLeaders(candidates: readonly Candidate[], layouts: readonly ColumnLayout[]) {
  const rows = candidates.map(({ row }) => row);
  const ids = layouts.flatMap(({ id }) => (id.startsWith("best:") ? [id] : []));
  const found = ids.map((id) => [id, [...leaders(id.slice("best:".length), rows)]] as const);
  return useByContent(found, (entries) => new Map(entries.map(([id, leading]) => [id, new Set(leading)])));
}

/** What is made of a value, made anew only when the value says something else: rows compare it by identity. */
function useByContent<T, R>(value: T, makeFrom: (value: T) => R): R {
  const content = JSON.stringify(value);
  const made = useRef<{ content: string; result: R } | null>(null);
  if (made.current?.content !== content) made.current = { content, result: makeFrom(value) };
  return made.current.result;
}

function parseSort(sort: string | null) {
  if (sort === null) return [];
  return [{ id: sort.replace(/^-/, ""), desc: sort.startsWith("-") }];
}

interface RowProps {
  row: Row<typeof features, Candidate>;
  candidate: Candidate;
  index: number;
  layouts: readonly ColumnLayout[];
  leading: ReadonlyMap<string, ReadonlySet<number>>;
  colour: string | undefined;
  address: Address;
}

const ExperimentTableRow = memo(
  function ExperimentTableRow({ row, candidate, index, layouts, leading, colour, address }: RowProps) {
    const id = candidate.row.experiment_id;
    const lit = useHighlight(({ ids }) => ids.has(id));
    const to = addressOf(address, address.runId, id);
    const cells = row.getVisibleCells().slice(1);
    const ground = lit ? "bg-accent-wash" : "bg-panel";
    return (
      <tr
        aria-rowindex={index + 3}
        data-experiment={id}
        data-lit={lit || undefined}
        className={`cursor-pointer ${ground}`}
        style={{ height: ROW_HEIGHT }}
        onMouseEnter={() => highlight([id])}
        onClick={(event) => !event.defaultPrevented && go(to)}
      >
        <th scope="row" className={`sticky left-0 z-[1] border-b border-line px-2.5 text-left font-normal ${ground}`}>
          <Link
            to={to}
            className="flex items-center gap-1.5 font-medium"
            onFocus={() => highlight([id])}
            onBlur={() => highlight([])}
          >
            <span
              aria-hidden="true"
              className="h-3.5 w-1 shrink-0 rounded-full"
              style={{ background: colour ?? "transparent" }}
            />
            #{id}
          </Link>
        </th>
        {cells.map((cell, i) => {
          const layout = layouts[i]!;
          const leads = leading.get(layout.id)?.has(id);
          return (
            <td
              key={layout.id}
              className={`truncate border-b border-line px-2.5 ${layout.align === "right" ? "text-right" : ""} ${leads ? "font-bold text-ink" : layout.id.startsWith("last:") ? "text-soft" : ""}`}
            >
              {leads && <span className="sr-only">leads: </span>}
              {renderCell(cell)}
            </td>
          );
        })}
      </tr>
    );
  },
  (a, b) =>
    a.candidate.row === b.candidate.row &&
    a.candidate.status === b.candidate.status &&
    a.candidate.parameters === b.candidate.parameters &&
    a.index === b.index &&
    a.layouts === b.layouts &&
    a.leading === b.leading &&
    a.colour === b.colour &&
    a.address === b.address,
);

type Cell = ReturnType<Row<typeof features, Candidate>["getVisibleCells"]>[number];

function renderCell(cell: Cell): React.ReactNode {
  const render = cell.column.columnDef.cell;
  return typeof render === "function" ? render(cell.getContext()) : null;
}
