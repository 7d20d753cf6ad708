import { appendFileSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CertificateConfig, Configuration } from "../../src/config/schema.ts";
import { isIdle, waitingCertificates, wakeCertificate } from "../../src/driver/due.ts";
import { loadRegister, openRegister, readRegister } from "../../src/driver/register.ts";
import type { Register } from "../../src/driver/register.ts";
import { tick } from "../../src/driver/tick.ts";
import { catalogueFile } from "../../src/store/catalogue.ts";
import { dueIndexFile } from "../../src/store/due-index.ts";
import { writeSpool } from "../../src/store/spool.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

let world: FakeWorld;
let file: string;

beforeEach(() => {
  world = createFakeWorld();
  file = path.join(world.root, "daneward.toml");
});
afterEach(() => {
  world.remove();
});

/** Certificates a, b, … with these services. */
function configure(services: Readonly<Record<string, string>>, more = ""): void {
  const tables = Object.entries(services).map(([name, service]) =>
    [
      `[certificate.${name}]`,
      `source = "${path.join(world.root, "live", name)}"`,
      `services = ["${service}"]`,
      `reload = [["/bin/true"]]`,
    ].join("\n"),
  );
  const key = path.join(world.root, "tsig.key");
  const publisher = `[publish.local]\ntype = "rfc2136"\nserver = "127.0.0.1"\nkey_file = "${key}"`;
  const head = `version = 1\ndeploy_root = "${path.join(world.root, "deploy")}"\n${publisher}`;
  writeFileSync(file, `${[head, ...tables, more].join("\n")}\n`);
}

const THREE = { a: "a.example.org:25", b: "b.example.org:25", c: "b.example.org:993" };

async function tickOnce(names: readonly string[] = []): Promise<readonly string[]> {
  const register = await openRegister(world.stateDirectory, file);
  const report = await tick(world.input({ configuration: register.configuration, register, named: names }));
  register.catalogue.close();
  return report.units.map(({ certificate }) => certificate.name);
}

function onDisk(): Register {
  return readRegister(world.stateDirectory, file) ?? expect.fail("no register");
}

const idle = (): boolean => isIdle(world.stateDirectory, file, world.clock());

describe("the register", () => {
  test("on disk says what the configuration says, certificate by certificate", async () => {
    configure(THREE, `[dnssec]\ntrust = "local"`);
    const loaded = await loadRegister(file);
    expect(readRegister(world.stateDirectory, file)).toBeNull();
    await tickOnce();
    const { catalogue, configuration, find, certificate } = onDisk();
    const plain = (one: Configuration): object => ({ ...one, certificates: [...one.certificates] });
    expect(plain(configuration)).toEqual(plain(loaded.configuration));
    expect(["c", "a", "z"].map(find)).toEqual([2, 0, null]);
    expect(certificate(1).services[0]?.label).toBe("b.example.org:25");
    catalogue.close();
  });

  test.each([
    {
      name: "the main file changed",
      change: () => {
        appendFileSync(file, "# changed\n");
      },
    },
    {
      name: "the main file was touched",
      change: () => {
        utimesSync(file, 1, 1);
      },
    },
    {
      name: "a folder conf.d appeared",
      change: () => {
        writeFileSync(path.join(world.root, "conf.d"), "");
      },
    },
    {
      name: "it is gone",
      change: () => {
        rmSync(catalogueFile(world.stateDirectory));
      },
    },
    {
      name: "it is no such file",
      change: () => {
        writeFileSync(catalogueFile(world.stateDirectory), "{}");
      },
    },
  ])("is not used when $name, and made anew", async ({ change }) => {
    configure(THREE);
    await tickOnce();
    expect(idle()).toBe(true);
    change();
    expect(readRegister(world.stateDirectory, file)).toBeNull();
    expect(idle()).toBe(false);
    await tickOnce();
    expect(idle()).toBe(true);
    onDisk().catalogue.close();
  });

  test("is not used for another main file", async () => {
    configure(THREE);
    await tickOnce();
    expect(readRegister(world.stateDirectory, path.join(world.root, "other.toml"))).toBeNull();
  });

  test("damaged in a certificate that is due is thrown away, and the tick goes on with the configuration", async () => {
    configure(THREE);
    await tickOnce();
    const cache = catalogueFile(world.stateDirectory);
    const text = readFileSync(cache);
    const at = text.indexOf("b.example.org:25");
    text.writeUInt8(text.readUInt8(at) ^ 1, at);
    writeFileSync(cache, text);
    world.advance(10);
    expect(await tickOnce(["b"])).toEqual(["b"]);
    expect(await tickOnce(["a"])).toEqual(["a"]);
    expect(onDisk().certificate(1).services[0]?.label).toBe("b.example.org:25");
  });

  test("of a configuration that is faulty is not made, and the old one is not used", async () => {
    configure(THREE);
    await tickOnce();
    appendFileSync(file, "nonsense\n");
    await expect(tickOnce()).rejects.toMatchObject({ code: "CONFIG_SYNTAX" });
    expect(idle()).toBe(false);
  });

  test("refuses a name that is not configured, and names some that are", async () => {
    configure(Object.fromEntries(Array.from({ length: 14 }, (_, at) => [`c${String(at)}`, `h${String(at)}.test:25`])));
    await expect(tickOnce(["mz"])).rejects.toMatchObject({
      code: "CERTIFICATE_UNKNOWN",
      hint: expect.stringMatching(/^configured: c0, .*, c9 and 4 more$/) as string,
    });
  });
});

