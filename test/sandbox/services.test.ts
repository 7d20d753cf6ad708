import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import { TYPE } from "../../src/dns/iana.ts";
import { encodeTlsa } from "../../src/dns/rdata.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import { openReloadControl } from "../../src/sandbox/control.ts";
import { createLineage } from "../../src/sandbox/lineage.ts";
import type { Lineage } from "../../src/sandbox/lineage.ts";
import { record } from "../../src/sandbox/records.ts";
import { sampleOnce, startSampler } from "../../src/sandbox/sampler.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import { associationFor } from "../../src/tlsa/association.ts";
import { movableClock } from "./world.ts";

const run = promisify(execFile);
const time = movableClock();
const folder = mkdtempSync(path.join(tmpdir(), "daneward-sandbox-"));
let lineage: Lineage;
let sandbox: Sandbox;

beforeAll(async () => {
  lineage = await createLineage(folder, "mx.example.test");
  sandbox = await startSandbox({ clock: time.clock, ttl: seconds(60), deployed: lineage.directory });
});
afterAll(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true });
});

function bytesOf(pem: string): { readonly der: Uint8Array; readonly spki: Uint8Array } {
  const certificate = new X509Certificate(pem);
  return {
    der: Uint8Array.from(certificate.raw),
    spki: Uint8Array.from(certificate.publicKey.export({ type: "spki", format: "der" })),
  };
}

function publish(usage: 2 | 3, pem: string | null): void {
  sandbox.resolver.flush();
  for (const { owner } of sandbox.targets) {
    const rdata =
      pem === null ? null : encodeTlsa(associationFor({ usage, selector: 1, matchingType: 1 }, bytesOf(pem)));
    sandbox.tree.replace(owner, TYPE.TLSA, rdata === null ? [] : [record(owner, TYPE.TLSA, seconds(60), rdata)]);
  }
}

async function verdicts(): Promise<readonly (string | null)[]> {
  return Promise.all(
    sandbox.targets.map((target) =>
      sampleOnce(sandbox.resolver, target).catch(
        (error: unknown) => `error: ${error instanceof Error ? error.message : ""}`,
      ),
    ),
  );
}

async function renewed(): Promise<IssuedCertificate> {
  const issued = await sandbox.authority.issue(["mx.example.test"]);
  await lineage.install(issued);
  return issued;
}

