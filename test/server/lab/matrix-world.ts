/**
 * Many rollovers side by side: a signed zone on a primary of a chosen make with NSD behind it, one nginx with a site for
 * each cell, and one daneward that looks after all of them. A cell is a host with TLSA parameters of its own and one
 * certificate for each kind of key.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Place } from "./bind.ts";
import { everyCombinationMatches, recordsOf } from "./dane-client.ts";
import { daneward, hostPort } from "./daneward.ts";
import { makeAuthority, makeLineage } from "./lineage.ts";
import type { Authority, Lineage } from "./lineage.ts";
import { until } from "./poll.ts";
import type { Ended } from "./process.ts";
import { assertQuiet } from "./rollover.ts";
import type { SampledService } from "./sampler.ts";
import { startNginxSites } from "./services.ts";
import type { Site, SitesService } from "./services.ts";
import { ZONE } from "./tree.ts";
import { unwind } from "./unwind.ts";
import { UPDATE_PROGRAMS, startUpdateWorld } from "./update-world.ts";
import type { PrimaryKind, UpdateWorld } from "./update-world.ts";
import { TLSA, ask, tlsaText } from "./wire.ts";

/** What a client of each kind of key offers (OpenSSL's names). */
const SIGALGS = { rsa: "rsa_pss_rsae_sha256:RSA+SHA256", ecdsa: "ECDSA+SHA256" } as const;

export type KeyKind = keyof typeof SIGALGS;

export interface CellPlan {
  /** Label of the host, and of the certificates. */
  readonly name: string;
  /** TLSA parameters to begin with. */
  readonly tlsa: readonly string[];
  readonly kinds?: readonly KeyKind[];
  readonly ports?: readonly number[];
}

export interface Cell {
  readonly name: string;
  readonly tlsa: readonly string[];
  /** One for each kind of key. */
  readonly lineages: readonly Lineage[];
  /** The links that daneward deploys to, in the order of the lineages. */
  readonly deployed: readonly string[];
  readonly owners: readonly string[];
  /** For the sampler: every service, once for each kind of client. */
  readonly services: readonly SampledService[];
  readonly places: readonly Place[];
}

export interface MatrixWorld extends UpdateWorld {
  /** Two authorities whose intermediates have one name and different keys. */
  readonly issuers: readonly [Authority, Authority];
  readonly cells: readonly Cell[];
  readonly nginx: SitesService;
  /** Writes the configuration anew, with other parameters for the cells named. */
  readonly configure: (tlsa?: Readonly<Record<string, readonly string[]>>) => void;
  /** A tick may take as long as all rollovers together. */
  readonly run: (args: readonly string[]) => Promise<Ended>;
  /** nginx reads what daneward deploys, or the newest files of the ACME client. */
  readonly readFrom: (where: "deployed" | "live") => Promise<void>;
}

/** Programs that {@link startMatrixWorld} needs. */
export function matrixPrograms(kind: PrimaryKind): readonly string[] {
  return [...UPDATE_PROGRAMS[kind], "nsd", "nginx", "openssl"];
}

const FIRST_HOST = 20;
const PORTS = [8443] as const;

const hostOf = ({ name }: CellPlan): string => `${name}.${ZONE}`;
const ownersOf = (plan: CellPlan): readonly string[] =>
  (plan.ports ?? PORTS).map((port) => `_${String(port)}._tcp.${hostOf(plan)}`);

async function makeCell(plan: CellPlan, address: string, folder: string, issuer: Authority): Promise<Cell> {
  const host = hostOf(plan);
  const { kinds = ["ecdsa"], ports = PORTS } = plan;
  const name = (kind: KeyKind): string => (kinds.length > 1 ? `${plan.name}-${kind}` : plan.name);
  return {
    name: plan.name,
    tlsa: plan.tlsa,
    lineages: await Promise.all(
      kinds.map((kind) => makeLineage(join(folder, "letsencrypt"), issuer, name(kind), [host], kind)),
    ),
    deployed: kinds.map((kind) => join(folder, "daneward/deployed", name(kind))),
    owners: ownersOf(plan),
    services: ports.flatMap((port) =>
      kinds.map((kind) => ({
        host,
        port,
        starttls: false,
        sigalgs: SIGALGS[kind],
        accepts: everyCombinationMatches,
      })),
    ),
    places: ports.map((port) => ({ address, port })),
  };
}

function certificateSections(cell: Cell, tlsa: readonly string[], reload: readonly string[]): string {
  return cell.lineages
    .map(
      ({ name, live }, at) => `[certificate.${name}]
source = "${live}"
deploy = "${cell.deployed[at] ?? ""}"
services = ${JSON.stringify(cell.places.map(({ port }) => `${cell.name}.${ZONE}:${String(port)}/tls`))}
tlsa = ${JSON.stringify(tlsa)}
reload = ${JSON.stringify([reload.join(" ")])}
`,
    )
    .join("");
}

