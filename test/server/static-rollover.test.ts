/**
 * A rollover as an administrator of a static zone has it: `daneward tick` writes the file, `dnssec-signzone` signs the
 * zone, BIND loads it, nginx gets the certificate. The zone's own key is the trust anchor.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Place } from "./lab/bind.ts";
import { daneward, hostPort } from "./lab/daneward.ts";
import { makeAuthority, makeLineage } from "./lab/lineage.ts";
import type { Lineage } from "./lab/lineage.ts";
import { drawNetwork } from "./lab/network.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { startNginx } from "./lab/services.ts";
import type { Service } from "./lab/services.ts";
import { STATIC_PROGRAMS, startStaticZone } from "./lab/static.ts";
import type { StaticZone } from "./lab/static.ts";
import { ZONE } from "./lab/tree.ts";
import { startUnbound } from "./lab/unbound.ts";
import { unwind } from "./lab/unwind.ts";
import { TLSA, ask, tlsaText } from "./lab/wire.ts";

const HOST = `mx.${ZONE}`;
/** What the zone of the lab gives as the address of the host. */
const WEB: Place = { address: "127.0.0.9", port: 8943 };
const OWNER = `_${String(WEB.port)}._tcp.${HOST}`;

interface Lab {
  readonly zone: StaticZone;
  readonly lineage: Lineage;
  readonly nginx: Service;
  readonly resolver: Place;
  readonly deploy: string;
  readonly run: (args: readonly string[]) => Promise<Ended>;
}

async function startLab(undo: (() => Promise<void>)[]): Promise<Lab> {
  const zone = await startStaticZone("bind-signzone");
  undo.push(zone.stop);
  const { folder, at } = zone;
  const keyFile = readdirSync(folder).find((name) => /^K.*\.key$/.test(name)) ?? "";
  const anchor = readFileSync(join(folder, keyFile), "utf8").replace(/^;.*\n/gm, "");
  const network = await drawNetwork();
  const resolver: Place = { address: network.address(53), port: at.port };
  const tree = { folder, root: "", top: "", zone: "", keys: "", anchor };
  undo.push((await startUnbound({ tree, at: resolver, zones: { [ZONE]: [at] } })).stop);
  const authority = await makeAuthority(join(folder, "ca"));
  const lineage = await makeLineage(join(folder, "letsencrypt"), authority, HOST, [HOST]);
  const nginx = await startNginx(folder, [WEB], lineage.live);
  undo.push(nginx.stop);
  const home = join(folder, "daneward");
  mkdirSync(home);
  writeFileSync(join(home, "anchor"), anchor);
  const deploy = join(home, "deployed/web");
  writeFileSync(
    join(home, "daneward.toml"),
    `version = 1
resolver = "${hostPort(resolver)}"
name_server_port = ${String(at.port)}
[dnssec]
trust_anchors = "${home}/anchor"
[defaults]
ttl = "2s"
propagation_delay = "1s"
publish_safety = "1s"
retire_safety = "1s"
confirm_interval = "0s"
poll_interval = "1s"
observe_interval = "1s"
[publish.zones]
type = "zonefile"
file = "${zone.fragment}"
parent = "${folder}/{zone}.db"
check = "${zone.check}"
reload = ${JSON.stringify(zone.reload)}
[certificate.web]
source = "${lineage.live}"
deploy = "${deploy}"
services = ["${HOST}:${String(WEB.port)}/tls"]
reload = [${JSON.stringify(nginx.reload)}]
`,
  );
  const flags = ["--config", join(home, "daneward.toml"), "--state-dir", join(home, "state")];
  return { zone, lineage, nginx, resolver, deploy, run: (args) => daneward([...flags, ...args]) };
}

const NEEDS = ["root", ...STATIC_PROGRAMS["bind-signzone"], "unbound", "nginx", "openssl"];
serverSuite("a rollover through a static zone", NEEDS, () => {
  const undo: (() => Promise<void>)[] = [];
  let started: Lab | null = null;
  const lab = (): Lab => {
    if (started === null) throw new Error("the lab did not start");
    return started;
  };
  beforeAll(async () => {
    started = await startLab(undo);
  }, 60_000);
  afterAll(async () => {
    await unwind(undo);
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(started?.zone.output(), started?.nginx.log());
  });

  const served = async (): Promise<readonly string[]> =>
    (await ask(lab().zone.at, OWNER, TLSA, { recursion: false })).answers.map(({ data }) => tlsaText(data)).sort();

  /** Runs ticks until it is so; every one ends well and in silence. */
  async function tickUntil(what: string, done: () => Promise<boolean> | boolean): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!(await done())) {
      if (Date.now() > deadline) throw new Error(`${what}: not so\n${(await lab().run(["status"])).stdout}`);
      const ended = await lab().run(["tick"]);
      expect({ code: ended.code, said: ended.stdout + ended.stderr }).toEqual({ code: 0, said: "" });
      await delay(100);
    }
  }

  const isStable = async (): Promise<boolean> =>
    /"phase":\s*"stable"/.test((await lab().run(["status", "--json"])).stdout);

  test("publishes, carries a renewal through and withdraws, with a live server that matches at the end", async () => {
    const { lineage, nginx, resolver, deploy, zone, run } = lab();
    const record = (version: number): string => `3 1 1 ${lineage.spki(version)}`;
    const first = lineage.version();
    const config = await run(["check-config"]);
    expect({ code: config.code, said: config.stdout }).toMatchObject({
      code: 0,
      said: expect.not.stringContaining("publish.") as string,
    });
    await tickUntil("the first deployment", async () => existsSync(deploy) && (await served()).includes(record(first)));
    await nginx.readFrom(deploy);
    await tickUntil("rest", isStable);
    await lineage.renew();
    await tickUntil("both records", async () => (await served()).length === 2);
    expect(readFileSync(zone.fragment, "utf8").match(/ IN TLSA /g)).toHaveLength(2);
    await tickUntil("the new record alone", async () => (await served()).join() === record(first + 1));
    await tickUntil("rest again", isStable);
    const verified = await daneward([
      ...["verify", `${HOST}:${String(WEB.port)}/tls`, "--resolver", hostPort(resolver)],
      ...["--trust-anchor", join(zone.folder, "daneward/anchor")],
    ]);
    expect({ code: verified.code, out: verified.stdout }).toMatchObject({ code: 0 });
  }, 60_000);
});
