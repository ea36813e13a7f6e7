import { STATUS_ORDER, type ShownStatus } from "@/lib/status";

interface BarProps {
  /** 0 to 1 */
  share: number;
  label: string;
  tone?: "running" | "finished" | "soft";
  thin?: boolean;
}

const TONES = { running: "bg-running", finished: "bg-finished", soft: "bg-line-strong" };

export function Bar({ share, label, tone = "running", thin = false }: BarProps) {
  const percent = Math.round(share * 1000) / 10;
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(percent)}
      className={`w-full overflow-hidden rounded-full bg-well ${thin ? "h-[2px]" : "h-1"}`}
    >
      <div className={`h-full rounded-full ${TONES[tone]}`} style={{ width: `${percent}%` }} />
    </div>
  );
}

const SEGMENTS: Record<ShownStatus, string> = {
  pending: "bg-line-strong",
  running: "bg-running",
  unconfirmed: "bg-unconfirmed",
  finished: "bg-finished",
  failed: "bg-failed",
  stopped: "bg-stopped",
  lost: "bg-lost",
};

/** How many experiments are in which state, as one bar. The numbers stand beside it, so it is silent for readers. */
export function CountBar({ counts, total }: { counts: Partial<Record<ShownStatus, number>>; total: number }) {
  return (
    <div aria-hidden="true" className="flex h-1.5 w-full gap-px overflow-hidden rounded-full bg-well">
      {STATUS_ORDER.filter((status) => counts[status]).map((status) => (
        <div
          key={status}
          className={SEGMENTS[status]}
          style={{ width: `${(100 * (counts[status] ?? 0)) / Math.max(1, total)}%` }}
        />
      ))}
    </div>
  );
}
