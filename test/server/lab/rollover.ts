/** Steps that the rollover suites share: setting up as an administrator would, ticking until something is so. */
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { TTL } from "./daneward.ts";
import type { Ward } from "./daneward.ts";
import type { Ended } from "./process.ts";
import { until } from "./poll.ts";
import { startSampler } from "./sampler.ts";
import type { Sampler } from "./sampler.ts";
import { MX, OWNERS, WWW } from "./world.ts";
import type { World } from "./world.ts";

/** Sorted TLSA text of the key of lineage version `n` (default: the newest). */
export function ownRecord(world: World, n?: number): string {
  return `3 1 1 ${world.lineage.spki(n)}`;
}

/** A record at the web server's name that is somebody else's, and true: the issuer's key. */
export function foreignRecord(world: World): string {
  return `2 1 1 ${world.authority.intermediateSpki}`;
}

/** A text record at an owner name that is none of daneward's business. */
export const FOREIGN_TEXT = '"not yours"';

/** What every name server serves at both owner names: [mail, web]. */
export async function servedEverywhere(world: World): Promise<readonly (readonly string[])[]> {
  const sets: (readonly string[])[] = [];
  for (const owner of OWNERS) {
    const [here, there] = await Promise.all([world.served(owner), world.served(owner, world.secondary)]);
    sets.push(JSON.stringify(here) === JSON.stringify(there) ? here : ["the name servers differ"]);
  }
  return sets;
}

/** Whether every server serves exactly the newest key's record, beside the foreign one at the web server's name. */
export async function isSettled(world: World): Promise<boolean> {
  const record = ownRecord(world);
  const want = [[record], [foreignRecord(world), record].sort()];
  return JSON.stringify(await servedEverywhere(world)) === JSON.stringify(want);
}

/** The same through the validating cache, where the witness looks. */
async function isKnownToClients(world: World): Promise<boolean> {
  const record = ownRecord(world);
  const [mail, web] = await Promise.all(OWNERS.map((owner) => world.served(owner, world.resolver)));
  return mail?.includes(record) === true && web?.includes(record) === true;
}

/** A tick that ended well off a terminal: nothing on standard output or error. */
export function assertQuiet(tick: Ended): void {
  if (tick.code !== 0 || tick.stdout !== "" || tick.stderr !== "") {
    throw new Error(`the tick ended with ${String(tick.code ?? tick.signal)}:\n${tick.stdout}${tick.stderr}`);
  }
}

/** Runs `daneward tick` again and again until `condition` holds; every tick has to end well. */
export async function tickUntil(
  ward: Pick<Ward, "run" | "tick">,
  what: string,
  condition: () => Promise<boolean> | boolean,
  options: { readonly deadlineMs?: number; readonly check?: (tick: Ended) => void } = {},
): Promise<void> {
  const deadline = Date.now() + (options.deadlineMs ?? 60_000);
  let last: Ended | null = null;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      const status = await ward.run(["status"]);
      throw new Error(
        `${what}: not so at the deadline; last tick ${String(last?.code)}\n${last?.stderr ?? ""}\n${status.stdout}${status.stderr}`,
      );
    }
    last = await ward.tick();
    (options.check ?? assertQuiet)(last);
    await delay(100);
  }
}

/**
 * From an ordinary certbot host to a settled daneward: foreign records first, then ticks until the first publication is
 * everywhere and the deployed link exists, then the servers are told to read through it.
 */
export async function establish(world: World, ward: Ward): Promise<void> {
  const [mail = "", web = ""] = OWNERS;
  await world.asAdministrator([
    `add ${web}. ${String(TTL)} TLSA ${foreignRecord(world)}`,
    `add ${web}. 60 TXT ${FOREIGN_TEXT}`,
    `add ${mail}. 60 TXT ${FOREIGN_TEXT}`,
  ]);
  await tickUntil(
    ward,
    "the first publication is complete",
    async () => existsSync(ward.deploy) && (await isSettled(world)),
  );
  await until("the first publication is in the clients' cache", () => isKnownToClients(world));
  await world.postfix.readFrom(ward.deploy);
  await world.nginx.readFrom(ward.deploy);
  await tickUntil(ward, "daneward is at rest", async () => (await ward.status()).phase === "stable");
}

/** The witness over both services. */
export function witness(world: World): Sampler {
  return startSampler(world.resolver, [MX, WWW]);
}

/** When a sample began in which a server presented this key for the first time; NaN: none did. */
export function firstSeen(sampler: Sampler, spki: string): number {
  const presents = (evidence: string): boolean => evidence.slice(evidence.indexOf("]")).includes(spki);
  return sampler.samples().find((sample) => presents(sample.evidence))?.at ?? Number.NaN;
}
