/** Renewals under ticks that may be killed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Ward } from "./daneward.ts";
import type { Ended } from "./process.ts";
import { assertQuiet, isSettled } from "./rollover.ts";
import type { World } from "./world.ts";

/** The phase as saved, without running anything. */
export function savedPhase(ward: Ward): string {
  try {
    return (
      /"phase":\s*"([a-z]+)"/.exec(readFileSync(join(ward.stateDir, "certificates", "lab.json"), "utf8"))?.[1] ?? "?"
    );
  } catch {
    return "new";
  }
}

/** One renewal under ticks that `strike` may kill; gives the number of ticks killed. */
export async function renewUnderFire(
  world: World,
  ward: Ward,
  strike: () => Promise<Ended>,
  deadlineMs: number,
): Promise<number> {
  await world.lineage.renew();
  const deadline = Date.now() + deadlineMs;
  let killed = 0;
  while (!((await isSettled(world)) && savedPhase(ward) === "stable")) {
    if (Date.now() > deadline)
      throw new Error(`not settled after ${String(killed)} kills:\n${(await ward.run(["status"])).stdout}`);
    const tick = await strike();
    if (tick.signal === "SIGKILL") killed += 1;
    else assertQuiet(tick);
  }
  return killed;
}
