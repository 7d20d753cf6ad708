/** PowerDNS with its HTTP API and one signed zone, and another writer that uses the API by hand. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeTsigKey } from "./bind.ts";
import type { Place } from "./bind.ts";
import { drawNetwork } from "./network.ts";
import { configurePowerDns } from "./powerdns.ts";
import { ZONE } from "./tree.ts";
import { unwind } from "./unwind.ts";

export const API_PROGRAMS = ["root", "pdns_server", "pdnsutil", "sqlite3", "tsig-keygen"];
export const API_KEY = "correct-horse-battery-staple-0123";

const ZONE_FILE = `$ORIGIN ${ZONE}.
$TTL 60
@ IN SOA ns hostmaster 1 60 60 86400 60
@ IN NS ns
ns IN A 127.0.0.1
mx IN A 127.0.0.9
_25._tcp.alias IN CNAME _25._tcp.mx
child IN NS ns.child
ns.child IN A 127.0.0.1
`;

/** The API as somebody with curl uses it. */
export type ByHand = (method: string, path: string, body?: unknown) => Promise<unknown>;

export interface PowerDnsApi {
  readonly folder: string;
  readonly dns: Place;
  readonly url: string;
  /** Paths below `/api/v1/servers/localhost`; throws what the API says when it refuses. */
  readonly byHand: ByHand;
  readonly logs: () => string;
  readonly stop: () => Promise<void>;
}

export async function startPowerDnsApi(): Promise<PowerDnsApi> {
  const folder = mkdtempSync(join(tmpdir(), "daneward-lab-"));
  const undo: (() => Promise<void>)[] = [
    () => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  ];
  try {
    const network = await drawNetwork();
    const dns: Place = { address: network.address(1), port: network.dnsPort };
    const api = { address: "127.0.0.1", port: network.sparePort, key: API_KEY };
    const server = configurePowerDns(folder, dns, await makeTsigKey(folder, "daneward"), [], { api });
    const zoneFile = join(folder, "zone");
    writeFileSync(zoneFile, ZONE_FILE);
    await server.makeZoneKey(zoneFile);
    const daemon = await server.start();
    undo.push(daemon.stop);
    const url = `http://${api.address}:${String(api.port)}`;
    const byHand: ByHand = async (method, path, body) => {
      const reply = await fetch(`${url}/api/v1/servers/localhost${path}`, {
        method,
        headers: { "x-api-key": API_KEY },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await reply.text();
      if (!reply.ok) throw new Error(`${method} ${path}: ${String(reply.status)} ${text}`);
      return text === "" ? null : (JSON.parse(text) as unknown);
    };
    return { folder, dns, url, byHand, logs: daemon.output, stop: () => unwind(undo) };
  } catch (error) {
    await unwind(undo);
    throw error;
  }
}
