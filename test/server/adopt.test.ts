/** Doctor on real servers, and a damaged state made anew from them, as somebody does who types what is printed. */
import { chmodSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "./lab/poll.ts";
import { daneward, hostPort, makeWard } from "./lab/daneward.ts";
import type { Ward } from "./lab/daneward.ts";
import { must } from "./lab/process.ts";
import type { Ended } from "./lab/process.ts";
import { program, serverSuite } from "./lab/programs.ts";
import { foreignRecord, ownRecord, servedEverywhere, tickUntil, witness } from "./lab/rollover.ts";
import { addCertbot, makeHost } from "../driver/setup/host.ts";
import type { Host } from "../driver/setup/host.ts";
import { useWorld } from "./lab/suite.ts";
import { OWNERS, WORLD_PROGRAMS } from "./lab/world.ts";

const HASTE = ['ttl = "1s"', 'propagation_delay = "0s"', 'publish_safety = "0s"', 'retire_safety = "1s"'];

interface Line {
  readonly subject: string;
  readonly grade: string;
  readonly said: string;
  readonly code?: string;
  readonly type: readonly string[];
  readonly advice?: readonly string[];
}

function linesOf(ended: Ended): readonly Line[] {
  const document: unknown = JSON.parse(ended.stdout);
  const isReport = (value: unknown): value is { readonly findings: readonly Line[] } =>
    typeof value === "object" && value !== null && "findings" in value && Array.isArray(value.findings);
  if (!isReport(document)) throw new Error(ended.stdout);
  return document.findings;
}

serverSuite("adopt and doctor", WORLD_PROGRAMS, () => {
  const lab = useWorld();
  let ward: Ward;

  async function doctor(): Promise<readonly Line[]> {
    return linesOf(await ward.run(["doctor", "--json"]));
  }

  async function serials(): Promise<string> {
    const ended = await ward.run(["propagation", OWNERS[0] ?? "", "--json"]);
    const found = ended.stdout.match(/"serial":\s*\d+/g);
    if (found === null) throw new Error(ended.stdout + ended.stderr);
    return found.join();
  }

  test("doctor finds resolver, clock, name servers and key well, and changes nothing in the zone", async () => {
    ward = makeWard(lab());
    ward.configure({ extra: HASTE });
    const before = await serials();
    const lines = await doctor();
    const failed = lines.filter(({ grade }) => grade === "failure");
    expect(failed).toEqual([]);
    expect(lines).toContainEqual(
      expect.objectContaining({
        subject: "resolver",
        grade: "ok",
        said: expect.stringContaining("agree with this clock") as string,
      }),
    );
    for (const owner of OWNERS) {
      expect(lines).toContainEqual(
        expect.objectContaining({
          subject: `update ${owner}`,
          grade: "ok",
          said: `${hostPort(lab().primary)} takes updates under the key daneward.`,
        }),
      );
      expect(lines).toContainEqual(
        expect.objectContaining({ subject: `name servers of ${owner}`, grade: "ok", said: "all 2 answer" }),
      );
    }
    expect(await serials()).toBe(before);
    expect(await servedEverywhere(lab())).toEqual([[], []]);
  }, 30_000);

  test("doctor says what a key that the server does not know, or that others can read, needs; secrets stay where they are", async () => {
    const world = lab();
    ward.configure({ extra: HASTE, keyFile: world.strangerKey });
    const stranger = await ward.run(["doctor"]);
    expect(stranger.code).toBe(1);
    expect(stranger.stdout).toMatch(/^FAILURE update _2525\._tcp\.mx\..*\[TSIG_BADKEY\]$/m);
    expect(stranger.stdout).toMatch(/\nwhat to type\n(?: {2}.+\n)+$/);
    chmodSync(world.strangerKey, 0o644);
    const exposed = await doctor();
    chmodSync(world.strangerKey, 0o600);
    expect(exposed.filter(({ code }) => code === "KEY_FILE_EXPOSED").length).toBeGreaterThan(0);
    expect([...new Set(exposed.filter(({ grade }) => grade === "failure").flatMap(({ type }) => type))]).toEqual([
      `chmod 0600 ${world.strangerKey}`,
    ]);
  }, 30_000);

  test("doctor says so when updates go to the resolver", async () => {
    ward.configure({ extra: HASTE, server: lab().resolver });
    const failed = (await doctor()).filter(({ grade }) => grade === "failure");
    expect(failed.length).toBe(OWNERS.length);
    for (const { subject, said, advice } of failed) {
      expect(subject).toMatch(/^update /);
      expect(said).toContain(`; ${hostPort(lab().resolver)} is also the resolver`);
      expect(advice?.[0]).toMatch(/^let server in \[publish\.\S+\] be an address at which the name server of/);
    }
    ward.configure({ extra: HASTE });
  }, 30_000);

  test("doctor names a resolver that cannot be asked", async () => {
    ward.configure({ extra: HASTE, resolver: { address: "127.0.0.1", port: 9 } });
    const failed = (await doctor()).filter(({ grade }) => grade === "failure");
    expect(failed).toMatchObject([{ subject: "resolver", code: "DNS_UNREACHABLE" }]);
    ward.configure({ extra: HASTE });
  }, 30_000);

  test("a state file that is damaged in the middle of a rollover is made anew by what the message says: no failure, and the old record goes", async () => {
    const world = lab();
    const isAtRest = async (): Promise<boolean> => {
      const sets = await servedEverywhere(world);
      return (await ward.status()).phase === "stable" && sets.every((set) => set.join() === ownRecord(world));
    };
    await tickUntil(ward, "the first files", () => Promise.resolve(existsSync(ward.deploy)));
    for (const service of [world.postfix, world.nginx]) await service.readFrom(ward.deploy);
    await tickUntil(ward, "the first records", isAtRest);
    await until("clients know them", async () =>
      (await Promise.all(OWNERS.map((owner) => world.served(owner, world.resolver)))).every((set) => set.length === 1),
    );
    const sampler = witness(world);
    try {
      await world.lineage.renew();
      await tickUntil(ward, "both records", async () =>
        (await servedEverywhere(world)).every((set) => set.length === 2),
      );
      writeFileSync(path.join(ward.stateDir, "certificates", "lab.json"), '{"version":2,');
      const tick = await ward.run(["tick", "--force"]);
      expect([tick.code, tick.stderr]).toEqual([1, expect.stringContaining("[STATE_DAMAGED]") as string]);
      const [, typed] = /type\s+daneward\s+(adopt\s+lab)\s/.exec(tick.stderr.replace(/\s+/g, " ")) ?? [];
      const findings = await doctor();
      expect(findings.find(({ code }) => code === "STATE_DAMAGED")?.type).toEqual([
        expect.stringMatching(/^daneward adopt lab --config \S+ --state-dir \S+$/),
      ]);
      const adopted = await ward.run((typed ?? "").split(/\s+/));
      expect([adopted.code, adopted.stderr]).toEqual([
        0,
        expect.stringMatching(
          /lab: 4 records taken for ours; what was damaged is .*lab\.json\.damaged-\d{8}T\d{6}Z now\n$/,
        ) as string,
      ]);
      expect(readdirSync(path.join(ward.stateDir, "certificates")).length).toBe(2);
      await tickUntil(ward, "rest", isAtRest);
    } finally {
      await sampler.stop();
    }
    expect(sampler.samples().filter(({ outcome }) => outcome !== "match")).toEqual([]);
  }, 60_000);

  test("a record of somebody else is listed with what to type, and is ours when that is typed", async () => {
    const world = lab();
    const [owner = ""] = OWNERS;
    const foreign = foreignRecord(world);
    await world.asAdministrator([`update add ${owner}. 1 TLSA ${foreign}`]);
    const listed = await ward.run(["adopt", "lab"]);
    expect([listed.code, listed.stderr]).toEqual([
      0,
      expect.stringContaining(`type: daneward adopt lab --record '${foreign}'`) as string,
    ]);
    const alone = await ward.run(["adopt", "lab", "--record", foreign]);
    expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining("add --yes") as string]);
    const taken = await ward.run(["adopt", "lab", "--record", foreign, "--yes", "--because", "test"]);
    expect([taken.code, taken.stderr]).toEqual([0, expect.stringContaining("1 record taken for ours") as string]);
    await tickUntil(ward, "it is withdrawn", async () =>
      (await servedEverywhere(world)).every((set) => set.join() === ownRecord(world)),
    );
    const timeline = await ward.run(["timeline", "lab"]);
    expect(timeline.stdout).toContain("adopt");
  }, 60_000);

  test("adopt alone finds the records that are in DNS, validated, and the primary that the zone names", async () => {
    const world = lab();
    const host = makeHost();
    try {
      await addCertbot(host, ["mx.example.test"]);
      host.write(
        "/etc/postfix/main.cf",
        "myhostname = mx.example.test\nsmtpd_tls_cert_file = /etc/letsencrypt/live/mx.example.test/fullchain.pem\n",
      );
      host.write("/etc/postfix/master.cf", "2525 inet n - n - - smtpd\n");
      const flags = ["--resolver", hostPort(world.resolver), "--trust-anchor", world.anchorFile, "--root", host.root];
      const ended = await ward.run(["adopt", ...flags]);
      expect(ended.code).toBe(0);
      // The resolver may still know the record that has just gone.
      const said = ended.stderr.replace(/\s+/g, " ");
      expect(said).toMatch(new RegExp(`in DNS today _2525\\._tcp\\.mx\\.example\\.test: .*${ownRecord(world)}`));
      expect(said).not.toContain("not signed");
      expect(ended.stdout).toMatch(
        /^ {2}"mx\.example\.test:2525\/smtp", {2}# postfix, \S+; [12] TLSA records? today$/m,
      );
    } finally {
      host.remove();
    }
  }, 30_000);
});

