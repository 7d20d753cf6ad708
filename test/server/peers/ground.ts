/**
 * Where the checkers meet the cases: a network namespace of its own with the ports that they insist on, a signed tree
 * with a validating resolver at 127.0.0.1, and a web and a mail server on an address for each chain.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { join } from "node:path";
import { TLSSocket, createSecureContext, createServer as createTlsServer } from "node:tls";
import type { SecureContext } from "node:tls";
import { bitFlipped } from "../lab/dnssec-damage.ts";
import { startNamed, startRecursive } from "../lab/dnssec-servers.ts";
import { makeBindKeys, signWithBind } from "../lab/dnssec-sign.ts";
import type { ZoneSpec } from "../lab/dnssec-zones.ts";
import { must } from "../lab/process.ts";
import type { Chain, PeerCase } from "./cases.ts";

export interface Ground {
  readonly anchorFile: string;
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly stop: () => Promise<void>;
}

export const PORTS = { smtp: 25, tls: 443 } as const;

const ROOT_KEY = "/usr/share/dns/root.key";

const NAME_SERVER = { address: "10.53.0.1", port: 53 };
const RESOLVER = { address: "127.0.0.1", port: 53 };

function spec(zone: string, more: Partial<ZoneSpec> = {}): ZoneSpec {
  const keys = [["-a", "ECDSAP256SHA256", "-f", "KSK"]];
  return { zone, signer: "bind", keys, signing: [], digests: ["SHA-256"], content: "small", ...more };
}

/** Children before their parents, which hold their DS records. Not below `test`: libunbound answers that by itself. */
const ZONES: readonly ZoneSpec[] = [
  spec("signed.lab"),
  spec("open.lab", { signer: "nobody" }),
  spec("broken.lab", { damage: bitFlipped(/ IN RRSIG\s+TLSA /) }),
  spec("lab"),
  spec("."),
];

/** Only inside a mount and a network namespace: it changes what the whole system believes about DNS. */
export async function layGround(folder: string, cases: readonly PeerCase[]): Promise<Ground> {
  await must("ip", ["link", "set", "lo", "up"]);
  await must("ip", ["addr", "add", "10.53.0.1/16", "dev", "lo"]);
  const addresses = new Map(
    cases.map((one, index) => [
      one.id,
      one.chains.map((_, number) => `10.53.${String(number + 1)}.${String(index + 1)}`),
    ]),
  );
  const stops: (() => Promise<void>)[] = [];
  for (const one of cases) {
    for (const [index, chain] of one.chains.entries()) {
      stops.push(...(await serve(chain, addresses.get(one.id)?.[index] ?? "")));
    }
  }
  const records = cases.flatMap((one) => recordsOf(one, addresses.get(one.id) ?? []));
  const { anchorFile, keyFile, zones } = await signTree(folder, records);
  const named = await startNamed(folder, NAME_SERVER, zones);
  const places = new Map(zones.map(({ zone }) => [zone, NAME_SERVER]));
  const unbound = await startRecursive({ folder, at: RESOLVER, anchorFile, zones: places });
  await believe(folder, keyFile);
  const stop = async (): Promise<void> => {
    await Promise.all([unbound.stop(), named.stop(), ...stops.map((each) => each())]);
  };
  return { anchorFile, addresses, stop };
}

function recordsOf({ id, host, place, records }: PeerCase, addresses: readonly string[]): readonly string[] {
  const zone = host.slice(id.length + 1);
  const target = `${id}-target.${zone}`;
  const holder = place === "alias-target" ? target : host;
  const at = (owner: string): readonly string[] => records.map((record) => `${owner}. IN TYPE52 ${generic(record)}`);
  const services = Object.values(PORTS).map((port) => `_${String(port)}._tcp.${holder}`);
  return [
    ...(place === "alias-target" ? [`${host}. IN CNAME ${target}.`] : []),
    ...addresses.map((address) => `${holder}. IN A ${address}`),
    ...(place === "wildcard"
      ? at(`*._tcp.${host}`)
      : place === "tlsa-alias"
        ? [...services.map((owner) => `${owner}. IN CNAME _dane.${host}.`), ...at(`_dane.${host}`)]
        : services.flatMap(at)),
  ];
}

/** RFC 3597: some of the records are malformed on purpose. */
function generic(record: string): string {
  const [usage = "", selector = "", type = "", data = ""] = record.split(" ");
  const rdata = Buffer.concat([Buffer.of(Number(usage), Number(selector), Number(type)), Buffer.from(data, "hex")]);
  return `\\# ${String(rdata.length)} ${rdata.toString("hex")}`;
}

