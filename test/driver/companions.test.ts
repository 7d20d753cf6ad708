import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fault } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import type { CertificateConfig, Configuration } from "../../src/config/schema.ts";
import { formatTlsa } from "../../src/dns/rdata.ts";
import { clashOf, groupSharing } from "../../src/driver/companions.ts";
import { indexSharers } from "../../src/driver/sharers.ts";
import { observeEndpoints } from "../../src/driver/endpoints.ts";
import type { LookContext } from "../../src/driver/endpoints.ts";
import { digestsOf } from "../../src/driver/facts.ts";
import { tick } from "../../src/driver/tick.ts";
import type { TickInput } from "../../src/driver/tick.ts";
import type { Look, World } from "../../src/driver/world.ts";
import { readCertificate } from "../../src/pki/certificate.ts";
import { issueCertificate, newPrivateKeyPem } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import { parsePem } from "../../src/pki/pem.ts";
import type { CertificateDigests, KeyKind } from "../../src/rollover/chain.ts";
import { recordText } from "../../src/rollover/chain.ts";
import { clientAccepts } from "../../src/rollover/records.ts";
import { loadState } from "../../src/store/store.ts";
import { createFakeWorld, nameOf, START } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

/** Two units of one service: "mx" with RSA keys, "mx-ec" with ECDSA keys. */
interface Pair {
  readonly configuration: Configuration;
  readonly rsa: CertificateConfig;
  readonly ecdsa: CertificateConfig;
  readonly looks: Look[];
  /** The records of each update that added some. */
  readonly additions: (readonly string[])[];
  readonly install: (certificate: CertificateConfig, issued: IssuedCertificate) => void;
  /** As `install`, and the service presents it already. */
  readonly begin: (certificate: CertificateConfig, issued: IssuedCertificate) => void;
  readonly tick: () => Promise<void>;
}

const SOURCES = { mx: "live", "mx-ec": "live-ec" } as const;
const CACHED_MS = 60_000;

let world: FakeWorld;
let pair: Pair;

beforeEach(() => {
  world = createFakeWorld();
  pair = makePair(world);
});
afterEach(() => {
  world.remove();
});

function servedFile(kind: KeyKind): string {
  return path.join(world.root, kind === "rsa" ? "served.pem" : "served-ec.pem");
}

function served(kind: KeyKind): readonly Uint8Array[] {
  const file = servedFile(kind);
  const blocks = existsSync(file) ? parsePem(readFileSync(file, "utf8")) : null;
  return blocks?.ok === true ? blocks.value.map(({ bytes }) => bytes) : [];
}

function makePair(base: FakeWorld): Pair {
  const rsa = base.certificate;
  const deploy = path.join(base.root, "deploy", "mx-ec");
  const ecdsa: CertificateConfig = {
    ...rsa,
    name: "mx-ec",
    source: { kind: "directory", path: path.join(base.root, SOURCES["mx-ec"]) },
    deploy,
    reload: [["/bin/cp", path.join(deploy, "fullchain.pem"), servedFile("ecdsa")]],
  };
  mkdirSync(path.join(base.root, SOURCES["mx-ec"]));
  const configuration = { ...base.configuration, certificates: [rsa, ecdsa] };
  const looks: Look[] = [];
  const additions: (readonly string[])[] = [];
  const install = ({ name }: CertificateConfig, issued: IssuedCertificate): void => {
    const folder = path.join(base.root, name === "mx" ? SOURCES.mx : SOURCES["mx-ec"]);
    writeFileSync(path.join(folder, "privkey.pem"), issued.privateKeyPem, { mode: 0o600 });
    writeFileSync(path.join(folder, "fullchain.pem"), issued.chainPem);
  };
  const held: { readonly at: number; readonly records: readonly string[] }[] = [];
  return {
    configuration,
    rsa,
    ecdsa,
    looks,
    additions,
    install,
    begin: (certificate, issued) => {
      install(certificate, issued);
      writeFileSync(servedFile(certificate.name === "mx" ? "rsa" : "ecdsa"), issued.chainPem);
    },
    tick: async () => {
      await tick(inputOf(base, configuration, looks, additions, held));
      witness(held);
    },
  };
}

