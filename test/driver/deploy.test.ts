import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { X509Certificate, createPrivateKey, createSecretKey } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { readChain, readSource, watchedPaths } from "../../src/driver/chain-files.ts";
import type { ChainFiles } from "../../src/driver/chain-files.ts";
import { deployChain, pruneStore, storeChain, viewStore } from "../../src/driver/deploy.ts";
import { chainIdOf, deploymentFaults, factsOf } from "../../src/driver/facts.ts";
import type { DeployTarget } from "../../src/driver/versions.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";

const NOON = instant(Date.UTC(2026, 10, 22, 12, 0, 0));
const DAY = 86_400_000;
const DANE_EE = { usage: 3, selector: 1, matchingType: 1 } as const;
const DANE_TA = { usage: 2, selector: 1, matchingType: 1 } as const;
const RELOAD = { commands: [["/bin/true"]], options: { path: "/usr/bin:/bin", timeoutMs: 5000 } };

let ca: IssuedCertificate;
let first: IssuedCertificate;
let second: IssuedCertificate;
let folder = "";
let target: DeployTarget;

function issue(names: readonly string[], from: number, to: number): Promise<IssuedCertificate> {
  return issueCertificate({
    subject: "CN=leaf",
    dnsNames: names,
    notBefore: instant(NOON + from * DAY),
    notAfter: instant(NOON + to * DAY),
    issuer: ca,
  });
}

beforeAll(async () => {
  const root = await issueCertificate({
    subject: "CN=root",
    notBefore: instant(NOON - DAY),
    notAfter: instant(NOON + 3650 * DAY),
    authority: {},
  });
  ca = await issueCertificate({
    subject: "CN=intermediate",
    notBefore: instant(NOON - DAY),
    notAfter: instant(NOON + 365 * DAY),
    authority: {},
    issuer: root,
  });
  first = await issue(["mx.example.org"], -1, 90);
  second = await issue(["mx.example.org"], -1, 90);
});
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "daneward-deploy-"));
  target = { link: path.join(folder, "deploy/mx"), keyGroupId: null };
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A certbot-like folder with the given files. */
function lay(files: Readonly<Record<string, string>>, name = "live"): string {
  const directory = path.join(folder, name);
  mkdirSync(directory, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(directory, file), text);
  return directory;
}

function filesOf(issued: IssuedCertificate): ChainFiles {
  const directory = lay({ "fullchain.pem": issued.chainPem, "privkey.pem": issued.privateKeyPem });
  const read = readChain({ kind: "directory", path: directory });
  if (!read.ok) throw new Error(read.fault.message);
  return read.value;
}