describe("services behind a deployed directory", () => {
  test("without a certificate no handshake works", async () => {
    publish(3, (await sandbox.authority.issue(["elsewhere.example.test"])).pem);
    for (const verdict of await verdicts()) expect(verdict).toMatch(/^error: |^the server/);
  });

  test("the lineage has certbot's shape", async () => {
    await renewed();
    const second = await renewed();
    const links = ["privkey", "cert", "chain", "fullchain"].map((kind) => path.join(lineage.directory, `${kind}.pem`));
    expect(links.map((link) => readlinkSync(link))).toEqual(
      ["privkey", "cert", "chain", "fullchain"].map((kind) => `../../archive/mx.example.test/${kind}2.pem`),
    );
    expect(readFileSync(links[1] ?? "", "utf8")).toBe(second.pem);
    expect(readFileSync(links[3] ?? "", "utf8")).toBe(second.pem + readFileSync(links[2] ?? "", "utf8"));
    const [leaf, issuer] = [new X509Certificate(second.pem), new X509Certificate(readFileSync(links[2] ?? "", "utf8"))];
    expect(leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey)).toBe(true);
    expect(issuer.verify(new X509Certificate(sandbox.authority.rootPem).publicKey)).toBe(true);
  });

  test("a renewal shows only after the reload", async () => {
    const first = await renewed();
    await sandbox.reload();
    publish(3, first.pem);
    expect(await verdicts()).toEqual([null, null]);
    const second = await renewed();
    expect(await verdicts()).toEqual([null, null]);
    publish(3, second.pem);
    expect(await verdicts()).toEqual(Array(2).fill("no TLSA record matches the certificate"));
    await sandbox.reload();
    expect(await verdicts()).toEqual([null, null]);
  });

  test("a reload that fails leaves the old certificate in use", async () => {
    const good = await renewed();
    await sandbox.reload();
    publish(3, good.pem);
    const file = path.join(lineage.directory, "fullchain.pem");
    const kept = readFileSync(file);
    writeFileSync(file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    await expect(sandbox.reload()).rejects.toThrow();
    writeFileSync(file, kept);
    expect(await verdicts()).toEqual([null, null]);
  });

  test("the reload command of another process reaches them, and fails when they fail", async () => {
    let fails = false;
    const control = await openReloadControl(folder, async () => {
      if (fails) throw new Error("bad certificate");
      await sandbox.reload();
    });
    try {
      const issued = await renewed();
      const [program = "", ...words] = control.argv;
      await run(program, words);
      expect(control.count()).toBe(1);
      publish(3, issued.pem);
      expect(await verdicts()).toEqual([null, null]);
      fails = true;
      await expect(run(program, words)).rejects.toMatchObject({ code: 1, stderr: "bad certificate\n" });
    } finally {
      await control.close();
    }
  });

  test("commands sent in one breath with STARTTLS are not carried into TLS", async () => {
    const heard = await new Promise<string>((resolve, reject) => {
      let text = "";
      const socket = connect(sandbox.smtp.port, sandbox.smtp.address, () =>
        socket.write("EHLO x\r\nSTARTTLS\r\nNOOP\r\n"),
      );
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString("latin1");
        if (text.includes("Ready to start TLS")) setImmediate(() => socket.destroy());
      });
      socket.on("error", reject);
      socket.on("close", () => {
        resolve(text);
      });
    });
    expect(heard.endsWith("220 2.0.0 Ready to start TLS\r\n")).toBe(true);
  });
});

describe("the sampler", () => {
  test("usage 2 wants a path to the anchor and the name", async () => {
    const issued = await renewed();
    await sandbox.reload();
    const issuerPem = issued.chainPem.slice(issued.pem.length);
    publish(2, issuerPem);
    expect(await verdicts()).toEqual([null, null]);
    publish(2, issued.pem);
    expect(await verdicts()).toEqual(Array(2).fill("no TLSA record matches the certificate"));
    const elsewhere = await sandbox.authority.issue(["elsewhere.example.test"]);
    await lineage.install(elsewhere);
    await sandbox.reload();
    publish(2, issuerPem);
    expect(await verdicts()).toEqual(Array(2).fill("no TLSA record matches the certificate"));
  });

  test("a name without TLSA records is a failure: DANE would be off", async () => {
    await renewed();
    await sandbox.reload();
    publish(3, null);
    expect(await verdicts()).toEqual(Array(2).fill("no TLSA records: DANE is off"));
  });

  test("an answer that is not validated is a failure", async () => {
    const [target] = sandbox.targets;
    if (target === undefined) throw new Error("the sandbox has no services");
    expect(await sampleOnce(sandbox.tree.primary, target)).toBe("the answer is not DNSSEC-validated");
  });

  test("counts what it saw, while a cache still holds the old record", async () => {
    const first = await renewed();
    await sandbox.reload();
    publish(3, first.pem);
    const taken: (string | null)[] = [];
    const sampler = startSampler({
      resolver: sandbox.resolver,
      targets: sandbox.targets,
      intervalMs: 20,
      clock: time.clock,
      onSample: ({ failure }) => taken.push(failure),
    });
    await expect.poll(() => taken.length).toBeGreaterThan(5);
    expect(taken.filter((failure) => failure !== null)).toEqual([]);
    await renewed();
    await sandbox.reload();
    await expect.poll(() => taken.filter((failure) => failure !== null).length).toBeGreaterThan(3);
    const samples = await sampler.stop();
    expect(samples.map((sample) => sample.failure)).toEqual(taken);
  });
});