describe("after a change of the configuration", () => {
  test.each([
    { name: "a comment", now: THREE, more: "# only a comment", looked: [] },
    { name: "a new certificate", now: { ...THREE, d: "d.example.org:25" }, more: "", looked: ["d"] },
    { name: "a changed certificate", now: { ...THREE, a: "a.example.org:465" }, more: "", looked: ["a"] },
    { name: "another order", now: { c: THREE.c, b: THREE.b, a: THREE.a }, more: "", looked: [] },
    { name: "fewer certificates", now: { b: THREE.b, c: THREE.c }, more: "", looked: [] },
    { name: "what all share", now: THREE, more: `[dnssec]\nsha1 = false`, looked: ["a", "b", "c"] },
    { name: "a sharer", now: { ...THREE, d: THREE.b }, more: "", looked: ["b", "d"] },
  ])("$name: those are looked at whom it concerns", async ({ now, more, looked }) => {
    configure(THREE);
    expect(await tickOnce()).toEqual(["a", "b", "c"]);
    expect(await tickOnce()).toEqual([]);
    world.advance(1);
    configure(now, more);
    expect(await tickOnce()).toEqual(looked);
    expect(idle()).toBe(true);
  });

  test("a certificate whose companion is gone is looked at", async () => {
    configure({ ...THREE, d: THREE.b });
    await tickOnce();
    configure(THREE);
    expect(await tickOnce()).toEqual(["b"]);
  });
});

describe("the index", () => {
  test("lost or damaged, has everything looked at", async () => {
    configure(THREE);
    await tickOnce();
    rmSync(dueIndexFile(world.stateDirectory));
    expect(idle()).toBe(false);
    expect(await tickOnce()).toEqual(["a", "b", "c"]);
    writeFileSync(dueIndexFile(world.stateDirectory), "damaged");
    expect(await tickOnce()).toEqual(["a", "b", "c"]);
    expect(idle()).toBe(true);
  });

  test("wakes one certificate by name, and says what the others wait for", async () => {
    configure(THREE);
    await tickOnce();
    wakeCertificate(world.stateDirectory, "b");
    const { listed, others } = waitingCertificates(world.stateDirectory, new Set(["a"]), 20);
    expect(listed.map(({ certificate, wakeAt }) => [certificate, wakeAt === 0])).toEqual([
      ["b", true],
      ["c", false],
    ]);
    expect(others).toBe(0);
    expect(waitingCertificates(world.stateDirectory, new Set(["a"]), 1).others).toBe(2);
    expect(await tickOnce()).toEqual(["b"]);
  });

  test.each([
    { note: (one: CertificateConfig) => (one.source.kind === "directory" ? one.source.path : ""), domains: [] },
    { note: () => "/elsewhere", domains: ["B.example.org"] },
  ])("finds whom a hook's note is about", async ({ note, domains }) => {
    configure({ a: "a.example.org:25", b: "b.example.org:25" });
    await tickOnce();
    const register = onDisk();
    const source = note(register.certificate(1));
    register.catalogue.close();
    writeSpool(world.stateDirectory, { client: "certbot", at: world.clock(), source, domains });
    expect(idle()).toBe(false);
    expect(await tickOnce()).toEqual(["b"]);
    expect(idle()).toBe(true);
  });
});
