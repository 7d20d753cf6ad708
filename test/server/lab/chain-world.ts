/**
 * Chains on the wire: for each case a TLS server and an SMTP server with STARTTLS that present exactly its chain, and a
 * signed tree with its TLSA records at the two ports. Every case has the same base domain, so the port tells them apart.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChainCase, ChainSuite } from "../../chain-suites.ts";
import { smtpScript, startScriptedServer } from "../../fakes/scripted-server.ts";
import type { Script } from "../../fakes/scripted-server.ts";
import type { Place } from "./bind.ts";
import { configureKnotSigner, startRecursive } from "./dnssec-servers.ts";
import type { SigningServer } from "./dnssec-servers.ts";
import type { ZoneSpec } from "./dnssec-zones.ts";
import { drawNetwork } from "./network.ts";
import type { Daemon } from "./process.ts";
import { unwind } from "./unwind.ts";

/** Programs that {@link startChainWorld} needs. */
export const CHAIN_PROGRAMS = ["knotd", "keymgr", "unbound", "openssl"] as const;

export interface ChainWorld {
  readonly folder: string;
  readonly resolver: Place;
  /** File with the DS record of the root. */
  readonly anchorFile: string;
  /** Where all servers listen. */
  readonly address: string;
  readonly ports: ReadonlyMap<string, ChainPorts>;
  readonly logs: () => string;
  readonly stop: () => Promise<void>;
}

export interface ChainPorts {
  readonly tls: number;
  readonly smtp: number;
}

/** From the root down. Knot signs them: BIND takes no TLSA record without data, and one of the cases has that. */
const ZONES: readonly ZoneSpec[] = [".", "test", "lab.test"].map((zone) => {
  return { zone, signer: "knot", keys: [["ecdsap256sha256"]], signing: [], digests: ["SHA-256"], content: "small" };
});

function certificatesOf(suite: ChainSuite, one: ChainCase): NonNullable<Script["certificates"]> {
  const privateKeyPem = suite.keys?.[one.key ?? ""];
  if (privateKeyPem === undefined) throw new Error(`${one.id} has no key`);
  return { chainPem: pemOf(suite, one.chain), privateKeyPem };
}

/** The certificates with these digests, one after the other. */
export function pemOf({ certs }: ChainSuite, digests: readonly string[]): string {
  return digests.map((digest) => certs[digest]?.pem ?? "").join("");
}

/** In the form of RFC 3597: some of the records are unusable on purpose, and not every server writes them otherwise. */
function tlsaLine(base: string, port: number, { usage, selector, mtype, data }: ChainCase["tlsa"][number]): string {
  const rdata = Buffer.concat([Buffer.of(usage, selector, mtype), Buffer.from(data, "hex")]);
  return `_${String(port)}._tcp.${base}. IN TYPE52 \\# ${String(rdata.length)} ${rdata.toString("hex")}`;
}

/** Writes the zone files, with what makes a tree of them; gives them and the root's DS record. */
async function writeTree(
  folder: string,
  signer: SigningServer,
  records: readonly string[],
): Promise<{ readonly files: ReadonlyMap<string, string>; readonly anchor: string }> {
  const files = new Map<string, string>();
  let below: readonly string[] = records;
  let anchor = "";
  for (const spec of [...ZONES].reverse()) {
    const [file, origin] = spec.zone === "." ? ["root.db", "."] : [`${spec.zone}.db`, `${spec.zone}.`];
    const apex = ["@ IN SOA ns hostmaster 1 3600 600 86400 300", "@ IN NS ns", "ns IN A 127.0.0.1"];
    writeFileSync(join(folder, file), [`$ORIGIN ${origin}`, "$TTL 300", ...apex, ...below, ""].join("\n"));
    files.set(spec.zone, join(folder, file));
    const ds = await signer.makeKeys(spec);
    below = [`${origin} IN NS ns.${origin}`, `ns.${origin} IN A 127.0.0.1`, ...ds];
    anchor = ds.join("\n");
  }
  return { files, anchor };
}

export async function startChainWorld(suite: ChainSuite): Promise<ChainWorld> {
  const folder = mkdtempSync(join(tmpdir(), "daneward-chains-"));
  const undo: (() => Promise<void>)[] = [
    () => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  ];
  try {
    return await build(folder, suite, undo);
  } catch (error) {
    await unwind(undo);
    throw error;
  }
}

async function build(folder: string, suite: ChainSuite, undo: (() => Promise<void>)[]): Promise<ChainWorld> {
  const network = await drawNetwork();
  const address = network.address(10);
  const primary = { address: network.address(1), port: network.dnsPort };
  const resolver = { address: network.address(53), port: network.dnsPort };
  const serve = async (script: Script): Promise<number> => {
    const server = await startScriptedServer(script, address);
    undo.push(server.close);
    return server.port;
  };
  const ports = new Map<string, ChainPorts>();
  for (const one of suite.cases) {
    const certificates = certificatesOf(suite, one);
    const tls = await serve({ greeting: null, tlsAtOnce: true, answers: [], certificates });
    ports.set(one.id, { tls, smtp: await serve(smtpScript(certificates)) });
  }
  const bases = [...new Set(suite.cases.map((one) => one.base_domain))];
  const signer = configureKnotSigner(folder, primary, ZONES);
  const { files, anchor } = await writeTree(folder, signer, [
    ...bases.map((base) => `${base}. IN A ${address}`),
    ...suite.cases.flatMap((one) =>
      Object.values(ports.get(one.id) ?? {}).flatMap((port: number) =>
        one.tlsa.map((record) => tlsaLine(one.base_domain, port, record)),
      ),
    ),
  ]);
  const anchorFile = join(folder, "root.anchor");
  writeFileSync(anchorFile, `${anchor}\n`);
  const daemons: Daemon[] = [];
  const add = (daemon: Daemon): void => {
    daemons.push(daemon);
    undo.push(daemon.stop);
  };
  add(await signer.start(files));
  const zones = new Map(ZONES.map(({ zone }) => [zone, primary]));
  add(await startRecursive({ folder, at: resolver, anchorFile, zones }));
  const logs = (): string => daemons.map(({ name, output }) => `--- ${name}\n${output().slice(-3_000)}`).join("\n");
  return { folder, resolver, anchorFile, address, ports, logs, stop: () => unwind(undo) };
}

/** The certificates that `openssl s_client -showcerts` prints, leaf first, as base64. */
export function certificatesIn(text: string): readonly string[] {
  const blocks = text.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g);
  return [...blocks].map(([, body = ""]) => body.replace(/\s/g, ""));
}
