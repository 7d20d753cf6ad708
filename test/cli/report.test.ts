/** `daneward report` and `plan --ics` over a state that whole ticks made. No network: nothing answers at the resolver's port. */
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run as runPlan } from "../../src/cli/commands/plan.ts";
import { run as runReport } from "../../src/cli/commands/report.ts";
import { tick } from "../../src/driver/tick.ts";
import { appendJournal } from "../../src/store/journal.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { recordingIo } from "./recording-io.ts";

let world: FakeWorld;
let config = "";
let folder = "";

const SECRETS = {
  tsig: "c2VjcmV0IG9mIHRoZSBUU0lHIGtleSAwMTIzNDU2Nzg5",
  token: "token-of-the-webhook-0123456789",
};

beforeEach(() => {
  world = createFakeWorld();
  folder = path.join(world.root, "www");
  mkdirSync(folder);
  config = path.join(world.root, "daneward.toml");
  writeFileSync(
    path.join(world.root, "tsig.key"),
    `key "daneward" {\n\talgorithm hmac-sha256;\n\tsecret "${SECRETS.tsig}";\n};\n`,
    { mode: 0o600 },
  );
  writeFileSync(
    config,
    `version = 1
resolver = "127.0.0.1:1"
deploy_root = "${path.join(world.root, "deploy")}"
[notify]
exec = ["/bin/true", "${SECRETS.token}"]
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "tsig.key"
[certificate.mx]
source = "live"
services = ["mx.example.org:25"]
reload = ["/bin/true"]
`,
  );
});
afterEach(() => {
  world.remove();
});

async function call(options: object = {}, run = runReport): Promise<{ exit: number; out: string; err: string }> {
  const io = recordingIo({ cwd: world.root, clock: world.clock, env: { PATH: "/usr/bin:/bin" } });
  const exit = await run([], { config, stateDir: world.stateDirectory, html: "www", offline: true, ...options }, io);
  return { exit, ...io.said() };
}

async function aRenewalUnderWay(): Promise<void> {
  const issued = await world.issue();
  world.serve(issued);
  world.install(issued);
  await tick(world.input());
  world.advance(30);
  await tick(world.input());
  world.install(await world.issue());
  await tick(world.input());
}

function page(): string {
  return readFileSync(path.join(folder, "index.html"), "utf8");
}

test("as a dry run it names what it would write, and writes nothing", async () => {
  await aRenewalUnderWay();
  const page = path.join(folder, "index.html");
  const said = await call({ dryRun: true });
  expect(said).toMatchObject({ exit: 0, out: "" });
  expect(said.err).toBe(
    `would write ${page} and ${path.join(folder, "daneward.ics")} (1 certificate); nothing was changed (--dry-run)\n`,
  );
  const json = await call({ dryRun: true, json: true });
  const facts = { schema: "daneward/report/1", files: [page, path.join(folder, "daneward.ics")], certificates: 1 };
  expect(JSON.parse(json.out)).toMatchObject({ ...facts, dryRun: true });
  expect(readdirSync(folder)).toEqual([]);
  expect(JSON.parse((await call({ json: true })).out)).toMatchObject({ ...facts, dryRun: false });
  expect(existsSync(page)).toBe(true);
});

