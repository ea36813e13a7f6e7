import type { ColumnLayout } from "./columns";

interface Props {
  layouts: readonly ColumnLayout[];
  sort: string | null;
  onSort: (sort: string | null) => void;
}

/** Two rows of headings: groups, and the columns by which one can sort. */
export function TableHead({ layouts, sort, onSort }: Props) {
  return (
    <thead>
      <tr className="[&>*]:sticky [&>*]:top-0 [&>*]:z-[2] [&>*]:h-6 [&>*]:bg-panel">
        <td className="left-0 !z-[3]" />
        {groups(layouts).map(({ group, span, first }) =>
          group ? (
            <th
              key={first}
              scope="colgroup"
              colSpan={span}
              className="truncate border-l border-line px-2.5 pt-1 text-left text-2xs font-medium text-soft"
              title={group}
            >
              {group}
            </th>
          ) : (
            <td key={first} colSpan={span} />
          ),
        )}
      </tr>
      <tr className="[&>*]:sticky [&>*]:top-6 [&>*]:z-[2] [&>*]:h-7 [&>*]:border-b [&>*]:border-line-strong [&>*]:bg-panel">
        <Heading className="left-0 !z-[3]" id="id" title="#" align="left" sort={sort} onSort={onSort} />
        {layouts.map((layout, i) => (
          <Heading
            key={layout.id}
            id={layout.id}
            title={layout.title}
            align={layout.align}
            sort={sort}
            onSort={onSort}
            className={layout.group !== null && layout.group !== layouts[i - 1]?.group ? "border-l border-l-line" : ""}
          />
        ))}
      </tr>
    </thead>
  );
}

interface HeadingProps {
  id: string;
  title: string;
  align: "left" | "right";
  sort: string | null;
  onSort: (sort: string | null) => void;
  className?: string;
}

function Heading({ id, title, align, sort, onSort, className = "" }: HeadingProps) {
  const direction = sort === id ? "ascending" : sort === `-${id}` ? "descending" : "none";
  return (
    <th scope="col" aria-sort={direction} className={`p-0 font-normal ${className}`}>
      <button
        type="button"
        title={`Sort by ${id.replace(/^(best|last|parameter):/, "$1 ").trim()}`}
        className={`flex h-full w-full items-center gap-1 px-2.5 text-2xs text-soft hover:text-ink ${align === "right" ? "justify-end" : ""}`}
        onClick={() => onSort(nextSort(sort, id))}
      >
        <span className="truncate">{title}</span>
        {direction !== "none" && (
          <span aria-hidden="true" className="text-accent">
            {direction === "ascending" ? "↑" : "↓"}
          </span>
        )}
      </button>
    </th>
  );
}

/** Ascending, descending, then as the grid has them; scores begin with the highest. */
export function nextSort(sort: string | null, id: string): string | null {
  const [first, second] = /^(best|last):/.test(id) ? [`-${id}`, id] : [id, `-${id}`];
  if (sort === first) return second;
  return sort === second ? null : first;
}

function groups(layouts: readonly ColumnLayout[]): { group: string | null; span: number; first: string }[] {
  const found: { group: string | null; span: number; first: string }[] = [];
  for (const { group, id } of layouts) {
    const last = found.at(-1);
    if (last && last.group === group) last.span += 1;
    else found.push({ group, span: 1, first: id });
  }
  return found;
}