function inputOf(
  base: FakeWorld,
  configuration: Configuration,
  looks: Look[],
  additions: (readonly string[])[],
  held: { readonly at: number; readonly records: readonly string[] }[],
): TickInput {
  const plain = base.input().makeWorld(configuration, base.clock, new AbortController().signal);
  const both: World = {
    ...plain,
    probe: (_endpoint, _address, _signal, look) => {
      looks.push(look);
      const kinds: readonly KeyKind[] = look.look === "one-kind" ? [look.kind] : ["ecdsa", "rsa"];
      const found = kinds.map(served).filter((certificates) => certificates.length > 0);
      if (found.length === 0) return Promise.resolve([{ outcome: "failed", fault: fault("TLS_FAILED", "refused") }]);
      return Promise.resolve(
        found.map((certificates) => ({ outcome: "served", certificates, tlsVersion: "TLSv1.3" }) as const),
      );
    },
    publisher: async (config) => {
      const publisher = await plain.publisher(config);
      return {
        ...publisher,
        apply: async (change) => {
          if (change.add.length > 0) additions.push(change.add.map(formatTlsa).sort());
          const done = await publisher.apply(change);
          held.push({ at: base.clock(), records: [...base.records] });
          return done;
        },
      };
    },
  };
  return base.input({ configuration, makeWorld: () => both });
}

/** Every RRset that was served within its TTL must match what the clients of either kind are presented. */
function witness(held: { readonly at: number; readonly records: readonly string[] }[]): void {
  const now = world.clock();
  const sets = held.filter(({ at }, index) => {
    const replaced = held[index + 1]?.at;
    return at <= now && (replaced === undefined || replaced + CACHED_MS > now);
  });
  for (const kind of ["rsa", "ecdsa"] as const) {
    const chain = digests(served(kind));
    for (const { records } of sets) {
      const accepted = clientAccepts(records.map(recordText), chain);
      expect(chain.length === 0 || accepted, `${kind} under ${records.join(", ")}`).toBe(true);
    }
  }
}

function digests(certificates: readonly Uint8Array[]): readonly CertificateDigests[] {
  return certificates.map((der) => {
    const read = readCertificate(der);
    if (!read.ok) throw new Error(read.fault.message);
    return digestsOf(read.value);
  });
}

function recordOf(issued: IssuedCertificate): string {
  const [leaf] = digests([issued.der]);
  return `3 1 1 ${leaf?.spkiSha256 ?? ""}`;
}

async function issue(kind: "rsa" | "ecdsa", issuer?: IssuedCertificate): Promise<IssuedCertificate> {
  const privateKeyPem = newPrivateKeyPem(kind === "rsa" ? "rsa-2048" : "ec-p256");
  return issueCertificate({
    subject: "CN=mx.example.org",
    dnsNames: ["mx.example.org"],
    notBefore: instant(START - 3_600_000),
    notAfter: instant(START + 90 * 86_400_000),
    privateKeyPem,
    ...(issuer === undefined ? {} : { issuer }),
  });
}

function phaseOf(certificate: CertificateConfig): string {
  return loadState(world.stateDirectory, certificate.name)?.state.phase.phase ?? "none";
}

function refusalsOf(certificate: CertificateConfig): readonly { readonly code: string; readonly detail: string }[] {
  return loadState(world.stateDirectory, certificate.name)?.refusals ?? [];
}

function bothStable(): boolean {
  return [pair.rsa, pair.ecdsa].every((one) => phaseOf(one) === "stable" && existsSync(one.deploy));
}