describe("daneward report --html", () => {
  test("writes a page and a calendar that everybody may read, says nothing and touches nothing else", async () => {
    await aRenewalUnderWay();
    writeFileSync(path.join(folder, "other.html"), "mine");
    expect(await call()).toEqual({ exit: 0, out: "", err: "" });
    expect(readdirSync(folder).sort()).toEqual(["daneward.ics", "index.html", "other.html"]);
    for (const name of ["daneward.ics", "index.html"]) {
      expect(statSync(path.join(folder, name)).mode & 0o7777).toBe(0o644);
    }
    expect(page()).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    expect(page()).toContain("renewal noticed");
    expect(page()).toContain("CLOCK_RUNNING");
    expect(readFileSync(path.join(folder, "daneward.ics"), "utf8")).toContain("SUMMARY:mx: certificate ends\r\n");
  });

  test("replaces its own page, also where a link stands in for it, and no other", async () => {
    await call();
    const before = page();
    await aRenewalUnderWay();
    await call();
    expect(page()).not.toBe(before);

    const elsewhere = path.join(world.root, "elsewhere.html");
    writeFileSync(elsewhere, "<h1>my home page</h1>");
    const other = path.join(world.root, "other");
    mkdirSync(other);
    symlinkSync(elsewhere, path.join(other, "index.html"));
    await expect(call({ html: "other" })).rejects.toMatchObject({ code: "USAGE" });
    expect(readdirSync(other)).toEqual(["index.html"]);
    expect(readFileSync(elsewhere, "utf8")).toBe("<h1>my home page</h1>");
  });

  test("makes no folder: where it does not exist it says what to type", async () => {
    await expect(call({ html: "none" })).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
      hint: expect.stringContaining("install -d -m 755") as string,
    });
    expect(existsSync(path.join(world.root, "none"))).toBe(false);
    await expect(call({ html: undefined })).rejects.toMatchObject({ code: "USAGE" });
    await expect(call({ html: "tsig.key" })).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });

  test("lets no secret in", async () => {
    await aRenewalUnderWay();
    const key = readFileSync(path.join(world.root, "live", "privkey.pem"), "utf8");
    appendJournal(world.stateDirectory, [
      { at: world.clock(), certificate: "mx", event: "store", detail: { oops: key, token: SECRETS.token } },
    ]);
    await call();
    const written = page() + readFileSync(path.join(folder, "daneward.ics"), "utf8");
    const lines = key.split("\n").filter((line) => line.length > 20 && !line.startsWith("-----"));
    expect(lines.length).toBeGreaterThan(1);
    for (const secret of [...Object.values(SECRETS), ...lines, "PRIVATE KEY"]) expect(written).not.toContain(secret);
  });

  test("when nobody can be asked, says so in place of the chain of trust", async () => {
    await aRenewalUnderWay();
    expect((await call({ offline: false })).exit).toBe(0);
    expect(page()).toMatch(/not looked up.*nobody could be asked \(127\.0\.0\.1:1\)/);
    await call();
    expect(page()).toContain("the page was made from saved state alone (--offline)");
  });

  test("before the first tick has a page too", async () => {
    await call();
    expect(page()).toContain("not looked at yet");
    expect(readFileSync(path.join(folder, "daneward.ics"), "utf8")).toContain("BEGIN:VTIMEZONE");
  });

  test("shows the others beside a state that is damaged", async () => {
    await aRenewalUnderWay();
    writeFileSync(path.join(world.stateDirectory, "certificates", "mx.json"), "torn");
    expect((await call({ offline: false })).exit).toBe(0);
    expect(page()).toContain("state unreadable");
  });

  test("of more certificates than anybody reads has sections of those alone that want attention or are rolling", async () => {
    const more = Array.from({ length: 501 }, (_, index) => {
      return `[certificate.c${String(index)}]\nsource = "live"\nservices = ["h${String(index)}.example.org:25"]\nreload = ["/bin/true"]\n`;
    });
    await aRenewalUnderWay();
    writeFileSync(config, readFileSync(config, "utf8") + more.join(""));
    const saved = readFileSync(path.join(world.stateDirectory, "certificates", "mx.json"), "utf8");
    expect(saved).toContain('"mx"');
    await call();
    expect(page()).toContain('id="cert-mx"');
    expect(page().match(/<th scope="row">/g)?.length).toBeGreaterThanOrEqual(502);
  });
});

describe("daneward plan --ics", () => {
  test("prints the same calendar", async () => {
    await aRenewalUnderWay();
    const { exit, out } = await call({ ics: true }, runPlan);
    expect(exit).toBe(0);
    expect(out).toMatch(/^BEGIN:VCALENDAR\r\n[\s\S]*END:VCALENDAR\r\n$/);
    expect(out).toContain("SUMMARY:mx: certificate ends\r\n");
  });
});
