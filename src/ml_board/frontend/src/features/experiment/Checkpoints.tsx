import { Ago } from "@/components/Ago";
import { CopyButton } from "@/components/Copy";
import { checkpointUrl } from "@/lib/api";
import { formatBytes } from "@/lib/format";
import type { CheckpointState } from "@/types/generated";

interface Props {
  checkpoints: readonly CheckpointState[];
  restEndpoint: string;
  runId: string;
  experimentId: number;
}

/** What can be resumed from, newest first: each file with its size, digest and link. */
export function Checkpoints({ checkpoints, restEndpoint, runId, experimentId }: Props) {
  if (checkpoints.length === 0) return <p className="p-4 text-soft">None is kept.</p>;
  const newestFirst = [...checkpoints].sort(
    (a, b) => b.epoch - a.epoch || b.step - a.step || Number(a.batch !== null) - Number(b.batch !== null),
  );
  return (
    <ul className="divide-y divide-line">
      {newestFirst.map((checkpoint) => (
        <li
          key={`${checkpoint.epoch}-${checkpoint.step}-${checkpoint.batch}`}
          className="px-3 py-2.5"
          data-checkpoint={checkpoint.epoch}
        >
          <div className="flex flex-wrap items-baseline gap-x-3 gap-y-0.5">
            <h3 className="font-medium">Epoch {checkpoint.epoch}</h3>
            <span className="text-soft">
              {checkpoint.batch !== null && `after batch ${checkpoint.batch}, `}step {checkpoint.step}
            </span>
            {checkpoint.kept_as.map((reason) => (
              <span key={reason} className="rounded bg-well px-1.5 text-xs text-soft">
                {reason}
              </span>
            ))}
            <span className="ml-auto text-xs text-soft">
              saved <Ago time={checkpoint.saved_at} />
            </span>
          </div>
          <ul aria-label={`Files of the checkpoint of epoch ${checkpoint.epoch}`} className="mt-1 text-xs">
            {checkpoint.resources.map((resource) => (
              <li
                key={resource.name}
                data-resource={resource.name}
                className="grid grid-cols-[minmax(0,1fr)_4rem_minmax(0,1.4fr)_2rem] items-center gap-x-3 sm:grid-cols-[minmax(9rem,1fr)_4rem_minmax(0,27rem)_2rem]"
              >
                <a
                  className="truncate text-accent"
                  download
                  href={checkpointUrl(restEndpoint, runId, experimentId, checkpoint, resource.name)}
                >
                  {resource.name}
                </a>
                <span className="text-right whitespace-nowrap">{formatBytes(resource.size_bytes)}</span>
                <span className="truncate font-mono text-2xs text-soft" title={`SHA-256 ${resource.sha256}`}>
                  {resource.sha256}
                </span>
                <CopyButton text={resource.sha256} what={`the SHA-256 of ${resource.name}`} />
              </li>
            ))}
          </ul>
        </li>
      ))}
    </ul>
  );
}