async function tickUntil(done: () => boolean, patience = 7200): Promise<void> {
  for (let waited = 0; !done(); waited += 10) {
    if (waited > patience) {
      const said = [...refusalsOf(pair.rsa), ...refusalsOf(pair.ecdsa)].map(({ code, detail }) => `${code} ${detail}`);
      throw new Error(`still ${phaseOf(pair.rsa)} and ${phaseOf(pair.ecdsa)}: ${said.join("; ")}`);
    }
    await pair.tick();
    if (!done()) world.advance(10);
  }
}

async function settled(): Promise<readonly [IssuedCertificate, IssuedCertificate]> {
  const [rsa, ecdsa] = [await issue("rsa"), await issue("ecdsa")];
  pair.begin(pair.rsa, rsa);
  pair.begin(pair.ecdsa, ecdsa);
  await tickUntil(() => bothStable() && world.records.size === 2);
  return [rsa, ecdsa];
}

describe("an RSA and an ECDSA certificate of one service", () => {
  test("get their first records in one update, whichever comes first", async () => {
    const [rsa, ecdsa] = await settled();
    const both = [recordOf(rsa), recordOf(ecdsa)].sort();
    expect(pair.additions[0]).toEqual(both);
    expect([...world.records].sort()).toEqual(both);
  });

  test("end with one record each of their own", async () => {
    const [rsa, ecdsa] = await settled();
    // Each looks once more: the one takes over what the other published for it, and that one lets go.
    for (let hour = 0; hour < 2; hour++) {
      world.advance(3601);
      await pair.tick();
    }
    const ours = [pair.rsa, pair.ecdsa].map(
      ({ name }) => loadState(world.stateDirectory, name)?.state.owners.flatMap((owner) => owner.ours) ?? [],
    );
    expect(ours).toEqual([[recordOf(rsa)], [recordOf(ecdsa)]]);
  });

  test("the first one waits while the other is not there yet, and names it", async () => {
    pair.begin(pair.rsa, await issue("rsa"));
    writeFileSync(servedFile("ecdsa"), (await issue("ecdsa")).chainPem);
    for (let minute = 0; minute < 5; minute++) {
      await pair.tick();
      world.advance(60);
    }
    expect(world.records.size).toBe(0);
    expect(refusalsOf(pair.rsa).map(({ code }) => code)).toContain("FIRST_SET_WITHOUT_LIVE");
    pair.begin(pair.ecdsa, await issue("ecdsa"));
    await tickUntil(() => world.records.size === 2 && bothStable());
  });

  test("roll one after the other, and neither touches the other's record", async () => {
    const [, ecdsa] = await settled();
    const renewed = await issue("rsa");
    pair.install(pair.rsa, renewed);
    world.advance(1);
    await pair.tick();
    expect(phaseOf(pair.rsa)).toBe("aging");
    expect(phaseOf(pair.ecdsa)).toBe("stable");
    await tickUntil(() => bothStable() && served("rsa")[0] !== undefined && world.records.has(recordOf(renewed)));
    await tickUntil(() => bothStable() && world.records.size === 2);
    expect([...world.records].sort()).toEqual([recordOf(renewed), recordOf(ecdsa)].sort());
    const next = await issue("ecdsa");
    pair.install(pair.ecdsa, next);
    world.advance(1);
    await pair.tick();
    await tickUntil(() => bothStable() && world.records.size === 2);
    expect([...world.records].sort()).toEqual([recordOf(renewed), recordOf(next)].sort());
  });

  test("roll at the same moment", async () => {
    await settled();
    const [rsa, ecdsa] = [await issue("rsa"), await issue("ecdsa")];
    pair.install(pair.rsa, rsa);
    pair.install(pair.ecdsa, ecdsa);
    world.advance(1);
    await pair.tick();
    expect(world.records.size).toBe(4);
    await tickUntil(() => bothStable() && world.records.size === 2);
    expect([...world.records].sort()).toEqual([recordOf(rsa), recordOf(ecdsa)].sort());
    expect([pair.rsa, pair.ecdsa].flatMap(refusalsOf)).toEqual([]);
  });

  test("are asked for apart at rest, so that no handshake is refused", async () => {
    await settled();
    world.advance(3601);
    pair.looks.length = 0;
    await pair.tick();
    expect(pair.looks).toEqual([
      { look: "one-kind", kind: "rsa" },
      { look: "one-kind", kind: "ecdsa" },
    ]);
  });

  test("an issuer's record that both need stays until the last one has left that issuer", async () => {
    world.remove();
    world = createFakeWorld({ parameters: [{ usage: 2, selector: 1, matchingType: 1 }] });
    pair = makePair(world);
    const authority = async (name: string): Promise<IssuedCertificate> => {
      const made = await issueCertificate({
        subject: `CN=${name}`,
        authority: {},
        notBefore: instant(START - 3_600_000),
        notAfter: instant(START + 900 * 86_400_000),
      });
      return { ...made, chainPem: made.pem };
    };
    const [old, fresh] = [await authority("Old"), await authority("New")];
    const under = async (kind: "rsa" | "ecdsa", issuer: IssuedCertificate): Promise<IssuedCertificate> => {
      const leaf = await issue(kind, issuer);
      return { ...leaf, chainPem: leaf.pem + issuer.pem };
    };
    const of = (issuer: IssuedCertificate): string => recordOf(issuer).replace("3 1 1", "2 1 1");
    pair.begin(pair.rsa, await under("rsa", old));
    pair.begin(pair.ecdsa, await under("ecdsa", old));
    await tickUntil(() => bothStable() && world.records.size === 1);
    pair.install(pair.rsa, await under("rsa", fresh));
    world.advance(1);
    await pair.tick();
    await tickUntil(bothStable);
    world.advance(3601);
    await pair.tick();
    await tickUntil(bothStable);
    expect([...world.records].sort()).toEqual([of(old), of(fresh)].sort());
    pair.install(pair.ecdsa, await under("ecdsa", fresh));
    world.advance(1);
    await pair.tick();
    await tickUntil(() => bothStable() && world.records.size === 1);
    expect([...world.records]).toEqual([of(fresh)]);
  });
});

