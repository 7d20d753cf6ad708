/**
 * Power loss at every file operation of the ticks that change something. The operations are recorded, every prefix of
 * them is played onto a disk that keeps only what POSIX promises (or all of it, or something in between), and the
 * program is started from what is left, beside a world that did not forget: records stay published, and services read
 * their files anew when they start again.
 */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  chmodSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createHash } from "node:crypto";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { tick } from "../../src/driver/tick.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import { decodeState } from "../../src/store/format.ts";
import { formatEntry, readJournal } from "../../src/store/journal.ts";
import { writeSpool } from "../../src/store/spool.ts";
import { loadState, stateFile } from "../../src/store/store.ts";
import { createDisk } from "../fakes/disk.ts";
import type { Choice, Image, Loss, Operation } from "../fakes/disk.ts";
import { RECORDED, recordDisk } from "../fakes/disk-recorder.ts";
import type { Recorder } from "../fakes/disk-recorder.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";
import type { FakeWorld } from "../fakes/driver-world.ts";

const SEED = 20_261_122;
const TTL_MS = 60_000;

/** What a power cut leaves alone: name servers, clients' caches, the clock. */
interface Outside {
  readonly records: readonly string[];
  /** Since when each record is published. */
  readonly since: ReadonlyMap<string, number>;
  readonly at: number;
  readonly served: string;
  /** Journal entries that were reported as written. */
  readonly journalled: number;
}

interface Moment {
  readonly operation: Operation;
  /** Before the operation. */
  readonly outside: Outside;
  /** Whether the power is cut around here. */
  readonly struck: boolean;
}

interface Chain {
  readonly issued: IssuedCertificate;
  readonly record: string;
}

/** A life of the program up to `stable`, with every operation of it. */
interface Story {
  readonly world: FakeWorld;
  readonly recorder: Recorder;
  readonly moments: readonly Moment[];
  readonly chains: readonly Chain[];
  /** State files in the order in which they were made durable, each with the moment. */
  readonly saves: readonly { readonly moment: number; readonly text: string }[];
  readonly events: readonly string[];
  readonly since: Map<string, number>;
  readonly end: Outside;
}

let stop: () => void = () => undefined;
afterEach(() => {
  stop();
});

/** mulberry32: the same losses in each run. */
function lots(seed: number): Choice {
  let state = seed >>> 0;
  return (count) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * count);
  };
}

async function record(renewal: boolean): Promise<Story> {
  const world = createFakeWorld();
  const moments: Moment[] = [];
  const saves: { moment: number; text: string }[] = [];
  const since = new Map<string, number>();
  let struck = !renewal;
  const outside = (): Outside => ({
    records: [...world.records],
    since: new Map(since),
    at: world.clock(),
    served: world.served(),
    journalled: world.events.length,
  });
  const recorder = recordDisk(world.root, ["state", "deploy"], (operation) => {
    noteRecords(world, since);
    moments.push({ operation, outside: outside(), struck });
    if (operation.kind === "sync" && operation.path === "state/certificates") {
      const file = stateFile(world.stateDirectory, "mx");
      if (existsSync(file)) saves.push({ moment: moments.length, text: readFileSync(file, "utf8") });
    }
  });
  stop = () => {
    recorder.stop();
    world.remove();
  };
  const chains: Chain[] = [];
  for (const turn of renewal ? [0, 1] : [0]) {
    const issued = await world.issue();
    if (turn === 0) world.serve(issued);
    world.install(issued);
    world.advance(1);
    if (turn === 1) {
      struck = true;
      const source = path.join(world.root, "live");
      writeSpool(world.stateDirectory, { client: "certbot", at: world.clock(), source, domains: [] });
    }
    await settle(world, since);
    const [record = ""] = world.records;
    chains.push({ issued, record });
  }
  const events = readJournal(world.stateDirectory).entries.map(formatEntry);
  return { world, recorder, moments, chains, saves, events, since, end: outside() };
}

function noteRecords(world: FakeWorld, since: Map<string, number>): void {
  for (const record of since.keys()) if (!world.records.has(record)) since.delete(record);
  for (const record of world.records) if (!since.has(record)) since.set(record, world.clock());
}

/** Ordinary ticks, each when the one before said, until nothing moves any more. */
async function settle(world: FakeWorld, since: Map<string, number>, check: () => void = () => undefined) {
  for (let count = 0; count < 60; count++) {
    const report = await tick(world.input());
    noteRecords(world, since);
    check();
    const failed = report.units.find((unit) => unit.outcome === "failed");
    if (failed !== undefined) throw failed.error;
    const wake = report.nextWakeAt ?? world.clock() + TTL_MS;
    const isStable = loadState(world.stateDirectory, "mx")?.state.phase.phase === "stable";
    if (isStable && world.records.size === 1 && wake - world.clock() > 1_800_000) return;
    world.advance(Math.max(1, Math.ceil((wake - world.clock()) / 1000)));
  }
  throw new Error(`still ${loadState(world.stateDirectory, "mx")?.state.phase.phase ?? "nowhere"}`);
}

