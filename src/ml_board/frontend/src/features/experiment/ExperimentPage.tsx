import { CopyButton } from "@/components/Copy";
import { Notice } from "@/components/Notice";
import { formatCount } from "@/lib/format";
import type { Theme } from "@/lib/palette";
import type { ShownStatus } from "@/lib/status";
import type { CurveSource } from "@/lib/useCurves";
import type { ExperimentPage as Experiment, ExperimentRow } from "@/types/generated";
import type { ReactNode } from "react";
import { Checkpoints } from "./Checkpoints";
import { ConfigTree } from "./ConfigTree";
import { Curves } from "./Curves";
import { Facts } from "./Facts";
import { Scores } from "./Scores";

interface Props {
  experiment: Experiment;
  /** The experiment as the live run tells it, where that is known. */
  row: ExperimentRow;
  status: ShownStatus;
  source: CurveSource;
  /** What differs from the run's other experiments. */
  parameters: Record<string, unknown>;
  theme: Theme;
  log: ReactNode;
  card: ReactNode;
}

/** Everything that is known of one experiment. */
export function ExperimentPage({ experiment, row, status, source, parameters, theme, log, card }: Props) {
  return (
    <div className="grid gap-4">
      {row.error && <Failure error={row.error} stacktrace={experiment.stacktrace} />}
      <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_26rem]">
        <div className="grid min-w-0 gap-4">
          <Section title="Curves">
            <Curves row={row} source={source} theme={theme} />
          </Section>
          <Section title="Scores">
            <Scores row={row} />
          </Section>
          <Section title="Log" note={row.num_log_lines ? formatCount(row.num_log_lines, "line") : ""}>
            {log}
          </Section>
          <Section
            title="Checkpoints"
            note={experiment.checkpoints.length ? String(experiment.checkpoints.length) : ""}
          >
            <Checkpoints
              checkpoints={experiment.checkpoints}
              restEndpoint={source.endpoint}
              runId={source.runId}
              experimentId={row.experiment_id}
            />
          </Section>
          <Section title="Model card">{card}</Section>
        </div>
        <div className="grid min-w-0 gap-4">
          <Section title="Times and place">
            <Facts experiment={experiment} row={row} status={status} />
          </Section>
          <Section
            title="Configuration"
            action={
              <CopyButton text={JSON.stringify(experiment.config, null, 2)} what="the configuration" label="JSON" />
            }
          >
            <ConfigTree config={experiment.config} differing={Object.keys(parameters)} />
          </Section>
          {experiment.system_info && (
            <Section title="System">
              <ConfigTree config={experiment.system_info} differing={[]} />
            </Section>
          )}
        </div>
      </div>
    </div>
  );
}

interface SectionProps {
  title: string;
  note?: string;
  action?: ReactNode;
  children: ReactNode;
}

function Section({ title, note, action, children }: SectionProps) {
  return (
    <section aria-label={title} className="panel min-w-0">
      <header className="flex h-9 items-center gap-2 border-b border-line px-3">
        <h2 className="font-semibold">{title}</h2>
        {note && <span className="text-soft">{note}</span>}
        <span className="ml-auto">{action}</span>
      </header>
      {children}
    </section>
  );
}

function Failure({ error, stacktrace }: { error: string; stacktrace: string | null }) {
  return (
    <section aria-label="Error" className="grid gap-2">
      <Notice
        tone="error"
        title={error}
        action={stacktrace && <CopyButton text={stacktrace} what="the stack trace" label="Trace" />}
      >
        {!stacktrace && "There is no stack trace: the process ended without one."}
      </Notice>
      {stacktrace && (
        <pre
          // A region that scrolls must be reachable with the keyboard.
          tabIndex={0}
          aria-label="Stack trace"
          className="panel max-h-96 overflow-auto p-3 font-mono text-xs leading-relaxed"
        >
          {stacktrace.trimEnd()}
        </pre>
      )}
    </section>
  );
}