describe("reading a source", () => {
  test("takes fullchain.pem, or cert.pem and chain.pem, or single files", () => {
    const whole = filesOf(first);
    expect(whole.certificates.length).toBe(2);
    const parts = lay({ "cert.pem": first.pem, "chain.pem": ca.pem, "privkey.pem": first.privateKeyPem }, "parts");
    const read = readChain({ kind: "directory", path: parts });
    expect(read.ok && read.value.certificates.map(({ subject }) => subject)).toEqual(["CN=leaf", "CN=intermediate"]);
    const single = readChain({
      kind: "files",
      cert: path.join(parts, "cert.pem"),
      chain: null,
      key: path.join(parts, "privkey.pem"),
    });
    expect(single.ok && single.value.certificates.length).toBe(1);
  });

  test.each([
    ["no folder", {}, "FILE_NOT_FOUND"],
    ["no key", { "fullchain.pem": "chain" }, "FILE_NOT_FOUND"],
    ["the key of another certificate", { "fullchain.pem": "chain", "privkey.pem": "other key" }, "SOURCE_INCONSISTENT"],
    ["two server certificates", { "fullchain.pem": "two leaves", "privkey.pem": "key" }, "SOURCE_INCOMPLETE"],
    ["no certificate in the file", { "fullchain.pem": "key", "privkey.pem": "key" }, "SOURCE_INCOMPLETE"],
  ])("with %s is a fault, not an exception", (_, shape, code) => {
    const texts: Readonly<Record<string, string>> = {
      chain: first.chainPem,
      key: first.privateKeyPem,
      "other key": second.privateKeyPem,
      "two leaves": first.pem + second.pem,
    };
    const files = Object.fromEntries(Object.entries(shape).map(([name, what]) => [name, texts[what] ?? ""]));
    const directory = Object.keys(files).length === 0 ? path.join(folder, "nowhere") : lay(files);
    const read = readChain({ kind: "directory", path: directory });
    expect(read.ok ? "read" : read.fault.code).toBe(code);
    if (!read.ok) expect(read.fault.message).toContain(folder);
  });

  test.each(["fullchain.pem", "privkey.pem"])("does not wait at a pipe in the place of %s", (name) => {
    const directory = lay({ "fullchain.pem": first.chainPem, "privkey.pem": first.privateKeyPem });
    rmSync(path.join(directory, name));
    execFileSync("mkfifo", [path.join(directory, name)]);
    const read = readChain({ kind: "directory", path: directory });
    const message = `${path.join(directory, name)}: it is a pipe, not a file`;
    expect(read).toMatchObject({ ok: false, fault: { code: "FILE_UNREADABLE", message } });
  });

  test("looks again while the files do not fit together", async () => {
    const directory = lay({ "fullchain.pem": first.chainPem, "privkey.pem": second.privateKeyPem });
    const reading = readSource({ kind: "directory", path: directory }, { attempts: 50, pauseMs: 10 });
    writeFileSync(path.join(directory, "fullchain.pem"), second.chainPem);
    const read = await reading;
    expect(read.ok && read.value.leaf.spki).toEqual(filesOf(second).leaf.spki);
  });

  test("watches the files of which every renewal writes one, whichever are there", () => {
    const directory = lay({ "fullchain.pem": first.chainPem });
    const names = ["fullchain.pem", "cert.pem"];
    expect(watchedPaths({ kind: "directory", path: directory })).toEqual(
      names.map((name) => path.join(directory, name)),
    );
  });
});

describe("facts about a chain", () => {
  test("name the leaf, its digests and the records of the configured parameters", () => {
    const files = filesOf(first);
    const facts = factsOf(files, [DANE_EE, DANE_TA]);
    const leaf = new X509Certificate(first.pem);
    expect(facts.id).toBe(leaf.fingerprint256.replaceAll(":", "").toLowerCase());
    expect(facts.subject).toBe("mx.example.org");
    expect(facts.records.map((record) => record.slice(0, 5))).toEqual(["2 1 1", "3 1 1"]);
    expect(facts.records[1]).toBe(`3 1 1 ${facts.certificates[0]?.spkiSha256 ?? ""}`);
    expect(facts.records[0]).toBe(`2 1 1 ${facts.certificates[1]?.spkiSha256 ?? ""}`);
  });

  test.each([
    ["a certificate of the future", () => issue(["mx.example.org"], 1, 90), [DANE_EE], ["CERT_NOT_YET_VALID"]],
    ["one that has expired", () => issue(["mx.example.org"], -30, -1), [DANE_EE], ["CERT_EXPIRED"]],
    ["a name that is missing, for 2 1 1", () => issue(["other.example.org"], -1, 9), [DANE_TA], ["CERT_NAME_MISSING"]],
    ["a name that is missing, for 3 1 1", () => issue(["other.example.org"], -1, 9), [DANE_EE], []],
    ["a good one", () => Promise.resolve(first), [DANE_EE, DANE_TA], []],
  ])("and what speaks against deploying: %s", async (_, make, parameters, codes) => {
    const world = createFakeWorld();
    const faults = deploymentFaults(filesOf(await make()), { ...world.certificate, parameters }, NOON);
    world.remove();
    expect(faults.map(({ code }) => code)).toEqual(codes);
  });

  test("find a chain that is out of order or lacks its anchor", () => {
    const world = createFakeWorld();
    const certificate = { ...world.certificate, parameters: [DANE_TA] };
    const files = filesOf(first);
    const stranger = filesOf(second).leaf;
    const disordered = { ...files, certificates: [files.leaf, stranger] };
    expect(deploymentFaults(disordered, certificate, NOON).map(({ code }) => code)).toEqual(["CHAIN_DISORDERED"]);
    const alone = { ...files, certificates: [files.leaf] };
    expect(deploymentFaults(alone, certificate, NOON).map(({ code }) => code)).toEqual(["ANCHOR_NOT_IN_CHAIN"]);
    world.remove();
  });
});

