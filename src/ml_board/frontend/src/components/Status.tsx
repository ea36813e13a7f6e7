import { STATUS_MEANING, type ShownStatus } from "@/lib/status";

/** A status as shape, colour and word: the shape alone tells it too. */
export function Status({ status, className = "" }: { status: ShownStatus; className?: string }) {
  return (
    <span
      className={`inline-flex items-center gap-1.5 whitespace-nowrap ${STATUS_COLOUR[status]} ${className}`}
      title={STATUS_MEANING[status]}
      data-status={status}
    >
      <StatusMark status={status} />
      {status}
    </span>
  );
}

export const STATUS_COLOUR: Record<ShownStatus, string> = {
  pending: "text-pending",
  running: "text-running",
  unconfirmed: "text-unconfirmed",
  finished: "text-finished",
  failed: "text-failed",
  stopped: "text-stopped",
  lost: "text-lost",
};

export function StatusMark({ status }: { status: ShownStatus }) {
  return (
    <svg viewBox="0 0 12 12" className="size-3 shrink-0 overflow-visible" aria-hidden="true">
      {MARKS[status]}
    </svg>
  );
}

const stroke = { fill: "none", stroke: "currentColor", strokeWidth: 1.6, strokeLinecap: "round" } as const;

const MARKS: Record<ShownStatus, React.ReactNode> = {
  pending: <circle cx="6" cy="6" r="4" {...stroke} strokeWidth={1.3} strokeDasharray="1.6 2.6" />,
  running: (
    <>
      <circle cx="6" cy="6" r="3.4" fill="currentColor" className="pulse" />
      <circle cx="6" cy="6" r="3.4" fill="currentColor" />
    </>
  ),
  unconfirmed: <circle cx="6" cy="6" r="3.6" {...stroke} />,
  finished: <path d="M2.2 6.4 4.9 9 9.8 3.2" {...stroke} strokeLinejoin="round" />,
  failed: <path d="m3 3 6 6M9 3 3 9" {...stroke} />,
  stopped: <rect x="3" y="3" width="6" height="6" rx="0.8" fill="currentColor" />,
  lost: <path d="M6 1.8 10.8 10.2H1.2ZM6 5v2.2M6 8.8v.1" {...stroke} strokeWidth={1.2} strokeLinejoin="round" />,
};