// ---- after the power cut ------------------------------------------------------------------------------------------

interface Strike {
  readonly moment: number;
  readonly image: Image;
  readonly outside: Outside;
}

/** Every distinct disk after a power cut at any struck moment, beside the world of that moment. */
function* strikesOf(story: Story, samples: number): Generator<Strike> {
  const disk = createDisk();
  const draw = lots(SEED);
  const seen = new Set<string>();
  const losses: readonly Loss[] = ["all", "nothing", ...Array.from({ length: samples }, () => draw)];
  for (let at = 0; at <= story.moments.length; at++) {
    const next = story.moments[at];
    if (next?.struck ?? true) {
      const outside = next?.outside ?? story.end;
      for (const loss of losses) {
        const image = disk.crash(loss);
        const mark = fingerprint(image, outside);
        if (!seen.has(mark)) yield { moment: at, image, outside };
        seen.add(mark);
      }
    }
    if (next !== undefined) disk.apply(next.operation);
  }
}

const LEFTOVER = /(^|\/)\.[^/]*\.tmp$|\/\.tmp-[0-9a-f]{16}|^state\/lock/;

function fingerprint(image: Image, outside: Outside): string {
  const hash = createHash("sha256").update(JSON.stringify([outside.records, outside.served]));
  for (const [name, entry] of [...image].sort(([left], [right]) => (left < right ? -1 : 1))) {
    hash.update(`\n${name} `).update(entry.kind === "link" ? entry.target : String(entry.mode));
    if (entry.kind === "file") hash.update(entry.content);
  }
  return hash.digest("base64");
}

/** Without what a killed process leaves behind and nobody reads: each such litter would multiply the recoveries. */
function essence({ image, outside }: Strike): string {
  return fingerprint(new Map([...image].filter(([name]) => !LEFTOVER.test(name))), outside);
}

function restore(story: Story, { image, outside }: Strike): void {
  const { world } = story;
  for (const folder of ["state", "deploy"]) rmSync(path.join(world.root, folder), { recursive: true, force: true });
  const folders: (readonly [string, number])[] = [];
  for (const [name, entry] of image) {
    const file = path.join(world.root, name);
    if (entry.kind === "directory") {
      mkdirSync(file);
      folders.push([file, entry.mode]);
    } else if (entry.kind === "link") symlinkSync(entry.target, file);
    else {
      writeFileSync(file, rebooted(entry.content), { mode: entry.mode });
      chmodSync(file, entry.mode);
    }
  }
  for (const [folder, mode] of folders) chmodSync(folder, mode);
  world.records.clear();
  for (const item of outside.records) world.records.add(item);
  story.since.clear();
  for (const [item, at] of outside.since) story.since.set(item, at);
  world.events.length = 0;
  world.advance((outside.at - world.clock()) / 1000 + 30);
  const link = path.join(world.certificate.deploy, "fullchain.pem");
  // Services start again and read what their link shows; before there is one they read files of their own.
  const shown = image.has("deploy/mx") ? readFileSync(link, "utf8") : outside.served;
  writeFileSync(path.join(world.root, "served.pem"), shown);
}

