import { formatClock, formatTime } from "@/lib/format";
import { toneOf, type LogLine, type Tone } from "@/lib/logLines";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useLayoutEffect, useRef } from "react";

const LINE_HEIGHT = 18;
/** So near to an end of the place one is at that end. */
const NEAR = 2 * LINE_HEIGHT;

interface Props {
  lines: readonly LogLine[];
  hasOlder: boolean;
  /** Whether lines of several experiments stand together. */
  isRunWide: boolean;
  isFollowing: boolean;
  onFollow: (isFollowing: boolean) => void;
  onTop: () => void;
  className: string;
}

/** Lines in their own place to scroll, of which only the visible ones exist. It stays at its end while it is followed. */
export function LogView({ lines, hasOlder, isRunWide, isFollowing, onFollow, onTop, className }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_HEIGHT,
    getItemKey: (index) => lines[index]!.key,
    overscan: 20,
  });
  useStay(scroller, lines, isFollowing);
  const look = () => {
    const { scrollTop, scrollHeight, clientHeight } = scroller.current!;
    onFollow(scrollHeight - scrollTop - clientHeight < NEAR);
    if (scrollTop < NEAR && hasOlder) onTop();
  };
  const toEnd = () => {
    onFollow(true);
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  };
  return (
    <div className="relative flex min-h-0 flex-col">
      <div
        ref={scroller}
        role="log"
        aria-label="Lines"
        // A region that scrolls must be reachable with the keyboard.
        tabIndex={0}
        className={`min-h-0 overflow-auto font-mono text-xs ${className}`}
        // Rows are placed by the page itself: the browser's own anchoring would move them twice.
        style={{ overflowAnchor: "none" }}
        onScroll={look}
      >
        {hasOlder && (
          <p className="sr-only" role="status">
            There are older lines: scroll to the top.
          </p>
        )}
        <div className="relative min-w-max" style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map(({ key, index, start }) => (
            <Line key={key} line={lines[index]!} top={start} isRunWide={isRunWide} />
          ))}
        </div>
      </div>
      {!isFollowing && (
        <button type="button" className="button absolute right-4 bottom-3 shadow-float" onClick={toEnd}>
          To the end ↓
        </button>
      )}
    </div>
  );
}

/** Keeps the end in view while it is followed, and else the lines that are in view when older ones come before them. */
function useStay(scroller: React.RefObject<HTMLDivElement | null>, lines: readonly LogLine[], isFollowing: boolean) {
  const first = useRef<string | undefined>(undefined);
  useLayoutEffect(() => {
    const place = scroller.current!;
    if (isFollowing) place.scrollTop = place.scrollHeight;
    else if (first.current !== undefined && first.current !== lines[0]?.key) {
      const moved = lines.findIndex(({ key }) => key === first.current);
      if (moved > 0) place.scrollTop += moved * LINE_HEIGHT;
    }
    first.current = lines[0]?.key;
  }, [scroller, lines, isFollowing]);
  useEffect(() => {
    // A place that changes its size keeps its end too.
    const place = scroller.current!;
    const observer = new ResizeObserver(() => {
      if (isFollowing) place.scrollTop = place.scrollHeight;
    });
    observer.observe(place);
    return () => observer.disconnect();
  }, [scroller, isFollowing]);
}

const TONES: Record<Tone, string> = {
  error: "text-failed",
  warning: "text-lost",
  plain: "",
  faint: "text-soft",
};

const Line = memo(function Line({ line, top, isRunWide }: { line: LogLine; top: number; isRunWide: boolean }) {
  const { eventId, at, experimentId, stream, level, text } = line;
  return (
    <div
      className="absolute left-0 flex min-w-full gap-3 px-3 leading-[18px] whitespace-pre hover:bg-ground"
      style={{ top, height: LINE_HEIGHT }}
      data-line={stream}
      title={`${stream}${level ? `, ${level}` : ""}, ${formatTime(at)}, event ${eventId}`}
    >
      <span className="text-faint select-none">{formatClock(at)}</span>
      {isRunWide && (
        <span className="w-8 shrink-0 text-right text-faint select-none">
          {experimentId === null ? "" : `#${experimentId}`}
        </span>
      )}
      <span
        className={`border-l-2 pl-2 ${stream === "stderr" ? "border-lost/60" : "border-transparent"} ${TONES[toneOf(line)]}`}
      >
        {text || " "}
      </span>
    </div>
  );
});
