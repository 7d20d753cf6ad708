/**
 * A small lab for updates by hand: one primary of a chosen make, perhaps NSD behind it, the parents above, a validating
 * resolver below.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeTsigKey, startBindParents, startBindPrimary } from "./bind.ts";
import type { Place } from "./bind.ts";
import { configureKnot } from "./knot.ts";
import { drawNetwork } from "./network.ts";
import type { Network } from "./network.ts";
import { startNsdSecondary } from "./nsd.ts";
import { configurePowerDns } from "./powerdns.ts";
import type { Daemon } from "./process.ts";
import { makeTree } from "./tree.ts";
import type { Delegation } from "./tree.ts";
import { ZONE } from "./tree.ts";
import { startUnbound } from "./unbound.ts";
import { unwind } from "./unwind.ts";

export type PrimaryKind = "bind" | "knot" | "powerdns";

export const UPDATE_PROGRAMS: Readonly<Record<PrimaryKind, readonly string[]>> = {
  bind: ["root", "named", "dnssec-keygen", "dnssec-signzone", "tsig-keygen", "unbound"],
  knot: ["root", "knotd", "keymgr", "named", "dnssec-keygen", "dnssec-signzone", "tsig-keygen", "unbound"],
  powerdns: [
    "root",
    "pdns_server",
    "pdnsutil",
    "sqlite3",
    "named",
    "dnssec-keygen",
    "dnssec-signzone",
    "tsig-keygen",
    "unbound",
  ],
};

/** The owner names that the key may write TLSA at. */
export const ALLOWED = [`_25._tcp.mx.${ZONE}`, `_443._tcp.www.${ZONE}`] as const;

/** What a zone holds beyond the usual. */
export interface ZoneContent {
  /** Further records, in zone-file form. */
  readonly records: (address: Network["address"]) => readonly string[];
  /** Where the key may write TLSA records, in place of {@link ALLOWED}. */
  readonly owners: readonly string[];
  /** Whole further grants, for BIND alone. */
  readonly grants?: readonly string[];
}

const USUAL: ZoneContent = {
  records: () => [`mx.${ZONE}. IN A 127.0.0.9`, `www.${ZONE}. IN A 127.0.0.9`],
  owners: ALLOWED,
};

export interface UpdateWorld {
  readonly folder: string;
  /** Loopback addresses of this world: 1, 2 and 53 are taken. */
  readonly address: Network["address"];
  /** File with the DS record of the root. */
  readonly anchorFile: string;
  readonly primary: Place;
  /** Where the secondary is; nobody listens there when the world has none. */
  readonly secondary: Place;
  readonly resolver: Place;
  readonly tsigKey: string;
  readonly logs: () => string;
  readonly stop: () => Promise<void>;
}

interface Places {
  readonly parents: Place;
  readonly primary: Place;
  readonly secondary: Place | null;
}

async function startZone(
  kind: PrimaryKind,
  folder: string,
  tsigKey: string,
  { parents, primary, secondary }: Places,
  { records, owners, grants: others = [] }: Omit<ZoneContent, "records"> & { readonly records: readonly string[] },
): Promise<{ readonly tree: Awaited<ReturnType<typeof makeTree>>; readonly daemons: readonly Daemon[] }> {
  const delegation: Delegation = {
    nameServers: [primary, ...(secondary === null ? [] : [secondary])].map(({ address }) => address),
    records,
  };
  if (kind === "bind") {
    const tree = await makeTree(folder, delegation);
    const grants = [...owners.map((owner) => `grant daneward name ${owner}. TLSA`), ...others];
    const notify = secondary === null ? [] : [secondary];
    return { tree, daemons: [await startBindPrimary({ tree, at: primary, keyFiles: [tsigKey], grants, notify })] };
  }
  const server =
    kind === "knot"
      ? configureKnot(folder, primary, tsigKey, owners, secondary)
      : configurePowerDns(folder, primary, tsigKey, owners, secondary === null ? {} : { secondary });
  const tree = await makeTree(folder, delegation, server.makeZoneKey);
  const above = await startBindParents({ tree, at: parents });
  try {
    return { tree, daemons: [above, await server.start()] };
  } catch (error) {
    await above.stop();
    throw error;
  }
}

export async function startUpdateWorld(
  kind: PrimaryKind,
  makeup: "alone" | "with-secondary" = "alone",
  content: ZoneContent = USUAL,
): Promise<UpdateWorld> {
  const folder = mkdtempSync(join(tmpdir(), "daneward-lab-"));
  chmodSync(folder, 0o711);
  const undo: (() => Promise<void>)[] = [
    () => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  ];
  try {
    const network = await drawNetwork();
    const parents: Place = { address: "127.0.0.1", port: network.dnsPort };
    const primary: Place = kind === "bind" ? parents : { address: network.address(1), port: network.dnsPort };
    const secondary: Place = { address: network.address(2), port: network.dnsPort };
    const resolver: Place = { address: network.address(53), port: network.dnsPort };
    const tsigKey = await makeTsigKey(folder, "daneward");
    const hasSecondary = makeup === "with-secondary";
    const places = { parents, primary, secondary: hasSecondary ? secondary : null };
    const { tree, daemons } = await startZone(kind, folder, tsigKey, places, {
      ...content,
      records: content.records(network.address),
    });
    const anchorFile = join(folder, "root.anchor");
    writeFileSync(anchorFile, `${tree.anchor}\n`);
    undo.push(...daemons.map((daemon) => daemon.stop));
    const behind = hasSecondary ? [await startNsdSecondary(folder, secondary, primary)] : [];
    undo.push(...behind.map((daemon) => daemon.stop));
    const unbound = await startUnbound({
      tree,
      at: resolver,
      zones: { ".": [parents], test: [parents], [ZONE]: hasSecondary ? [primary, secondary] : [primary] },
    });
    undo.push(unbound.stop);
    const all = [...daemons, ...behind, unbound];
    return {
      folder,
      address: network.address,
      anchorFile,
      primary,
      secondary,
      resolver,
      tsigKey,
      logs: () =>
        all
          .map((daemon) => `--- the end of ${daemon.name}\n${daemon.output().split("\n").slice(-40).join("\n")}`)
          .join("\n"),
      stop: () => unwind(undo),
    };
  } catch (error) {
    await unwind(undo);
    throw error;
  }
}
