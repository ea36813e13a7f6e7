import { CopyButton } from "@/components/Copy";
import { fetchModelCard } from "@/lib/api";
import { formatFigures } from "@/lib/format";
import type { CarbonFootprint, ModelCard as Card } from "@/types/generated";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Data } from "./Data";
import { Pipeline } from "./Pipeline";

const POLL_INTERVAL_MS = 5_000;

interface Props {
  restEndpoint: string;
  runId: string;
  experimentId: number;
  /** The event after which the card is shown; null for the present. */
  at: number | null;
  /** What of the experiment changes its card. */
  state: string;
  /** Whether more may come of it. */
  isOpen: boolean;
}

/** What the run's events tell of an experiment's model, beside what the rest of the page shows. */
export function ModelCard({ restEndpoint, runId, experimentId, at, state, isOpen }: Props) {
  const { data, error } = useQuery({
    queryKey: ["card", restEndpoint, runId, experimentId, at, state],
    queryFn: ({ signal }) => fetchModelCard(restEndpoint, runId, experimentId, at, signal),
    refetchInterval: ({ state: { status } }) =>
      (isOpen && at === null) || status === "error" ? POLL_INTERVAL_MS : false,
    placeholderData: (previous, query) => (query?.queryKey[3] === experimentId ? previous : undefined),
  });
  if (data) return <CardView card={data} />;
  if (error) return <p className="p-4 text-lost">{error.message} The page asks again every few seconds.</p>;
  return <div className="skeleton m-2 h-50" aria-busy="true" aria-label="Loading the card" />;
}

export function CardView({ card }: { card: Card }) {
  const { model_details: model, dataset_details: data, pipeline_details: pipeline } = card;
  const { carbon_footprint: footprint } = card.experiment_environment;
  return (
    <div className="divide-y divide-line">
      <Part title="Model">
        {model.class_name === null ? (
          <p className="p-3 text-soft">Not described yet. That comes with its first epoch.</p>
        ) : (
          <dl className="flex flex-wrap gap-x-6 gap-y-1 p-3 [&_dt]:text-soft">
            <Fact name="Class">{model.class_name}</Fact>
            <Fact name="Parameters">{formatNumber(model.num_parameters)}</Fact>
            <Fact name="Trainable">{formatNumber(model.num_trainable_parameters)}</Fact>
          </dl>
        )}
      </Part>
      {Object.keys(data.splits).length > 0 && (
        <Part title="Data">
          <Data splits={data.splits} />
        </Part>
      )}
      {pipeline.graph.length > 0 && (
        <Part title="Pipeline">
          <Pipeline graph={pipeline.graph} />
        </Part>
      )}
      <Part title="Energy">{footprint ? <Footprint footprint={footprint} /> : <NoFootprint />}</Part>
      <Code git={pipeline.git} />
      <Packages packages={card.experiment_environment.system_env.packages} />
    </div>
  );
}

function Footprint({ footprint }: { footprint: CarbonFootprint }) {
  return (
    <div className="p-3">
      <dl className="flex flex-wrap gap-x-6 gap-y-1 [&_dt]:text-soft">
        <Fact name="Energy">{formatFigures(footprint.energy_kwh * 1000)} Wh</Fact>
        <Fact name="Processors">{formatFigures(footprint.cpu_kwh * 1000)} Wh</Fact>
        <Fact name="GPUs">{formatFigures(footprint.gpu_kwh * 1000)} Wh</Fact>
        <Fact name="Emissions">{formatFigures(footprint.emissions_g)} g CO₂e</Fact>
        <Fact name="Measured">{formatFigures(footprint.measured_seconds)} s</Fact>
      </dl>
      <p className="mt-1.5 text-xs text-soft">
        An estimate. {footprint.method} Processors draw at most {formatFigures(footprint.cpu_max_watts)} W (
        {footprint.cpu_source}); electricity has {formatFigures(footprint.carbon_intensity_g_per_kwh)} g CO₂e/kWh (
        {footprint.carbon_source}).
      </p>
    </div>
  );
}

function NoFootprint() {
  return <p className="p-3 text-soft">Nothing was measured of its machine while it trained.</p>;
}

function Code({ git }: { git: Record<string, unknown> | null }) {
  if (typeof git?.commit !== "string") return null;
  const diff = typeof git.diff === "string" ? git.diff : "";
  const untracked = Array.isArray(git.untracked) ? git.untracked : [];
  return (
    <Part title="Code">
      <p className="flex flex-wrap items-center gap-x-2 px-3 pt-2 pb-1">
        <span className="font-mono text-xs">{git.commit.slice(0, 12)}</span>
        <CopyButton text={git.commit} what="the commit" />
        {typeof git.branch === "string" && <span className="text-soft">{git.branch}</span>}
      </p>
      {diff ? (
        <Details summary={`What differs from it${git.diff_truncated === true ? ", its beginning" : ""}`}>
          {diff}
        </Details>
      ) : (
        git.dirty === false && <p className="px-3 pb-2 text-soft">No tracked file differs from it.</p>
      )}
      {untracked.length > 0 && (
        <Details summary={`Untracked files (${untracked.length})`}>{untracked.join("\n")}</Details>
      )}
    </Part>
  );
}

function Packages({ packages }: { packages: unknown }) {
  if (typeof packages !== "object" || packages === null) return null;
  const lines = Object.entries(packages).map(([name, version]) => `${name}==${version}`);
  return (
    <Part title="Packages">
      <Details summary={`${lines.length} installed`}>{lines.join("\n")}</Details>
    </Part>
  );
}

function Details({ summary, children }: { summary: string; children: string }) {
  return (
    <details className="px-3 py-1.5">
      <summary className="text-soft">{summary}</summary>
      {/* A region that scrolls must be reachable with the keyboard. */}
      <pre tabIndex={0} aria-label={summary} className="mt-1 max-h-80 overflow-auto font-mono text-xs leading-relaxed">
        {children}
      </pre>
    </details>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <h3 className="label px-3 pt-2">{title}</h3>
      {children}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex gap-1.5">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function formatNumber(number: number | null): string {
  return number === null ? "–" : number.toLocaleString("en-GB");
}
