import { fetchSystem } from "@/lib/api";
import { figuresOf, sparkline } from "@/lib/system";
import type { SystemMetrics, SystemSeries } from "@/types/generated";
import { useQuery } from "@tanstack/react-query";

const WIDTH = 56;
const HEIGHT = 14;
const POLL_INTERVAL_MS = 5_000;

interface Props {
  restEndpoint: string;
  runId: string;
  /** The event after which the machine is shown; null for the present. */
  at: number | null;
  sample: SystemMetrics;
  /** Whether more samples may come. */
  isOpen: boolean;
}

/** The latest sample of the run's machine, each figure with how it came about. */
export function SystemStrip({ restEndpoint, runId, at, sample, isOpen }: Props) {
  const { data } = useQuery({
    queryKey: ["system", restEndpoint, runId, at],
    queryFn: ({ signal }) => fetchSystem(restEndpoint, runId, { at, buckets: WIDTH }, signal),
    refetchInterval: isOpen && at === null ? POLL_INTERVAL_MS : false,
  });
  return (
    <section aria-label="Machine">
      {/* Two lines at most: a machine with many GPUs does not push the run off the screen. */}
      <dl className="flex max-h-10 flex-wrap gap-x-5 gap-y-1 overflow-y-auto text-xs max-sm:max-h-20">
        {figuresOf(sample).map(({ name, value, detail, column, most }) => (
          <div key={column} className="flex items-center gap-1.5" title={detail} data-figure={column}>
            <dt className="text-soft">{name}</dt>
            <dd className="flex items-center gap-1.5 font-medium">
              {value}
              <Sparkline series={data?.series.find(({ key }) => key === column)} most={most} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** How a figure came about, for the eye alone: its latest value stands beside it. */
function Sparkline({ series, most }: { series: SystemSeries | undefined; most: number | null }) {
  const path = series && sparkline(series.times, series.last ?? series.values ?? [], most, WIDTH, HEIGHT);
  if (!path) return null;
  return (
    <svg
      aria-hidden="true"
      viewBox={`0 -1 ${WIDTH} ${HEIGHT + 2}`}
      className="overflow-visible text-accent"
      style={{ width: WIDTH, height: HEIGHT }}
    >
      <path d={path} fill="none" stroke="currentColor" strokeWidth="1.2" strokeLinejoin="round" />
    </svg>
  );
}