test("a peer without a certificate of this kind is judged by the one that it has", async () => {
  const { chainPem } = await issue("ecdsa");
  writeFileSync(servedFile("ecdsa"), chainPem);
  const looks: Look[] = [];
  const input = inputOf(world, pair.configuration, looks, [], []);
  const context: LookContext = {
    deployed: null,
    known: new Set(),
    sharing: { owners: new Set(pair.rsa.policy.owners), kind: "rsa" },
    before: null,
    isPublished: true,
    now: world.clock(),
  };
  const { signal } = input;
  const there = input.makeWorld(pair.configuration, world.clock, signal);
  const [own] = await observeEndpoints(pair.rsa, there, signal, context);
  const [peer] = await observeEndpoints({ ...pair.rsa, verify: ["192.0.2.99"] }, there, signal, context);
  expect([own, peer].map((seen) => [seen?.own, seen?.presents.outcome])).toEqual([
    [true, "failed"],
    [false, "chain"],
  ]);
  expect(looks).toEqual([
    { look: "one-kind", kind: "rsa" },
    { look: "known-kinds", kinds: ["rsa"] },
  ]);
});

describe("what cannot share a service", () => {
  test("two keys of one kind: both refuse, and nothing is written", async () => {
    pair.begin(pair.rsa, await issue("rsa"));
    pair.install(pair.ecdsa, await issue("rsa"));
    for (let minute = 0; minute < 5; minute++) {
      await pair.tick();
      world.advance(60);
    }
    for (const one of [pair.rsa, pair.ecdsa]) {
      expect(refusalsOf(one).map(({ code }) => code)).toEqual(["SAME_KIND_SHARED"]);
      expect(existsSync(one.deploy)).toBe(false);
    }
    expect(refusalsOf(pair.rsa)[0]?.detail).toBe(
      'certificate "mx" and certificate "mx-ec" both have RSA keys and share mx.example.org:25',
    );
    expect(world.records.size).toBe(0);
    expect(clashOf(pair.rsa, indexSharers(pair.configuration)(pair.rsa))?.code).toBe("SAME_KIND_SHARED");
    pair.begin(pair.ecdsa, await issue("ecdsa"));
    expect(clashOf(pair.rsa, [pair.ecdsa])).toBeNull();
    await tickUntil(() => bothStable() && world.records.size === 2);
  });

  test("a renewal of another kind is refused, and lifted by one of the former kind", async () => {
    const [rsa, ecdsa] = await settled();
    pair.install(pair.rsa, await issue("ecdsa"));
    world.advance(1);
    await pair.tick();
    const refused = refusalsOf(pair.rsa).find(({ code }) => code === "SOURCE_UNUSABLE");
    expect(refused?.detail).toContain("an ECDSA key, the deployed one an RSA key");
    expect([...world.records].sort()).toEqual([recordOf(rsa), recordOf(ecdsa)].sort());
    const good = await issue("rsa");
    pair.install(pair.rsa, good);
    world.advance(60);
    await pair.tick();
    await tickUntil(() => bothStable() && world.records.size === 2);
    expect(world.records).toContain(recordOf(good));
  });
});