describe("storing and deploying", () => {
  test("shows nothing before the deployment, and a fitting pair after it", async () => {
    const files = filesOf(first);
    storeChain(target, files, NOON);
    const before = viewStore(target, [DANE_EE]);
    expect([before.deployed, before.chains.length]).toEqual([null, 1]);
    const ending = await deployChain(target, chainIdOf(files.leaf), RELOAD);
    expect(ending).toEqual({ flipped: true, reloaded: true, fault: null });
    expect(viewStore(target, [DANE_EE]).deployed?.id).toBe(chainIdOf(files.leaf));
    const combined = readFileSync(path.join(target.link, "combined.pem"), "utf8");
    const key = createPrivateKey(combined);
    expect(new X509Certificate(readFileSync(path.join(target.link, "cert.pem"))).checkPrivateKey(key)).toBe(true);
    expect(combined.indexOf("PRIVATE KEY")).toBeLessThan(combined.indexOf("CERTIFICATE"));
    expect(readFileSync(path.join(target.link, "chain.pem"), "utf8").trim()).toBe(ca.pem.trim());
  });

  test("the same chain twice keeps one copy", () => {
    storeChain(target, filesOf(first), NOON);
    storeChain(target, filesOf(first), instant(NOON + 1000));
    expect(viewStore(target, [DANE_EE]).chains.length).toBe(1);
  });

  test("puts the old chain back as it was", async () => {
    for (const issued of [first, second]) storeChain(target, filesOf(issued), NOON);
    await deployChain(target, chainIdOf(filesOf(second).leaf), RELOAD);
    await deployChain(target, chainIdOf(filesOf(first).leaf), RELOAD);
    expect(viewStore(target, [DANE_EE]).deployed?.id).toBe(chainIdOf(filesOf(first).leaf));
  });

  test("a chain without files is refused and nothing is flipped", async () => {
    storeChain(target, filesOf(first), NOON);
    const ending = await deployChain(target, chainIdOf(filesOf(second).leaf), RELOAD);
    expect([ending.flipped, ending.fault?.code]).toEqual([false, "VERSION_MISSING"]);
  });

  test("a copy that was tampered with is never deployed", async () => {
    const files = filesOf(first);
    storeChain(target, files, NOON);
    const [stored] = viewStore(target, [DANE_EE]).chains;
    writeFileSync(path.join(stored?.version.directory ?? "", "privkey.pem"), second.privateKeyPem);
    expect(viewStore(target, [DANE_EE]).chains).toEqual([]);
    expect((await deployChain(target, chainIdOf(files.leaf), RELOAD)).fault?.code).toBe("VERSION_MISSING");
  });

  test("a failed reload leaves the link flipped and says so", async () => {
    const files = filesOf(first);
    storeChain(target, files, NOON);
    const ending = await deployChain(target, chainIdOf(files.leaf), { ...RELOAD, commands: [["/bin/false"]] });
    expect([ending.flipped, ending.reloaded, ending.fault?.code]).toEqual([true, false, "RELOAD_FAILED"]);
  });

  test("a link of somebody else blocks, before anything is written", async () => {
    mkdirSync(target.link, { recursive: true });
    expect(viewStore(target, [DANE_EE]).blocked?.code).toBe("DEPLOY_BLOCKED");
    storeChain(target, filesOf(first), NOON);
    expect((await deployChain(target, chainIdOf(filesOf(first).leaf), RELOAD)).fault?.code).toBe("DEPLOY_BLOCKED");
  });

  test("prunes by chain, keeping the last two", () => {
    const chains = [first, second];
    chains.forEach((issued, at) => {
      storeChain(target, filesOf(issued), instant(NOON + at * 1000));
    });
    expect(pruneStore(target, [])).toEqual([]);
    expect(createSecretKey(filesOf(first).key.reveal()).symmetricKeySize).toBeGreaterThan(0);
    expect(JSON.stringify(filesOf(first).key)).toBe('"[secret]"');
  });
});
