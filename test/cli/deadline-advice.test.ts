import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run } from "../../src/cli/commands/check-config.ts";
import { instant } from "../../src/base/time.ts";
import { tick } from "../../src/driver/tick.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import { createFakeWorld, START } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { recordingIo } from "./recording-io.ts";

const KEY =
  'key "k" {\n  algorithm hmac-sha256;\n  secret "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2gtZm9yLXNoYTI1Ng==";\n};\n';

let world: FakeWorld;

beforeEach(() => {
  world = createFakeWorld();
  writeFileSync(path.join(world.root, "tsig.key"), KEY, { mode: 0o600 });
});
afterEach(() => {
  world.remove();
});

/** A certificate that lives so many hours, with a key of its own or a given one. */
async function living(hours: number, privateKeyPem?: string): Promise<Awaited<ReturnType<typeof issueCertificate>>> {
  return issueCertificate({
    subject: "CN=mx.example.org",
    dnsNames: ["mx.example.org"],
    notBefore: START,
    notAfter: instant(START + hours * 3_600_000),
    ...(privateKeyPem === undefined ? {} : { privateKeyPem }),
  });
}

interface Settings {
  readonly defaults?: string;
  readonly certificate?: string;
  readonly service?: string;
  readonly json?: boolean;
}

async function check(settings: Settings): Promise<{ readonly exit: number; readonly out: string }> {
  writeFileSync(
    path.join(world.root, "daneward.toml"),
    `version = 1
deploy_root = "${path.join(world.root, "deploy")}"
[defaults]
${settings.defaults ?? ""}
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "tsig.key"
[certificate.mx]
source = "live"
services = ["mx.example.org:${settings.service ?? "25"}"]
reload = ["/bin/true"]
${settings.certificate ?? ""}
`,
  );
  const io = recordingIo({ cwd: world.root, clock: world.clock, env: { PATH: "/usr/bin:/bin" } });
  const exit = await run([], { config: "daneward.toml", json: settings.json === true }, io);
  return { exit, out: io.said().out };
}

describe("check-config on the dates of the certificates", () => {
  test("says how long a renewal takes and has, when it fits", async () => {
    world.install(await living(90 * 24));
    const { exit, out } = await check({});
    expect(exit).toBe(0);
    expect(out).toContain(
      "mx: a renewal is live 2h 40m after it is there (up to three runs of 10m, propagation 5m, wait 2h 5m, proof 30s), " +
        "and has about 30d until the old certificate",
    );
  });

  test("refuses a TTL of a day for a certificate of 160 hours, at its place, with the largest that would do", async () => {
    world.install(await living(160));
    const { exit, out } = await check({ defaults: 'ttl = "1d"' });
    expect(exit).toBe(78);
    expect(out).toMatch(
      /daneward\.toml:4:1: error: defaults\.ttl: with a TTL of 1d a rollover does not fit: a certificate that lives 6d 16h is renewed about 2d 5h before its end, and a rollover takes 2d 35m, or 4d 40m when its wait starts again once; /,
    );
    expect(out).toContain('hint: write ttl = "13h" or less; or take the wait off the way');
    const fitting = await check({ defaults: 'ttl = "13h"' });
    expect(fitting.exit).toBe(0);
  });

  test("names the certificate's own TTL, or the certificate when nothing was written", async () => {
    world.install(await living(160));
    const own = await check({ certificate: 'ttl = "2d"' });
    expect(own.out).toContain("daneward.toml:13:1: error: certificate.mx.ttl: with a TTL of 2d");
    world.install(await living(6));
    const builtIn = await check({});
    expect(builtIn.exit).toBe(78);
    expect(builtIn.out).toContain("error: certificate.mx: with a TTL of 1h a rollover does not fit");
    expect(builtIn.out).toContain("hint: no TTL is small enough: take the wait off the way");
  });

  test("says whom an expired certificate would hurt", async () => {
    world.install(await living(160));
    expect((await check({ defaults: 'ttl = "1d"' })).out).toContain(
      "mail servers that check DANE ignore the expiry date",
    );
    expect((await check({ defaults: 'ttl = "1d"', service: "443" })).out).toContain(
      "browsers and mail programs would see",
    );
  });

  test("lets any TTL pass when the last renewal kept its records", async () => {
    const first = await living(160);
    world.serve(first);
    world.install(first);
    await tick(world.input());
    world.install(await living(161, first.privateKeyPem));
    const { exit, out } = await check({ defaults: 'ttl = "1d"' });
    expect(exit).toBe(0);
    expect(out).toContain(
      "mx: a renewal is live 10m 30s after it is there (up to a run of 10m, proof 30s), as long as it keeps its records",
    );
  });

  test("as JSON gives the numbers", async () => {
    world.install(await living(160));
    const { out } = await check({ json: true });
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      deadlines: [
        { name: "mx", verdict: "fits", room: 192_000, need: { wait: 7500, total: 9630 }, largestTtl: 46_800 },
      ],
    });
  });
});
