/** A small lab for updates by hand: one primary of a chosen make, the parents above it, a validating resolver below. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeTsigKey, startBindParents, startBindPrimary } from "./bind.ts";
import type { Place } from "./bind.ts";
import { configureKnot } from "./knot.ts";
import { drawNetwork } from "./network.ts";
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

export interface UpdateWorld {
  readonly folder: string;
  readonly primary: Place;
  readonly resolver: Place;
  readonly tsigKey: string;
  readonly logs: () => string;
  readonly stop: () => Promise<void>;
}

async function startZone(
  kind: PrimaryKind,
  folder: string,
  primary: Place,
  tsigKey: string,
  parents: Place,
): Promise<{ readonly tree: Awaited<ReturnType<typeof makeTree>>; readonly daemons: readonly Daemon[] }> {
  const delegation: Delegation = {
    nameServers: [primary.address],
    records: [`mx.${ZONE}. IN A 127.0.0.9`, `www.${ZONE}. IN A 127.0.0.9`],
  };
  if (kind === "bind") {
    const tree = await makeTree(folder, delegation);
    const grants = ALLOWED.map((owner) => `grant daneward name ${owner}. TLSA`);
    return { tree, daemons: [await startBindPrimary({ tree, at: primary, keyFiles: [tsigKey], grants, notify: [] })] };
  }
  const server = (kind === "knot" ? configureKnot : configurePowerDns)(folder, primary, tsigKey, ALLOWED);
  const tree = await makeTree(folder, delegation, server.makeZoneKey);
  const above = await startBindParents({ tree, at: parents });
  try {
    return { tree, daemons: [above, await server.start()] };
  } catch (error) {
    await above.stop();
    throw error;
  }
}

export async function startUpdateWorld(kind: PrimaryKind): Promise<UpdateWorld> {
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
    const resolver: Place = { address: network.address(53), port: network.dnsPort };
    const tsigKey = await makeTsigKey(folder, "daneward");
    const { tree, daemons } = await startZone(kind, folder, primary, tsigKey, parents);
    undo.push(...daemons.map((daemon) => daemon.stop));
    const unbound = await startUnbound({
      tree,
      at: resolver,
      zones: { ".": [parents], test: [parents], [ZONE]: [primary] },
    });
    undo.push(unbound.stop);
    const all = [...daemons, unbound];
    return {
      folder,
      primary,
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
