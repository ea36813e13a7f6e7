// @vitest-environment jsdom
import type { ModelCard } from "@/types/generated";
import { cleanup, render, screen, within } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { CardView } from "./ModelCard";

afterEach(cleanup);

const EMPTY: ModelCard = {
  model_details: {
    grid_search_id: "r",
    experiment_id: 0,
    description: null,
    model: null,
    model_info: null,
    class_name: null,
    num_parameters: null,
    num_trainable_parameters: null,
    checkpoint: null,
  },
  dataset_details: { configuration: {}, splits: {} },
  training_details: {
    configuration: {},
    seed: null,
    num_epochs: null,
    epochs_done: 0,
    status: "pending",
    error: null,
    attempt: 0,
    device: null,
    started_at: null,
    finished_at: null,
  },
  eval_details: { metrics: null, splits: {} },
  experiment_environment: { system_env: {}, carbon_footprint: null, entry_point_cmd: null },
  pipeline_details: { graph: [], config: {}, source: {}, git: null },
};

it("says so where nothing is known yet", () => {
  render(<CardView card={EMPTY} />);
  expect(screen.getByText(/Not described yet/)).toBeTruthy();
  expect(screen.getByText(/Nothing was measured/)).toBeTruthy();
  expect(screen.getAllByRole("heading", { level: 3 }).map(({ textContent }) => textContent)).toEqual([
    "Model",
    "Energy",
  ]);
});

it("tells model, data, pipeline, energy, code and packages", () => {
  const labels = { no: 3, yes: 1 };
  const { container } = render(
    <CardView
      card={{
        ...EMPTY,
        model_details: { ...EMPTY.model_details, class_name: "ConvNet", num_parameters: 12_345 },
        dataset_details: {
          configuration: {},
          splits: {
            train: { num_samples: 4, task: "binary", labels },
            val: { num_samples: 2, task: null, labels: null },
          },
        },
        experiment_environment: {
          system_env: { packages: { numpy: "2.4.6" } },
          entry_point_cmd: "mlgym run",
          carbon_footprint: {
            energy_kwh: 0.002,
            cpu_kwh: 0.0015,
            gpu_kwh: 0.0005,
            emissions_g: 0.96,
            measured_seconds: 12.5,
            cpu_max_watts: 48,
            cpu_source: "12 W per core",
            carbon_intensity_g_per_kwh: 480,
            carbon_source: "world average",
            method: "How so.",
          },
        },
        pipeline_details: {
          ...EMPTY.pipeline_details,
          graph: [
            { slot: "data", use: ["digits"], needs: [] },
            { slot: "loaders", use: ["batches"], needs: ["data"] },
          ],
          git: { commit: "c0ffee", branch: "main", dirty: true, diff: "+one", untracked: ["new.py"] },
        },
      }}
    />,
  );
  expect(screen.getByText("ConvNet")).toBeTruthy();
  expect(screen.getByText("12,345")).toBeTruthy();
  const yes = within(screen.getByRole("row", { name: /^yes/ })).getAllByRole("cell");
  expect(yes.map(({ textContent, title }) => [textContent, title])).toEqual([
    ["1", "25.0 % of train"],
    ["0", "0.0 % of val"],
  ]);
  expect(container.querySelector("[data-slot=loaders]")!.getAttribute("title")).toBe("loaders: batches; needs data");
  expect(screen.getByText("2 Wh")).toBeTruthy();
  expect(screen.getByText("0.96 g CO₂e")).toBeTruthy();
  expect(screen.getByText("+one")).toBeTruthy();
  expect(screen.getByText("new.py")).toBeTruthy();
  expect(screen.getByText("numpy==2.4.6")).toBeTruthy();
});
