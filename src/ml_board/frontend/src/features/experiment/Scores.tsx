import { formatScore } from "@/lib/format";
import { parseScoreKey, scoreKeys, splitsOf } from "@/lib/scores";
import type { ExperimentRow, ScoreAt } from "@/types/generated";

/** Best and last score of each split and metric. */
export function Scores({ row }: { row: ExperimentRow }) {
  const keys = scoreKeys([row]);
  const splits = splitsOf(keys);
  const names = [...new Set(keys.map(({ name }) => name))];
  if (keys.length === 0) return <p className="p-4 text-soft">None yet.</p>;
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-left whitespace-nowrap">
        <thead className="label">
          <tr className="[&>th]:px-3 [&>th]:pt-2 [&>th]:font-normal">
            <td />
            {splits.map((split) => (
              <th key={split} scope="colgroup" colSpan={2} className="text-ink">
                {split || "all"}
              </th>
            ))}
          </tr>
          <tr className="border-b border-line [&>th]:px-3 [&>th]:pb-1.5 [&>th]:font-normal">
            <th scope="col">score</th>
            {splits.flatMap((split) => [
              <th key={`${split} best`} scope="col">
                best
              </th>,
              <th key={`${split} last`} scope="col">
                last
              </th>,
            ])}
          </tr>
        </thead>
        <tbody>
          {names.map((name) => (
            <tr key={name} className="border-b border-line last:border-0 [&>*]:px-3 [&>*]:py-1.5">
              <th scope="row" className="font-normal">
                {name}
              </th>
              {splits.flatMap((split) => {
                const key = keys.find((one) => one.split === split && parseScoreKey(one.key).name === name)?.key ?? "";
                return [
                  <ScoreCell key={`${split} best`} score={row.best[key]} isBest />,
                  <ScoreCell key={`${split} last`} score={row.last[key]} />,
                ];
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ScoreCell({ score, isBest = false }: { score: ScoreAt | undefined; isBest?: boolean }) {
  if (!score) return <td className="text-faint">–</td>;
  return (
    <td title={String(score.value ?? "not finite")}>
      <span className={isBest ? "font-semibold" : ""}>{formatScore(score.value)}</span>
      <span className="ml-1.5 text-2xs text-faint">epoch {score.epoch}</span>
    </td>
  );
}