/** Whoever held a lock did so before the machine started anew. */
function rebooted(content: Uint8Array): Uint8Array {
  return new TextEncoder().encode(new TextDecoder().decode(content).replace(/"boot":"[^"]+"/, '"boot":"before"'));
}

/** What must be so on the disk itself, before anything is started. */
function judgeImage(story: Story, { moment, image, outside }: Strike): void {
  for (const [name, entry] of image) {
    if (entry.kind !== "file" || !new TextDecoder().decode(entry.content).includes("PRIVATE KEY")) continue;
    expect(entry.mode, `${name} is for its owner only`).toBe(0o600);
  }
  const before = story.saves.findLastIndex((save) => save.moment <= moment);
  const possible = [story.saves[before]?.text, story.saves[before + 1]?.text];
  const state = image.get("state/certificates/mx.json");
  const text = state?.kind === "file" ? new TextDecoder().decode(state.content) : undefined;
  expect(possible.includes(text), `the state is the old or the new one, found ${String(text?.slice(0, 300))}`).toBe(
    true,
  );
  if (text !== undefined) expect(decodeState(text).ok).toBe(true);
  judgeLink(story, image);
  const { entries, damagedLines } = readJournal(story.world.stateDirectory);
  expect(entries.length, "journal entries that were reported as written").toBeGreaterThanOrEqual(outside.journalled);
  expect(entries.map(formatEntry)).toEqual(story.events.slice(0, entries.length));
  expect(damagedLines.length).toBeLessThanOrEqual(1);
}

/** The link shows one whole chain, if there is a link, and every server can pass through to it. */
function judgeLink(story: Story, image: Image): void {
  const { deploy } = story.world.certificate;
  if (image.has("deploy/mx")) {
    const read = (name: string): string => readFileSync(path.join(deploy, name), "utf8");
    const shown = story.chains.find(({ issued }) => issued.chainPem === read("fullchain.pem"));
    expect(shown?.issued.privateKeyPem, "key and chain of what the link shows").toBe(read("privkey.pem"));
    expect(read("combined.pem")).toBe(read("privkey.pem") + read("fullchain.pem"));
    const folders = ["deploy", "deploy/.versions", "deploy/.versions/mx"];
    folders.push(path.relative(story.world.root, realpathSync(deploy)));
    for (const folder of folders) {
      const entry = image.get(folder);
      expect(entry?.kind === "directory" ? entry.mode : null, `${folder} lets servers through`).toBe(0o711);
    }
  }
}

/** No client fails now: what is presented matches a record, in the zone and in every cache. */
function judgeService(story: Story): void {
  const { world, chains, since } = story;
  const shown = chains.find(({ issued }) => issued.chainPem === world.served());
  expect(shown, "services present one of the chains").toBeDefined();
  const published = since.get(shown?.record ?? "");
  if (world.records.size === 0) return;
  expect(published, "the record of what services present is published").toBeDefined();
  // The first set finds caches that hold nothing, and nothing fails against nothing.
  if (shown !== chains[0]) expect(world.clock() - (published ?? 0)).toBeGreaterThanOrEqual(2 * TTL_MS);
}

async function recover(story: Story): Promise<void> {
  const { world, chains } = story;
  const untold = loadState(world.stateDirectory, "mx")?.unjournalled ?? [];
  await settle(world, story.since, () => {
    judgeService(story);
  });
  const last = chains.at(-1);
  expect([...world.records]).toEqual([last?.record]);
  expect(readFileSync(path.join(world.certificate.deploy, "fullchain.pem"), "utf8")).toBe(last?.issued.chainPem);
  const { entries, damagedLines } = readJournal(world.stateDirectory);
  expect(damagedLines.length).toBeLessThanOrEqual(1);
  const lines = entries.map(formatEntry);
  for (const entry of untold) expect(lines.filter((line) => line === formatEntry(entry)).length).toBe(1);
}

/** Judges the disk after each power cut, and starts the program from each that differs in more than litter. */
async function strikeAll(story: Story, samples: number): Promise<{ readonly disks: number; readonly starts: number }> {
  const started = new Set<string>();
  let disks = 0;
  for (const strike of strikesOf(story, samples)) {
    disks += 1;
    try {
      restore(story, strike);
      judgeImage(story, strike);
      judgeService(story);
      const mark = essence(strike);
      if (!started.has(mark)) await recover(story);
      started.add(mark);
    } catch (cause) {
      const before = story.moments.slice(Math.max(0, strike.moment - 4), strike.moment);
      const told = before.map(({ operation }) => `${operation.kind} ${operation.path}`).join(", ");
      throw new Error(`power lost at operation ${String(strike.moment)}, after ${told}: ${String(cause)}`, { cause });
    }
  }
  return { disks, starts: started.size };
}

describe("power loss", () => {
  test.each([
    { name: "during the first deployment", renewal: false, samples: 2, atLeast: 50 },
    { name: "during a rollover with a hook's note", renewal: true, samples: 1, atLeast: 200 },
  ])(
    "$name leaves the old or the new, never a mix, and the program goes on",
    async ({ renewal, samples, atLeast }) => {
      const story = await record(renewal);
      story.recorder.rest();
      const { disks, starts } = await strikeAll(story, samples);
      console.info(
        `${String(story.moments.length)} operations, ${String(disks)} disks, started from ${String(starts)}`,
      );
      expect(disks).toBeGreaterThan(atLeast);
    },
    240_000,
  );

  test("would be noticed if nothing were flushed", async () => {
    const story = await record(false);
    story.recorder.rest();
    const moments = story.moments.filter(({ operation }) => operation.kind !== "sync");
    await expect(strikeAll({ ...story, moments }, 2)).rejects.toThrow(/power lost at operation/);
  });
});

test("every function of node:fs that changes something and is used here is recorded", () => {
  const harmless =
    /^(accessSync|existsSync|fstatSync|lstatSync|readFileSync|readSync|readdirSync|readlinkSync|realpathSync|statSync|constants|Stats)$/;
  const folders = ["src/store", "src/driver"];
  const used = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith(".ts"))
      .flatMap((file) => [...readFileSync(path.join(folder, file), "utf8").matchAll(/\{([^{}]*)\} from "node:fs"/g)])
      .flatMap((match) => (match[1] ?? "").split(",").map((name) => name.trim()))
      .filter((name) => name !== ""),
  );
  expect(used.length).toBeGreaterThan(20);
  expect(used.filter((name) => !RECORDED.has(name) && !harmless.test(name))).toEqual([]);
});