interface SignedTree {
  readonly zones: readonly { readonly zone: string; readonly file: string }[];
  /** The root's DS record and its DNSKEY record. */
  readonly anchorFile: string;
  readonly keyFile: string;
}

async function signTree(folder: string, records: readonly string[]): Promise<SignedTree> {
  const keys = join(folder, "keys");
  mkdirSync(keys);
  const [anchorFile, keyFile] = [join(folder, "root.ds"), join(folder, "root.key")];
  const delegations: string[] = [];
  const zones: { zone: string; file: string }[] = [];
  for (const each of ZONES) {
    const origin = each.zone === "." ? "." : `${each.zone}.`;
    const below = [...records, ...delegations].filter((line) => belongsTo(line.split(" ")[0] ?? "", each.zone));
    const file = join(folder, each.zone === "." ? "root.db" : `${each.zone}.db`);
    const apex = ["@ IN SOA ns hostmaster 1 3600 600 86400 60", "@ IN NS ns", `ns IN A ${NAME_SERVER.address}`];
    writeFileSync(file, [`$ORIGIN ${origin}`, "$TTL 60", ...apex, ...below, ""].join("\n"));
    const isSigned = each.signer === "bind";
    const ds = isSigned ? await makeBindKeys(keys, each) : [];
    zones.push({ zone: each.zone, file: isSigned ? await signWithBind(keys, each, file) : file });
    delegations.push(`${origin} IN NS ns.${origin}`, `ns.${origin} IN A ${NAME_SERVER.address}`, ...ds);
    if (each.zone === ".") writeFileSync(anchorFile, `${ds.join("\n")}\n`);
  }
  const key = await must("sh", ["-c", "cat K.+*.key"], { cwd: keys });
  writeFileSync(keyFile, key.replace(/^;.*\n/gm, ""));
  return { zones, anchorFile, keyFile };
}

/** Whether a record is to be written into this zone: its own, or the delegation of a zone right below. */
function belongsTo(owner: string, zone: string): boolean {
  const holds = (name: string): boolean => ZONES.some((each) => `${each.zone}.` === name);
  const name = owner.replace(/^ns\./, "");
  const apex = zone === "." ? "" : `${zone}.`;
  if (holds(name)) return name.slice(name.indexOf(".") + 1) === apex;
  return apex !== "" && ZONES.find((each) => owner.endsWith(`.${each.zone}.`))?.zone === zone;
}

/** Tells the C library and the tools with a built-in idea of the root what to believe. */
async function believe(folder: string, keyFile: string): Promise<void> {
  const files = {
    "/etc/resolv.conf": `nameserver ${RESOLVER.address}\noptions edns0 trust-ad\n`,
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
  };
  for (const [path, text] of Object.entries(files)) {
    const ours = join(folder, path.replaceAll("/", "_"));
    writeFileSync(ours, text);
    await must("mount", ["--bind", ours, path]);
  }
  // Where Debian's danetool, ldns-dane and tlsa look for it; without them it may be missing.
  if (existsSync(ROOT_KEY)) await must("mount", ["--bind", keyFile, ROOT_KEY]);
}

async function serve({ sent, key }: Chain, address: string): Promise<readonly (() => Promise<void>)[]> {
  const cert = sent.map(({ pem }) => pem).join("");
  const context = createSecureContext({ key, cert });
  const web = createTlsServer({ key, cert }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("end", () => socket.end());
    socket.resume();
  });
  const mail = createServer((socket) => {
    greet(socket, context);
  });
  const listening = [
    [web, PORTS.tls],
    [mail, PORTS.smtp],
  ] as const;
  for (const [server, port] of listening) {
    server.on("tlsClientError", (_: Error, socket: Socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(port, address, resolve));
  }
  return listening.map(([server]) => () => {
    server.unref();
    server.close();
    return Promise.resolve();
  });
}

/** A mail server that knows EHLO, STARTTLS and QUIT, before TLS and inside it. */
function greet(socket: Socket, context: SecureContext): void {
  const talk = (stream: Socket, startTls: (() => void) | null): void => {
    stream.on("error", () => stream.destroy());
    stream.on("data", (chunk: Uint8Array) => {
      const line = new TextDecoder().decode(chunk);
      if (/^EHLO/i.test(line)) stream.write(startTls === null ? "250 mx\r\n" : "250-mx\r\n250 STARTTLS\r\n");
      else if (/^STARTTLS/i.test(line) && startTls !== null) startTls();
      else stream.end("221 bye\r\n");
    });
  };
  talk(socket, () => {
    socket.removeAllListeners("data");
    socket.write("220 go\r\n");
    talk(new TLSSocket(socket, { isServer: true, secureContext: context }), null);
  });
  socket.write("220 mx ESMTP\r\n");
}
