/** The file that tells something else when it may bring the renewed certificate to its servers. */
import { createHash, X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tick } from "../../src/driver/tick.ts";
import { loadState } from "../../src/store/store.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

let folder = "";
let holdFile = "";
let world: FakeWorld;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "daneward-hold-"));
  holdFile = path.join(folder, "ready/mx");
  world = createFakeWorld({ holdFile, reload: [] });
});
afterEach(() => {
  world.remove();
  rmSync(folder, { recursive: true, force: true });
});

function phase(): string {
  return loadState(world.stateDirectory, "mx")?.state.phase.phase ?? "none";
}

/** What `openssl x509 -outform DER | sha256sum` says of the first certificate. */
function fingerprint(chainPem: string): string {
  return `${createHash("sha256").update(new X509Certificate(chainPem).raw).digest("hex")}\n`;
}

/** Ticks, and copies the source's certificate to the server as soon as the file names it. */
async function tickUntil(done: () => boolean, chainPem: string): Promise<void> {
  for (let turn = 0; !done(); turn++) {
    if (turn > 400) throw new Error(`still ${phase()}`);
    await tick(world.input());
    if (existsSync(holdFile) && readFileSync(holdFile, "utf8") === fingerprint(chainPem)) {
      writeFileSync(path.join(world.root, "served.pem"), chainPem);
    }
    world.advance(20);
  }
}

test("is there while the source's certificate may be shown, and away while its records are not yet known", async () => {
  const first = await world.issue();
  world.serve(first);
  world.install(first);
  await tickUntil(() => phase() === "stable" && existsSync(holdFile), first.chainPem);
  expect(readFileSync(holdFile, "utf8")).toBe(fingerprint(first.chainPem));
  expect(statSync(holdFile).mode & 0o777).toBe(0o644);
  const written = statSync(holdFile).ino;
  await tick(world.input());
  expect(statSync(holdFile).ino).toBe(written);

  const renewed = await world.issue();
  world.install(renewed);
  await tick(world.input());
  expect(phase()).toBe("aging");
  expect(existsSync(holdFile)).toBe(false);
  world.advance(100);
  await tick(world.input());
  expect(existsSync(holdFile)).toBe(false);

  await tickUntil(() => world.served() === renewed.chainPem, renewed.chainPem);
  expect(world.records.size).toBe(2);
  await tickUntil(() => phase() === "stable", renewed.chainPem);
  expect(world.records.size).toBe(1);
  expect(readFileSync(holdFile, "utf8")).toBe(fingerprint(renewed.chainPem));
}, 20_000);

test("is taken away when nobody brings the certificate in time and the old one is held", async () => {
  const first = await world.issue();
  world.serve(first);
  world.install(first);
  await tickUntil(() => phase() === "stable" && existsSync(holdFile), first.chainPem);
  world.install(await world.issue());
  await tickUntil(() => phase() === "held", first.chainPem);
  await tick(world.input());
  expect(existsSync(holdFile)).toBe(false);
}, 20_000);