function configuration(world: UpdateWorld, certificates: string): string {
  return `version = 1
resolver = "${hostPort(world.resolver)}"
name_server_port = ${String(world.primary.port)}
[dnssec]
trust_anchors = "${world.anchorFile}"
[defaults]
ttl = "1s"
propagation_delay = "1s"
publish_safety = "1s"
retire_safety = "0s"
confirm_rounds = 3
confirm_interval = "0s"
poll_interval = "1s"
observe_interval = "1s"
[publish.lab]
type = "rfc2136"
server = "${hostPort(world.primary)}"
key_file = "${world.tsigKey}"
${certificates}`;
}

export async function startMatrixWorld(kind: PrimaryKind, plans: readonly CellPlan[]): Promise<MatrixWorld> {
  const base = await startUpdateWorld(kind, "with-secondary", {
    records: (address) => plans.map((plan, at) => `${hostOf(plan)}. IN A ${address(FIRST_HOST + at)}`),
    owners: plans.flatMap(ownersOf),
  });
  const undo: (() => Promise<void>)[] = [base.stop];
  try {
    const issuers = await Promise.all([
      makeAuthority(join(base.folder, "ca-one")),
      makeAuthority(join(base.folder, "ca-two")),
    ]);
    const cells = await Promise.all(
      plans.map((plan, at) => makeCell(plan, base.address(FIRST_HOST + at), base.folder, issuers[0])),
    );
    const sites = (where: "deployed" | "live"): readonly Site[] =>
      cells.map(({ places, lineages, deployed }) => ({
        places,
        folders: where === "deployed" ? deployed : lineages.map(({ live }) => live),
      }));
    const nginx = await startNginxSites(base.folder, sites("live"));
    undo.push(nginx.stop);
    const home = join(base.folder, "daneward");
    mkdirSync(home, { recursive: true, mode: 0o711 });
    const configFile = join(home, "daneward.toml");
    const configure: MatrixWorld["configure"] = (tlsa = {}) => {
      const sections = cells.map((cell) => certificateSections(cell, tlsa[cell.name] ?? cell.tlsa, nginx.reload));
      writeFileSync(configFile, configuration(base, sections.join("")));
    };
    configure();
    return {
      ...base,
      issuers,
      cells,
      nginx,
      configure,
      run: (args) =>
        daneward(["--config", configFile, "--state-dir", join(home, "state"), ...args], { timeoutMs: 120_000 }),
      readFrom: (where) => nginx.serve(sites(where)),
      logs: () => `${base.logs()}\n--- the end of the nginx log\n${nginx.log().slice(-4_000)}`,
      stop: () => unwind(undo),
    };
  } catch (error) {
    await unwind(undo);
    throw error;
  }
}

/** The records that a cell's newest certificates have in these combinations. */
export function newestRecords(cell: Cell, tlsa: readonly string[] = cell.tlsa): readonly string[] {
  const records = cell.lineages.flatMap(({ live }) =>
    recordsOf(
      tlsa,
      ["cert.pem", "chain.pem"].map((file) => readFileSync(join(live, file))),
    ),
  );
  return [...new Set(records)].sort();
}

/** What one server serves at an owner name, sorted text. */
async function served(from: Place, owner: string, recursion: boolean): Promise<readonly string[]> {
  return (await ask(from, owner, TLSA, { recursion })).answers.map(({ data }) => tlsaText(data)).sort();
}

/** Whether primary and secondary (or the clients' cache) serve exactly these records at every owner name of the cell. */
export async function serves(
  world: MatrixWorld,
  where: "name-servers" | "cache",
  cell: Cell,
  records: readonly string[],
): Promise<boolean> {
  const from = where === "cache" ? [world.resolver] : [world.primary, world.secondary];
  for (const owner of cell.owners) {
    for (const server of from) {
      if ((await served(server, owner, where === "cache")).join() !== records.join()) return false;
    }
  }
  return true;
}

/** Phases of all certificates, as `status --json` tells them. */
async function phases(world: MatrixWorld): Promise<readonly string[]> {
  const { stdout } = await world.run(["status", "--json"]);
  return [...stdout.matchAll(/"phase": "([a-z]+)"/g)].map(([, phase = ""]) => phase);
}

/** Ticks until every cell is at rest with exactly the records `wanted` on every name server and in the clients' cache. */
export async function settle(
  world: MatrixWorld,
  wanted: (cell: Cell) => readonly string[],
  check: (tick: Ended) => void = assertQuiet,
): Promise<void> {
  const certificates = world.cells.flatMap(({ lineages }) => lineages).length;
  const isSettled = async (): Promise<boolean> => {
    for (const cell of world.cells) if (!(await serves(world, "name-servers", cell, wanted(cell)))) return false;
    const all = await phases(world);
    return all.length === certificates && all.every((phase) => phase === "stable");
  };
  const deadline = Date.now() + 120_000;
  while (!(await isSettled())) {
    if (Date.now() > deadline)
      throw new Error(`not settled\n${(await world.run(["status"])).stdout}${(await world.run(["timeline"])).stdout}`);
    check(await world.run(["tick"]));
    await delay(50);
  }
  await until("the clients' cache has followed", async () => {
    for (const cell of world.cells) if (!(await serves(world, "cache", cell, wanted(cell)))) return false;
    return true;
  });
}
