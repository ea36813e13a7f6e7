/** The columns of the table of experiments: what every experiment has, what varies, and what came out. */

import { Duration } from "@/components/Ago";
import { Bar } from "@/components/Progress";
import { Status } from "@/components/Status";
import type { Candidate } from "@/lib/filter";
import { formatParameter, formatScore } from "@/lib/format";
import { batchShare, epochShare } from "@/lib/progress";
import { shortNames, type ScoreKey } from "@/lib/scores";
import { STATUS_ORDER, type ShownStatus } from "@/lib/status";
import type { ScoreAt } from "@/types/generated";
import {
  columnVisibilityFeature,
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  tableFeatures,
  type ColumnDef,
  type SortFn,
} from "@tanstack/react-table";

export const features = tableFeatures({
  columnVisibilityFeature,
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
});

export type Column = ColumnDef<typeof features, Candidate, unknown>;

/** What a column needs to be laid out; columns of fixed width keep their place while rows come and go. */
export interface ColumnLayout {
  id: string;
  title: string;
  width: number;
  align: "left" | "right";
  /** Columns of one group stand under one heading. */
  group: string | null;
}

const helper = createColumnHelper<typeof features, Candidate>();

/** Numbers by size, all else by its text; what is missing comes last either way. */
export const compareValues: SortFn<typeof features, Candidate> = (a, b, id) => {
  const [x, y] = [a.getValue<unknown>(id), b.getValue<unknown>(id)];
  if (typeof x === "number" && typeof y === "number") return x - y;
  return formatParameter(x).localeCompare(formatParameter(y), undefined, { numeric: true });
};

interface Made {
  column: Column;
  layout: ColumnLayout;
}

function make(
  layout: Omit<ColumnLayout, "group" | "align"> & Partial<ColumnLayout>,
  value: (candidate: Candidate) => unknown,
  cell: (candidate: Candidate) => React.ReactNode,
): Made {
  const column = helper.accessor(value, {
    id: layout.id,
    header: layout.title,
    cell: ({ row }) => cell(row.original),
    sortFn: compareValues,
    sortUndefined: "last",
  }) as Column;
  return { column, layout: { group: null, align: "left", ...layout } };
}

/** What names a row stands in its heading, but sorts like any other. */
const ID: Column = helper.accessor(({ row }) => row.experiment_id, {
  id: "id",
  sortFn: compareValues,
  enableHiding: false,
}) as Column;

const PROGRESS = make(
  { id: "progress", title: "epochs", width: 124 },
  ({ row }) => row.epochs_done,
  ({ row, status }) => <Progress row={row} status={status} />,
);

const STATUS = make(
  { id: "status", title: "status", width: 104 },
  ({ status }) => STATUS_ORDER.indexOf(status),
  ({ row, status }) => (
    <span title={row.error ?? undefined}>
      <Status status={status} />
    </span>
  ),
);

const TIME = make(
  { id: "time", title: "time", width: 84, align: "right" },
  ({ row }) => (row.started_at === null ? undefined : (row.finished_at ?? Infinity) - row.started_at),
  ({ row, status }) =>
    status === "running" || row.finished_at !== null ? <Duration from={row.started_at} to={row.finished_at} /> : "–",
);

const DEVICE = make(
  { id: "device", title: "device", width: 72 },
  ({ row }) => row.device ?? undefined,
  ({ row }) => row.device ?? "–",
);

export interface Columns {
  columns: Column[];
  /** Of all columns but the id's. */
  layouts: ColumnLayout[];
}

export interface Contents {
  paths: readonly string[];
  /** Characters of the longest value of each path. */
  lengths: readonly number[];
  keys: readonly ScoreKey[];
}

/** All columns in their order: state, what varies, scores split by split, then time and place. */
export function makeColumns({ paths, lengths, keys }: Contents): Columns {
  const names = shortNames(paths);
  const made = [
    STATUS,
    PROGRESS,
    ...paths.map((path, i) => parameterColumn(path, names.get(path)!, lengths[i]!)),
    ...keys.flatMap((key) => [scoreColumn(key, "best"), scoreColumn(key, "last")]),
    TIME,
    DEVICE,
  ];
  return { columns: [ID, ...made.map(({ column }) => column)], layouts: made.map(({ layout }) => layout) };
}

function parameterColumn(path: string, name: string, length: number): Made {
  const width = Math.min(180, 26 + 7.2 * Math.max(4, name.length, length));
  return make(
    { id: `parameter:${path}`, title: name, width, group: "parameters" },
    ({ parameters }) => parameters[path],
    ({ parameters }) => (
      <span title={`${path} = ${formatParameter(parameters[path])}`}>{formatParameter(parameters[path])}</span>
    ),
  );
}

function scoreColumn({ key }: ScoreKey, kind: "best" | "last"): Made {
  return make(
    { id: `${kind}:${key}`, title: kind, width: 72, align: "right", group: key },
    ({ row }) => row[kind][key]?.value ?? undefined,
    ({ row }) => <Score score={row[kind][key]} />,
  );
}

function Score({ score }: { score: ScoreAt | undefined }) {
  if (!score) return <span className="text-faint">–</span>;
  return <span title={`${score.value ?? "not finite"}, epoch ${score.epoch}`}>{formatScore(score.value)}</span>;
}

function Progress({ row, status }: { row: Candidate["row"]; status: ShownStatus }) {
  const batches = status === "running" ? batchShare(row) : null;
  const doing = row.phase === "evaluation" ? `eval ${row.current_split ?? ""}` : (row.current_split ?? row.phase ?? "");
  return (
    <div className="grid gap-[3px]">
      <div className="flex justify-between text-2xs leading-none">
        <span>
          {row.epochs_done}
          <span className="text-faint">/{row.num_epochs ?? "?"}</span>
        </span>
        {batches !== null && <span className="text-soft">{doing}</span>}
      </div>
      <Bar
        share={epochShare(row)}
        label={`Epochs of experiment ${row.experiment_id}`}
        tone={status === "running" ? "running" : status === "finished" ? "finished" : "soft"}
      />
      {batches !== null && (
        <Bar share={batches} label={`Batches of experiment ${row.experiment_id}`} tone="running" thin />
      )}
    </div>
  );
}
