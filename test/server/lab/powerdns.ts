/** PowerDNS (SQLite) as a signing primary; a Lua policy limits the key to TLSA at named owners; it may have a secondary. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tsigSecret } from "./bind.ts";
import type { Place } from "./bind.ts";
import type { KnotPrimary } from "./knot.ts";
import { must, startDaemon } from "./process.ts";
import { program } from "./programs.ts";
import { ZONE } from "./tree.ts";
import { DNSKEY, answers } from "./wire.ts";

const SCHEMA = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

/** What a PowerDNS may have beside the zone and the key. */
export interface PowerDnsOptions {
  readonly api?: ApiPlace;
  /** Told of changes, and allowed to transfer the zone. */
  readonly secondary?: Place;
}

/** Where the HTTP API is to listen, and the key it wants. */
export interface ApiPlace extends Place {
  readonly key: string;
}

function transferLines({ address, port }: Place): string {
  return `primary=yes
only-notify=
also-notify=${address}:${String(port)}
allow-axfr-ips=127.0.0.0/8
`;
}

function apiLines(api: ApiPlace): string {
  const { address, port, key } = api;
  return `api=yes
api-key=${key}
webserver=yes
webserver-address=${address}
webserver-port=${String(port)}
`;
}

export function configurePowerDns(
  folder: string,
  at: Place,
  tsigKey: string,
  owners: readonly string[],
  { api, secondary }: PowerDnsOptions = {},
): KnotPrimary {
  const home = join(folder, "pdns");
  mkdirSync(join(home, "run"), { recursive: true });
  writeFileSync(
    join(home, "pdns.conf"),
    `launch=gsqlite3
gsqlite3-database=${home}/pdns.db
gsqlite3-dnssec=yes
local-address=${at.address}
local-port=${String(at.port)}
socket-dir=${home}/run
setuid=
setgid=
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
lua-dnsupdate-policy-script=${home}/policy.lua
${api === undefined ? "" : apiLines(api)}${secondary === undefined ? "" : transferLines(secondary)}`,
  );
  writeFileSync(
    join(home, "policy.lua"),
    `local allowed = { ${owners.map((owner) => `["${owner}."]=true`).join(", ")} }
function updatepolicy(input)
  return input:getTsigName():toString() == "daneward." and input:getQType() == pdns.TLSA
     and allowed[input:getQName():toString():lower()] == true
end
`,
  );
  return {
    makeZoneKey: async (zoneFile) => {
      await must(program("sqlite3"), [join(home, "pdns.db")], { input: readFileSync(SCHEMA, "utf8") });
      const util = (...args: readonly string[]): Promise<string> =>
        must(program("pdnsutil"), [`--config-dir=${home}`, ...args]);
      await util("load-zone", ZONE, zoneFile);
      await util("secure-zone", ZONE);
      await util("rectify-zone", ZONE);
      await util("import-tsig-key", "daneward", "hmac-sha256", tsigSecret(tsigKey));
      await util("set-meta", ZONE, "TSIG-ALLOW-DNSUPDATE", "daneward");
      await util("set-meta", ZONE, "ALLOW-DNSUPDATE-FROM", "127.0.0.0/8");
      await util("set-meta", ZONE, "SOA-EDIT-DNSUPDATE", "INCREASE");
      if (secondary !== undefined) {
        await util("set-kind", ZONE, "primary");
        await util("set-meta", ZONE, "NOTIFY-DNSUPDATE", "1");
      }
      const ds = await util("export-zone-ds", ZONE);
      const sha256 = ds.split("\n").find((line) => / DS \d+ 13 2 /.test(line));
      if (sha256 === undefined) throw new Error(`pdnsutil gave no SHA-256 DS:\n${ds}`);
      return sha256.replace(/;.*$/, "");
    },
    start: () =>
      startDaemon({
        name: "pdns_server",
        command: "pdns_server",
        args: [`--config-dir=${home}`, "--daemon=no", "--guardian=no", "--write-pid=no"],
        cwd: home,
        ready: () => answers(at, ZONE, DNSKEY),
      }),
  };
}
