/** Next keys, published before there is a certificate: our own, dehydrated's, acme.sh's, and what goes wrong with them. */
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { writeFileSync } from "node:fs";
import type { KeyObject } from "node:crypto";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FaultCode } from "../../src/base/errors.ts";
import type { CertificateConfig } from "../../src/config/schema.ts";
import { isIdle } from "../../src/driver/due.ts";
import { observe } from "../../src/driver/observe.ts";
import { requestNames, takeRequestKey } from "../../src/driver/request.ts";
import type { RequestWish, TakenKey } from "../../src/driver/request.ts";
import { subjectOf } from "../../src/driver/rollover-unit.ts";
import { previewTick, tick } from "../../src/driver/tick.ts";
import { listVault, openVaultKey, spkiDigest, vaultOf } from "../../src/driver/vault.ts";
import { publicKeyOf } from "../../src/pki/key.ts";
import { forecastRenewal } from "../../src/rollover/forecast.ts";
import type { Observation } from "../../src/rollover/observation.ts";
import { declareEmergency } from "../../src/rollover/operator.ts";
import type { RolloverState } from "../../src/rollover/state.ts";
import { readJournal } from "../../src/store/journal.ts";
import { loadState, saveState } from "../../src/store/store.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";
import { newKey } from "../fakes/forge.ts";

let world: FakeWorld;

function setUp(changes: Partial<CertificateConfig> = {}): void {
  world = createFakeWorld({ next: "prepublish", ...changes });
}

beforeEach(() => {
  setUp();
});
afterEach(() => {
  world.remove();
});

