/**
 * A signed DNS tree of our own: root, `test.` and `example.test.`, ECDSA P-256 combined signing keys, DS records in the
 * parents. Root and `test.` are signed once by dnssec-signzone; `example.test.` is left to its primary, which signs it
 * by itself and takes dynamic updates.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "./process.ts";
import { program } from "./programs.ts";

export const ZONE = "example.test";

export interface Tree {
  readonly folder: string;
  /** Zone files, ready to be served. */
  readonly root: string;
  readonly top: string;
  readonly zone: string;
  readonly keys: string;
  /** DS of the root key, in zone-file form: the trust anchor. */
  readonly anchor: string;
}

export interface Delegation {
  /** Records of `example.test` beyond SOA, NS and the name servers' addresses. */
  readonly records: readonly string[];
  /** Addresses of ns1, ns2, …: the first is the primary. */
  readonly nameServers: readonly string[];
}

/** The policy that BIND signs with; `dnssec-keygen -k` needs it as well, so that BIND takes the key for its own. */
export const SIGNING_POLICY = `dnssec-policy "lab" { keys { csk lifetime unlimited algorithm ecdsap256sha256; }; };\n`;

/** TTL of SOA and the negative TTL: short, so that "it was not there a moment ago" is soon forgotten. */
const NEGATIVE_TTL = 2;

function zoneFile(origin: string, nameServers: readonly string[], records: readonly string[]): string {
  return [
    `$ORIGIN ${origin}`,
    "$TTL 60",
    `@ ${String(NEGATIVE_TTL)} IN SOA ${nameServers[0] ?? "."} hostmaster.${ZONE}. 1 2 1 86400 ${String(NEGATIVE_TTL)}`,
    ...nameServers.map((server) => `@ IN NS ${server}`),
    ...records,
    "",
  ].join("\n");
}

async function makeKey(
  keys: string,
  zone: string,
  options: readonly string[],
): Promise<{ readonly name: string; readonly ds: string }> {
  const name = (await must(program("dnssec-keygen"), ["-q", "-K", keys, ...options, zone])).trim();
  const ds = (await must(program("dnssec-dsfromkey"), ["-a", "SHA-256", join(keys, name)])).trim();
  return { name, ds };
}

async function sign(keys: string, zone: string, file: string): Promise<string> {
  const signed = `${file}.signed`;
  const args = ["-Q", "-z", "-S", "-K", keys, "-d", keys, "-o", zone, "-f", signed, file];
  await must(program("dnssec-signzone"), args);
  return signed;
}

/** Makes the signing key of the zone in this file, and gives its DS record. */
export type ZoneKeyMaker = (zoneFile: string) => Promise<string>;

/** Without `makeZoneKey` the zone's key is one for BIND with {@link SIGNING_POLICY}, in the folder `keys`. */
export async function makeTree(folder: string, delegation: Delegation, makeZoneKey?: ZoneKeyMaker): Promise<Tree> {
  const keys = join(folder, "keys");
  mkdirSync(keys, { recursive: true });
  const policyFile = join(folder, "policy.conf");
  writeFileSync(policyFile, SIGNING_POLICY);
  const csk = ["-a", "ECDSAP256SHA256", "-f", "KSK"];
  const rootKey = await makeKey(keys, ".", csk);
  const topKey = await makeKey(keys, "test", csk);

  const names = delegation.nameServers.map((_, index) => `ns${String(index + 1)}.${ZONE}.`);
  const addresses = delegation.nameServers.map((address, index) => `${names[index] ?? ""} IN A ${address}`);
  const parent = names.slice(0, 1); // root and test. live on the primary alone
  const zone = join(folder, `${ZONE}.db`);
  writeFileSync(zone, zoneFile(`${ZONE}.`, names, [...addresses, ...delegation.records]));
  const zoneDs =
    makeZoneKey === undefined
      ? (await makeKey(keys, ZONE, ["-k", "lab", "-l", policyFile])).ds
      : await makeZoneKey(zone);
  const topFile = join(folder, "test.db");
  writeFileSync(
    topFile,
    zoneFile("test.", parent, [...names.map((name) => `${ZONE}. IN NS ${name}`), ...addresses, zoneDs]),
  );
  const rootFile = join(folder, "root.db");
  writeFileSync(
    rootFile,
    zoneFile(".", parent, [...parent.map((name) => `test. IN NS ${name}`), ...addresses.slice(0, 1), topKey.ds]),
  );
  const top = await sign(keys, "test", topFile);
  const root = await sign(keys, ".", rootFile);
  return { folder, root, top, zone, keys, anchor: rootKey.ds };
}
