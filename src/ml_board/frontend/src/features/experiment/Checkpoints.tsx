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
  const newestFirst = [...checkpoints].sort((a, b) => b.epoch - a.epoch || b.step - a.step);
  return (
    <ul className="divide-y divide-line">
      {newestFirst.map((checkpoint) => (
        <li key={`${checkpoint.epoch}-${checkpoint.step}`} className="px-3 py-2.5" data-checkpoint={checkpoint.epoch}>
          <div className="flex flex-wrap items-baseline gap-x-3 gap-y-0.5">
            <h3 className="font-medium">Epoch {checkpoint.epoch}</h3>
            <span className="text-soft">step {checkpoint.step}</span>
            {checkpoint.kept_as.map((reason) => (
              <span key={reason} className="rounded bg-well px-1.5 text-xs text-soft">
                {reason}
              </span>
            ))}
            <span className="ml-auto text-xs text-soft">
              saved <Ago time={checkpoint.saved_at} />
            </span>
          </div>
          <table className="mt-1.5 w-full table-fixed text-xs">
            <caption className="sr-only">Files of the checkpoint of epoch {checkpoint.epoch}</caption>
            <tbody>
              {checkpoint.resources.map((resource) => (
                <tr key={resource.name} className="[&>td]:py-0.5">
                  <td className="w-[34%] truncate pr-3">
                    <a
                      className="text-accent"
                      download
                      href={checkpointUrl(restEndpoint, runId, experimentId, checkpoint.epoch, resource.name)}
                    >
                      {resource.name}
                    </a>
                  </td>
                  <td className="w-20 pr-3 text-right whitespace-nowrap">{formatBytes(resource.size_bytes)}</td>
                  <td className="truncate font-mono text-2xs text-soft" title={`SHA-256 ${resource.sha256}`}>
                    {resource.sha256}
                  </td>
                  <td className="w-14 text-right">
                    <CopyButton text={resource.sha256} what={`the SHA-256 of ${resource.name}`} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </li>
      ))}
    </ul>
  );
}