serverSuite("what adopt writes for name servers", ["knotc", "keymgr", "named-checkconf", "tsig-keygen"], () => {
  let host: Host;
  beforeEach(async () => {
    host = makeHost();
    await addCertbot(host, ["mx.example.org"]);
    rmSync(path.join(host.root, "etc/letsencrypt/rfc2136.ini"));
    host.write(
      "/etc/postfix/main.cf",
      "myhostname = mx.example.org\nsmtpd_tls_cert_file = /etc/letsencrypt/live/mx.example.org/fullchain.pem\n",
    );
    host.write("/etc/postfix/master.cf", "smtp inet n - n - - smtpd\n465 inet n - n - - smtpd\n");
  });
  afterEach(() => {
    host.remove();
  });

  async function policy(): Promise<string> {
    const ended = await daneward(["adopt", "--root", host.root, "--offline", "--json"]);
    const document: unknown = JSON.parse(ended.stdout);
    const isProposal = (
      value: unknown,
    ): value is { readonly policies: readonly { readonly lines: readonly string[] }[] } =>
      typeof value === "object" && value !== null && "policies" in value && Array.isArray(value.policies);
    if (!isProposal(document)) throw new Error(ended.stdout);
    return (document.policies[0]?.lines ?? []).join("\n");
  }

  test("Knot takes: one acl for two names, beside others", async () => {
    const key = await must(program("keymgr"), ["-t", "daneward.", "hmac-sha256"]);
    host.write("/etc/knot/daneward.key", key);
    const zone = `zone:\n  - domain: example.org\n    storage: ${host.root}\n    acl: daneward\n`;
    host.write("/etc/knot/knot.conf", zone);
    const lines = await policy();
    const main = path.join(host.root, "etc/knot/knot.conf");
    const other = "acl:\n  - id: transfer\n    address: 192.0.2.1\n    action: transfer\n";
    writeFileSync(main, `include: ${host.root}/etc/knot/daneward.key\n${other}${lines}\n${zone}`);
    expect(await must(program("knotc"), ["-c", main, "conf-check"])).toContain("Configuration is valid");
    expect(lines).toContain("update-owner-name: [ _25._tcp.mx.example.org., _465._tcp.mx.example.org. ]");
  });

  test("BIND takes: a policy for two names", async () => {
    const key = await must(program("tsig-keygen"), ["-a", "hmac-sha256", "daneward."]);
    host.write("/etc/bind/named.conf", 'zone "example.org" { type primary; file "x"; };\n');
    const lines = await policy();
    const main = path.join(host.root, "etc/bind/named.conf");
    writeFileSync(main, `${key}\nzone "example.org" { type primary; file "x";\n${lines}\n};\n`);
    await must(program("named-checkconf"), [main]);
    expect(lines).toContain("grant daneward. name _465._tcp.mx.example.org. TLSA;");
  });
});
