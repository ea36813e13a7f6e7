import { Ago, Duration } from "@/components/Ago";
import { formatTime } from "@/lib/format";
import type { ShownStatus } from "@/lib/status";
import type { ExperimentPage as Experiment, ExperimentRow } from "@/types/generated";
import type { ReactNode } from "react";

interface Props {
  experiment: Experiment;
  row: ExperimentRow;
  status: ShownStatus;
}

/** When and where an experiment ran. */
export function Facts({ experiment, row, status }: Props) {
  const isRunning = status === "running";
  const versions = Object.entries(experiment.versions);
  return (
    <dl className="grid grid-cols-[7rem_minmax(0,1fr)] gap-x-3 gap-y-1 p-3 [&>dt]:text-soft">
      <Fact name="Started">
        {formatTime(row.started_at)}
        {row.started_at !== null && (
          <span className="text-soft">
            , <Ago time={row.started_at} />
          </span>
        )}
      </Fact>
      <Fact name="Finished">{formatTime(row.finished_at)}</Fact>
      <Fact name="Took">
        {isRunning || row.finished_at !== null ? <Duration from={row.started_at} to={row.finished_at} /> : "–"}
      </Fact>
      <Fact name="Device">{row.device ?? "–"}</Fact>
      <Fact name="Host">{experiment.host ?? "–"}</Fact>
      <Fact name="Process">{experiment.pid ?? "–"}</Fact>
      <Fact name="Threads">{experiment.threads ?? "–"}</Fact>
      <Fact name="Attempt">{row.attempt || "–"}</Fact>
      <Fact name="Job">{experiment.job_id ?? "–"}</Fact>
      {versions.length > 0 && (
        <Fact name="Versions">{versions.map(([name, version]) => `${name} ${version}`).join(", ")}</Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className="break-words">{children}</dd>
    </>
  );
}
