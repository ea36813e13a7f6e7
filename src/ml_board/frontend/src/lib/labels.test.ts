import { expect, it } from "vitest";
import { MOST_CLASSES, labelTable } from "./labels";

const split = (labels: Record<string, number> | null) => ({ num_samples: 4, task: "binary", labels });

it("tells how often each class comes in each split", () => {
  expect(labelTable([split({ no: 3, yes: 1 }), split({ yes: 2 })])).toEqual({
    rows: [
      {
        name: "no",
        cells: [
          { count: 3, share: 0.75 },
          { count: 0, share: 0 },
        ],
      },
      {
        name: "yes",
        cells: [
          { count: 1, share: 0.25 },
          { count: 2, share: 1 },
        ],
      },
    ],
    numHidden: 0,
  });
});

it("shows the commonest of many classes, in their order", () => {
  const labels = Object.fromEntries(Array.from({ length: MOST_CLASSES + 3 }, (_, i) => [`c${i}`, i + 1]));
  const { rows, numHidden } = labelTable([split(labels)]);
  expect(numHidden).toBe(3);
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(labels).slice(3));
});

it("has no rows where nothing is counted", () => {
  expect(labelTable([split(null), split({})]).rows).toEqual([]);
});