/** In the source's folder. */
function at(name: string): string {
  return path.join(world.root, "live", name);
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function recordOf(key: KeyObject): string {
  return `3 1 1 ${spkiDigest(publicKeyOf(key))}`;
}

function vault(): string {
  return vaultOf(world.stateDirectory, "mx");
}

function vaultRecords(): readonly string[] {
  return listVault(vault()).map(({ spkiSha256 }) => `3 1 1 ${spkiSha256}`);
}

/** The only key of the vault that is published and not served. */
function ahead(): KeyObject {
  const [only, ...more] = listVault(vault()).filter(({ spkiSha256 }) => standby().includes(spkiSha256));
  if (only === undefined || more.length > 0) throw new Error("not one standby key");
  return openVaultKey(vault(), only).privateKey;
}

function state(): RolloverState {
  const saved = loadState(world.stateDirectory, "mx");
  if (saved === null) throw new Error("no state");
  return saved.state;
}

/** What the last look said against something, in words; empty: nothing. */
function refusalOf(refused: FaultCode): string {
  const refusals = loadState(world.stateDirectory, "mx")?.refusals ?? [];
  return refusals.find(({ code }) => code === refused)?.detail ?? "";
}

function sourceProblem(): string {
  return refusalOf("SOURCE_UNUSABLE");
}

function standby(): readonly string[] {
  return state().standby.map(({ spkiSha256 }) => spkiSha256);
}

async function ticks(count: number, apart: number): Promise<void> {
  for (let done = 0; done < count; done++) {
    await tick(world.input({ named: ["mx"] }));
    world.advance(apart);
  }
}

/** Looks again and again, `apart` seconds later each time, until it is so. */
async function tickUntil(what: string, done: () => boolean, apart = 40): Promise<void> {
  for (let looks = 0; looks < 60; looks++) {
    await tick(world.input({ named: ["mx"] }));
    if (done()) return;
    world.advance(apart);
  }
  throw new Error(`not so after sixty looks: ${what}`);
}

/** Until every cache has forgotten what is not published any more, and the state knows. */
async function settle(): Promise<void> {
  world.advance(400);
  await ticks(2, 1);
}

const isAtRest = (): boolean => state().phase.phase === "stable" && existsSync(world.certificate.deploy);

/** A certificate for `key` where the source points, the key itself left where it is. */
async function issueFor(key: KeyObject, days?: number): Promise<string> {
  const { chainPem } = await world.issue({ privateKeyPem: pemOf(key), ...(days === undefined ? {} : { days }) });
  writeFileSync(
    world.certificate.source.kind === "files" ? world.certificate.source.cert : at("fullchain.pem"),
    chainPem,
  );
  return chainPem;
}

/** The first certificate, with a key of its own in the source, deployed and at rest, the next key known everywhere. */
async function establish(): Promise<KeyObject> {
  const key = newKey();
  writeFileSync(at("privkey.pem"), pemOf(key), { mode: 0o600 });
  await establishWith(key);
  return key;
}

async function establishWith(key: KeyObject): Promise<void> {
  writeFileSync(path.join(world.root, "served.pem"), await issueFor(key));
  await tickUntil("the first deployment", () => isAtRest() && world.records.size === 2);
  await settle();
}

function request(wish: Partial<RequestWish> = {}): Promise<TakenKey> {
  const { certificate, stateDirectory, clock } = world;
  return takeRequestKey({ certificate, stateDirectory, clock, type: null, fresh: false, who: "ann", ...wish });
}

/** Nothing on disk but the vault and what is deployed may hold a private key. */
function keyFilesElsewhere(): readonly string[] {
  const all = readdirSync(world.stateDirectory, { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(path.join(world.stateDirectory, "vault")))
    .filter((file) => readFileSync(file, "utf8").includes("PRIVATE KEY"));
}

describe("a key of our own", () => {
  test("is made, in the vault and published beside the current one, and then left alone", async () => {
    const current = await establish();
    const next = ahead();
    expect([...world.records].sort()).toEqual([recordOf(current), recordOf(next)].sort());
    expect(vaultRecords()).toEqual([recordOf(next)]);
    const [file = ""] = world.configuration.watched;
    await tick(world.input());
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(true);
    expect(keyFilesElsewhere()).toEqual([]);
  });

  test("is deployed the moment its certificate is there, without the client having the key", async () => {
    const current = await establish();
    const next = ahead();
    const { key, announced, made } = await request();
    expect([key.privateKey.equals(next), announced, made]).toEqual([true, "everywhere", false]);
    const chain = await issueFor(next);
    await tick(world.input());
    expect(world.served()).toBe(chain);
    expect(readFileSync(path.join(world.certificate.deploy, "privkey.pem"), "utf8")).toBe(pemOf(next));
    await tickUntil("the old record is gone", () => !world.records.has(recordOf(current)) && isAtRest());
    expect([...world.records].sort()).toEqual([recordOf(next), recordOf(ahead())].sort());
    expect(ahead().equals(next)).toBe(false);
    expect(keyFilesElsewhere()).toEqual([]);
  });

  test("leaves the vault when its chain is gone and no cache can know its record any more", async () => {
    await establish();
    const generations: string[] = [];
    for (let round = 0; round < 2; round++) {
      const next = ahead();
      generations.push(recordOf(next));
      await issueFor(next);
      await tickUntil("a roll is over", () => isAtRest() && world.records.size === 2, 300);
      await settle();
    }
    const [first = "", second = ""] = generations;
    expect([...vaultRecords()].sort()).toEqual([second, recordOf(ahead())].sort());
    const removed = readJournal(world.stateDirectory, "mx").entries.filter(({ event }) => event === "keys-removed");
    expect(removed.flatMap(({ detail }) => detail["keys"])).toContain(first.slice("3 1 1 ".length));
  });

  test("is not made in a dry run", async () => {
    const key = newKey();
    writeFileSync(at("privkey.pem"), pemOf(key), { mode: 0o600 });
    writeFileSync(path.join(world.root, "served.pem"), await issueFor(key));
    await previewTick(world.input());
    expect(existsSync(vault())).toBe(false);
  });

  test("of the kind that the certificate has", async () => {
    const rsa = await world.issue({ privateKeyPem: pemOf((await request({ type: "rsa-2048" })).key.privateKey) });
    writeFileSync(path.join(world.root, "served.pem"), rsa.chainPem);
    writeFileSync(at("fullchain.pem"), rsa.chainPem);
    await tickUntil("the first deployment", () => isAtRest() && world.records.size === 2);
    expect(ahead().asymmetricKeyDetails?.modulusLength).toBe(2048);
  });

  test("whose file is lost is replaced by another, and its record stays until that one is known everywhere", async () => {
    await establish();
    const lost = ahead();
    rmSync(vault(), { recursive: true });
    await tick(world.input({ named: ["mx"] }));
    expect(vaultRecords()).toHaveLength(1);
    expect([...world.records]).toEqual(expect.arrayContaining([recordOf(lost), ...vaultRecords()]));
    await tickUntil("the lost key's record is gone", () => !world.records.has(recordOf(lost)) && isAtRest(), 200);
    expect(world.records.size).toBe(2);
  });

  test("that others could read is neither used nor withdrawn, and another is not made", async () => {
    await establish();
    const next = ahead();
    const folder = vault();
    renameSync(folder, `${folder}.real`);
    symlinkSync(`${folder}.real`, folder);
    await ticks(2, 300);
    expect(world.records).toContain(recordOf(next));
    expect(standby()).toEqual([spkiDigest(publicKeyOf(next))]);
    expect(readdirSync(`${folder}.real`)).toHaveLength(1);
    expect(refusalOf("NEXT_KEY_UNUSABLE")).toBe(`${folder} is a link`);
  });
});

describe("the timetable of the next renewal", () => {
  test("has no wait for a key that is published ahead, and one without", async () => {
    await establish();
    const { certificate, clock, configuration } = world;
    const seen = world.input().makeWorld(configuration, clock, new AbortController().signal);
    const subject = subjectOf({ ...world.input(), world: seen, sharers: () => [] }, certificate);
    const { observation } = await observe(subject);
    const swapAfter = (standby: Partial<Observation>): number => {
      const at = clock();
      const entries = forecastRenewal(
        { ...state(), standby: [] },
        { ...observation, ...standby },
        certificate.policy,
        at,
      );
      return ((entries.find(({ event }) => event === "deploy")?.at ?? Infinity) - at) / 1000;
    };
    expect(swapAfter({})).toBe(0);
    expect(swapAfter({ standby: { outcome: "keys", keys: [] } })).toBeGreaterThanOrEqual(120);
  });
});

describe("in an emergency", () => {
  test("the key ahead takes the place of the compromised one at once, and that one's record goes", async () => {
    const current = await establish();
    const next = ahead();
    const saved = loadState(world.stateDirectory, "mx");
    const declared = saved === null ? null : declareEmergency(saved.state, world.clock(), "stolen (ann)");
    if (saved === null || declared?.ok !== true) throw new Error("no emergency");
    saveState(world.stateDirectory, { ...saved, state: declared.value });
    const { key } = await request();
    expect(key.privateKey.equals(next)).toBe(true);
    const chain = await issueFor(next);
    await tick(world.input());
    expect(world.served()).toBe(chain);
    // Two rounds of proof, five seconds apart, and a minute for workers that are late: no margin for a way back.
    for (let seconds = 0; seconds < 80; seconds += 10) {
      world.advance(10);
      await tick(world.input());
    }
    expect(world.records).not.toContain(recordOf(current));
    expect(world.records).toContain(recordOf(next));
  });
});

describe("requests", () => {
  test("are for the same key until a certificate bears it, and the key is awaited meanwhile", async () => {
    await establish();
    const first = await request();
    expect(listVault(vault())).toEqual([{ spkiSha256: first.key.spkiSha256, standing: "awaited" }]);
    expect((await request()).key.spkiSha256).toBe(first.key.spkiSha256);
    await issueFor(first.key.privateKey);
    await tickUntil("its roll is over", () => isAtRest() && world.records.size === 2);
    const second = await request();
    expect(second.key.spkiSha256).not.toBe(first.key.spkiSha256);
    expect(second.made).toBe(false);
    expect(listVault(vault())).toContainEqual({ spkiSha256: first.key.spkiSha256, standing: "kept" });
  });

  test("for another kind of key make one, which takes the place of the one that is published", async () => {
    await establish();
    const former = ahead();
    const { key, made, announced } = await request({ type: "ec-p384" });
    expect([key.algorithm, made, announced]).toEqual(["EC P-384", true, "not-published"]);
    await tick(world.input());
    expect([...world.records]).toEqual(expect.arrayContaining([recordOf(former), recordOf(key.privateKey)]));
    await tickUntil("the former key's record is gone", () => !world.records.has(recordOf(former)), 200);
    expect((await request()).announced).toBe("everywhere");
  });

  test("for a new key give the earlier one up", async () => {
    await establish();
    const first = await request();
    const second = await request({ fresh: true });
    expect(second.givenUp).toEqual([first.key.spkiSha256]);
    await tickUntil("the earlier key is forgotten", () => vaultRecords().length === 1, 200);
    expect(vaultRecords()).toEqual([recordOf(second.key.privateKey)]);
    expect([...world.records]).toContain(recordOf(second.key.privateKey));
  });

  test("work before there is any certificate, and without publishing ahead", async () => {
    world.remove();
    setUp({ next: "on-renewal" });
    const { key, made, announced } = await request();
    expect([made, announced, key.algorithm]).toEqual([true, "not-published", "EC P-256"]);
    const chain = await issueFor(key.privateKey);
    writeFileSync(path.join(world.root, "served.pem"), chain);
    await tickUntil("the first deployment", () => isAtRest() && world.records.size === 1);
    expect([...world.records]).toEqual([recordOf(key.privateKey)]);
    const renewal = await request();
    await settle();
    // Nobody may throw away a key for which a certificate is under way, published or not.
    expect(vaultRecords()).toContain(recordOf(renewal.key.privateKey));
    const next = await issueFor(renewal.key.privateKey);
    await tick(world.input());
    expect(state().phase.phase).toBe("aging");
    await tickUntil("it is deployed in its time", () => world.served() === next);
  });

  test("have the names of the present certificate, or else of the services, and those that are added", async () => {
    expect(requestNames(world.certificate, ["*.Example.org."])).toEqual(["mx.example.org", "*.example.org"]);
    await establish();
    expect(requestNames(world.certificate, ["mx.example.org", "imap.example.org"])).toEqual([
      "mx.example.org",
      "imap.example.org",
    ]);
  });

  test("are on record with who asked", async () => {
    await establish();
    const { key } = await request();
    const entry = readJournal(world.stateDirectory, "mx").entries.find(({ event }) => event === "request");
    expect(entry?.detail).toMatchObject({ by: "ann", key: key.spkiSha256 });
  });
});

describe("a key pair that does not fit", () => {
  test("is mended from the vault, and told of when the vault cannot help", async () => {
    await establish();
    const next = ahead();
    // A signed request put into the client's folder: the key there is still that of the last certificate.
    const chain = await issueFor(next);
    await tick(world.input());
    expect(world.served()).toBe(chain);
    await issueFor(newKey());
    await tickUntil("the source is complained of", () => sourceProblem() !== "");
    expect(sourceProblem()).toContain("the private key does not belong to the certificate of CN=mx.example.org");
    expect(world.served()).toBe(chain);
  });

  test("nor is there a key: a source without one names what to do", async () => {
    world.remove();
    const source = { kind: "files" as const, cert: "", key: null, chain: null };
    setUp({ source });
    source.cert = at("mx.pem");
    writeFileSync(source.cert, (await world.issue()).chainPem);
    await tick(world.input());
    expect(sourceProblem()).toBe("the source has no key file, and the key of CN=mx.example.org is not in the vault");
  });
});

/** dehydrated 0.7's sign_domain(), file by file (`PRIVATE_KEY_ROLLOVER=yes`). */
function dehydratedOrder(stamp: string): { readonly key: KeyObject; readonly succeed: () => Promise<string> } {
  const fresh = newKey();
  writeFileSync(at(`privkey-${stamp}.pem`), pemOf(fresh));
  renameSync(at("privkey.roll.pem"), at("privkey-tmp.pem"));
  renameSync(at(`privkey-${stamp}.pem`), at("privkey.roll.pem"));
  renameSync(at("privkey-tmp.pem"), at(`privkey-${stamp}.pem`));
  const key = readFileSync(at(`privkey-${stamp}.pem`), "utf8");
  const link = (name: string): void => {
    if (existsSync(at(`${name}.pem`))) unlinkSync(at(`${name}.pem`));
    symlinkSync(`${name}-${stamp}.pem`, at(`${name}.pem`));
  };
  return {
    key: fresh,
    succeed: async () => {
      const { chainPem } = await world.issue({ privateKeyPem: key });
      writeFileSync(at(`fullchain-${stamp}.pem`), chainPem);
      link("privkey");
      link("fullchain");
      return chainPem;
    },
  };
}

describe("dehydrated's next key", () => {
  let next: KeyObject;

  beforeEach(async () => {
    next = newKey();
    writeFileSync(at("privkey.roll.pem"), pemOf(next));
    await establish();
  });

  test("is published, copied, and deployed without a wait when it is in use; so is the one after it", async () => {
    expect(world.records).toContain(recordOf(next));
    expect(vaultRecords()).toEqual([recordOf(next)]);
    const order = dehydratedOrder("1700000001");
    const chain = await order.succeed();
    await tick(world.input());
    expect(world.served()).toBe(chain);
    await tickUntil("the roll is over", () => isAtRest() && world.records.size === 2);
    expect([...world.records].sort()).toEqual([recordOf(next), recordOf(order.key)].sort());
    await settle();
    const again = await dehydratedOrder("1700000002").succeed();
    await tick(world.input());
    expect(world.served()).toBe(again);
  });

  test("that an order burned stays published until the new one is known everywhere, and can still be used", async () => {
    const { key: second } = dehydratedOrder("1700000001");
    await tick(world.input());
    expect(standby()).toEqual([recordOf(second), recordOf(next)].map((record) => record.slice("3 1 1 ".length)));
    const { key, announced } = await request();
    expect([key.privateKey.equals(next), announced]).toEqual([true, "everywhere"]);
    const chain = await issueFor(next);
    await tick(world.input());
    expect(world.served()).toBe(chain);
  });

  test("that an order burned is withdrawn then, and forgotten when no cache can know it", async () => {
    const { key: second } = dehydratedOrder("1700000001");
    await tick(world.input());
    expect(world.records.size).toBe(3);
    await tickUntil("the burned key's record is gone", () => world.records.size === 2);
    expect(world.records).toContain(recordOf(second));
    expect(vaultRecords()).toContain(recordOf(next));
    await settle();
    expect(vaultRecords()).toEqual([recordOf(second)]);
  });

  test("is not missed while it is being replaced", async () => {
    unlinkSync(at("privkey.roll.pem"));
    await tick(world.input({ named: ["mx"] }));
    expect(world.records).toContain(recordOf(next));
    expect(vaultRecords()).toEqual([recordOf(next)]);
  });

  test("is found changed by the next tick, though the certificate is the same", async () => {
    const [file = ""] = world.configuration.watched;
    await tick(world.input());
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(true);
    dehydratedOrder("1700000001");
    expect(isIdle(world.stateDirectory, file, world.clock())).toBe(false);
  });
});

describe("acme.sh's next key", () => {
  let current: KeyObject;
  let next: KeyObject;

  /** What issue() does to the key files before it orders anything. */
  function order(): KeyObject {
    const fresh = newKey();
    writeFileSync(at("mx.key"), readFileSync(at("mx.key.next")));
    writeFileSync(at("mx.key.next"), "\n");
    writeFileSync(at("mx.key.next"), pemOf(fresh));
    return fresh;
  }

  beforeEach(async () => {
    world.remove();
    const source = { kind: "files", cert: "", key: "", chain: null } as {
      kind: "files";
      cert: string;
      key: string;
      chain: null;
    };
    setUp({ source });
    source.cert = at("fullchain.cer");
    source.key = at("mx.key");
    [current, next] = [newKey(), newKey()];
    writeFileSync(at("mx.key"), pemOf(current));
    writeFileSync(at("mx.key.next"), pemOf(next));
    await establishWith(current);
  });

  test("is deployed without a wait, and the one after it is published", async () => {
    expect([...world.records].sort()).toEqual([recordOf(current), recordOf(next)].sort());
    const fresh = order();
    const chain = await issueFor(next);
    await tick(world.input());
    expect(world.served()).toBe(chain);
    await tickUntil("the roll is over", () => isAtRest() && world.records.size === 2);
    expect([...world.records].sort()).toEqual([recordOf(next), recordOf(fresh)].sort());
  });

  test("that an order burned makes no trouble where its predecessor was in the vault too", async () => {
    order();
    await issueFor(next);
    await tickUntil("the roll is over", () => isAtRest() && world.records.size === 2);
    await settle();
    const burned = ahead();
    const fresh = order();
    await ticks(1, 1);
    // The key file is that of a certificate which never came; the certificate in use has its key in the vault.
    expect(sourceProblem()).toBe("");
    expect([...world.records].sort()).toEqual([next, burned, fresh].map(recordOf).sort());
  });

  test("half written keeps what is published, and is read when it is whole", async () => {
    writeFileSync(at("mx.key.next"), "\n");
    await ticks(2, 300);
    expect(world.records).toContain(recordOf(next));
    expect(standby()).toEqual([spkiDigest(publicKeyOf(next))]);
    expect(refusalOf("NEXT_KEY_UNUSABLE")).toBe(`${at("mx.key.next")}: the file holds no private key`);
    writeFileSync(at("mx.key.next"), pemOf(next));
    await tick(world.input());
    expect([world.records.size, refusalOf("NEXT_KEY_UNUSABLE")]).toEqual([2, ""]);
  });
});

describe("a next key that is named and not there", () => {
  test("keeps what is known, and nothing is made in its stead", async () => {
    world.remove();
    setUp({ nextKey: "/nonexistent/next.pem" });
    const key = newKey();
    writeFileSync(at("privkey.pem"), pemOf(key), { mode: 0o600 });
    writeFileSync(path.join(world.root, "served.pem"), await issueFor(key));
    await tickUntil("the first deployment", () => isAtRest() && world.records.size === 1);
    await settle();
    expect(existsSync(vault())).toBe(false);
    expect([world.records.size, refusalOf("NEXT_KEY_UNUSABLE")]).toEqual([1, ""]);
  });
});

describe("publishing ahead, given up", () => {
  test("withdraws the record, and forgets the key when no cache can know it", async () => {
    await establish();
    const next = ahead();
    const certificate: CertificateConfig = { ...world.certificate, next: "on-renewal" };
    const configuration = { ...world.configuration, certificates: [certificate] };
    for (let count = 0; count < 6; count++) {
      await tick(world.input({ configuration, named: ["mx"] }));
      world.advance(300);
    }
    expect(world.records).not.toContain(recordOf(next));
    expect(vaultRecords()).toEqual([]);
  });
});