describe("a second certificate that nobody manages", () => {
  const alone = (): Promise<unknown> =>
    tick({ ...inputOf(world, world.configuration, pair.looks, pair.additions, []), force: true });

  test("is an alarm that says what it is", async () => {
    pair.begin(pair.rsa, await issue("rsa"));
    for (let minute = 0; minute < 5; minute++) {
      await alone();
      world.advance(60);
    }
    expect(world.records.size).toBe(1);
    writeFileSync(servedFile("ecdsa"), (await issue("ecdsa")).chainPem);
    world.advance(3600);
    await alone();
    const alarm = refusalsOf(pair.rsa).find(({ code }) => code === "SECOND_CERTIFICATE");
    expect(alarm?.detail).toMatch(
      /^mx\.example\.org:25 at 192\.0\.2\.10 also presents an ECDSA certificate \(key [0-9a-f]{8}\) that no record of _25\._tcp\.mx\.example\.org matches$/,
    );
  });

  test("is asked for again without offering kinds that are not there, until an observe interval is over", async () => {
    pair.begin(pair.rsa, await issue("rsa"));
    for (let minute = 0; minute < 5; minute++) {
      await alone();
      world.advance(60);
    }
    pair.looks.length = 0;
    await alone();
    world.advance(1200);
    await alone();
    expect(new Set(pair.looks.map(({ look }) => look))).toEqual(new Set(["known-kinds"]));
    expect(pair.looks[0]).toEqual({ look: "known-kinds", kinds: ["rsa"] });
    world.advance(3601);
    pair.looks.length = 0;
    await alone();
    expect(pair.looks).toEqual([{ look: "every-kind" }]);
  });
});

describe("groups", () => {
  const unit = (name: string, ...owners: readonly string[]): CertificateConfig => ({
    ...world.certificate,
    name,
    policy: { ...world.certificate.policy, owners: owners.map((owner) => nameOf(`_25._tcp.${owner}.example.org`)) },
  });

  test("hold units that share a service, also over a third one", () => {
    const units = [unit("a", "x"), unit("b", "y"), unit("c", "z"), unit("d", "y", "x"), unit("e", "q")];
    const names = groupSharing(units).map((group) => group.map(({ name }) => name));
    expect(names.map((group) => group.join(" ")).sort()).toEqual(["a b d", "c", "e"].sort());
  });
});
