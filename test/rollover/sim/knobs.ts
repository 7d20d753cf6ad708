/**
 * How many histories are played, and which. `DANEWARD_MODEL_RUNS` is the number of all shards together; without it CI
 * plays 100 000 and everybody else a few thousand. The histories are the same at every run, so that a change is judged by
 * what it changes; `DANEWARD_MODEL_SEED=random` (or a number) hunts elsewhere, best with more runs.
 */
const IN_CI = 100_000;
const ELSEWHERE = 2_000;

export const SHARDS = 4;

/** Of all shards together. */
export function modelRuns(): number {
  const { DANEWARD_MODEL_RUNS: runs, CI: isCi } = process.env;
  if (runs !== undefined && runs !== "") return Number(runs);
  return isCi === undefined || isCi === "" ? ELSEWHERE : IN_CI;
}

/** Each shard has histories of its own. */
export function modelSeed(shard: number): { readonly seed?: number } {
  const text = process.env["DANEWARD_MODEL_SEED"] ?? "20261122";
  return text === "random" ? {} : { seed: Number(text) + shard };
}
