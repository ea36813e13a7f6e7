import { useNow } from "@/lib/clock";
import { formatAgo, formatDuration, formatTime } from "@/lib/format";

/** How long ago something was, with the moment itself under the pointer. */
export function Ago({ time }: { time: number | null }) {
  const now = useNow();
  if (time === null) return <>{formatAgo(time, now)}</>;
  return (
    <time dateTime={new Date(time * 1000).toISOString()} title={formatTime(time)}>
      {formatAgo(time, now)}
    </time>
  );
}

/** How long something took, or takes so far. */
export function Duration({ from, to }: { from: number | null; to: number | null }) {
  const now = useNow();
  return <>{formatDuration(from === null ? null : (to ?? now) - from)}</>;
}
