/**
 * Fragments under the name servers that people run, by the configurations of the handbook; and the traps: a serial that
 * is not raised, an included file that NSD does not look at, a syntax error that takes a zone down.
 */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { instant, seconds } from "../../src/base/time.ts";
import type { Clock } from "../../src/base/time.ts";
import { readConfiguration } from "../../src/config/load.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { parseTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { openPublisher } from "../../src/driver/open-publisher.ts";
import type { Publisher, ReadBack } from "../../src/publisher/publisher.ts";
import type { Place } from "./lab/bind.ts";
import { until } from "./lab/poll.ts";
import { must } from "./lab/process.ts";
import { PATH, program, serverSuite } from "./lab/programs.ts";
import { STATIC_PROGRAMS, startStaticZone } from "./lab/static.ts";
import type { StaticKind, StaticZone } from "./lab/static.ts";
import { ZONE } from "./lab/tree.ts";

const OWNER = `_25._tcp.mx.${ZONE}`;

function nameOf(text: string): DomainName {
  const name = parseName(text);
  if (!name.ok) throw new Error(name.fault.message);
  return name.value;
}

function record(octet: string): TlsaRdata {
  const parsed = parseTlsa(`3 1 1 ${octet.repeat(32)}`);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

function text(octet: string): string {
  return `3 1 1 ${octet.repeat(32)}`;
}

interface Seen {
  readonly rcode: string;
  readonly records: readonly string[];
  readonly signed: boolean;
}

async function look(at: Place, owner: string = OWNER): Promise<Seen> {
  const words = [`@${at.address}`, "-p", String(at.port), "+norecurse", "+dnssec", "+nosplit", "+noall", "+comments"];
  const out = await must(program("dig"), [...words, "+answer", owner, "TLSA"]);
  const lines = out.split("\n").map((line) => line.split(/\s+/));
  return {
    rcode: /status: (\w+)/.exec(out)?.[1] ?? "",
    records: lines.flatMap((line) => (line[3] === "TLSA" ? [line.slice(4).join(" ").toLowerCase()] : [])).sort(),
    signed: lines.some((line) => line[3] === "RRSIG" && line[4] === "TLSA"),
  };
}

async function serialAt(at: Place): Promise<number> {
  const words = [`@${at.address}`, "-p", String(at.port), "+norecurse", "+short", ZONE, "SOA"];
  return Number((await must(program("dig"), words)).split(" ")[2]);
}

interface Change {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  readonly expected?: readonly string[];
}

/** A publisher as a configuration file describes it. */
async function publisherFrom(zone: StaticZone, lines: readonly string[], clock: Clock): Promise<Publisher> {
  const file = `${zone.folder}/daneward.toml`;
  writeFileSync(
    file,
    `version = 1
[publish.static]
type = "zonefile"
file = "${zone.fragment}"
parent = "${zone.parent}"
${lines.join("\n")}
[certificate.mx]
source = "/nowhere"
services = ["mx.${ZONE}:25"]
reload = []
`,
  );
  const { configuration, problems } = await readConfiguration(file);
  const config = configuration?.publishers.get("static");
  if (configuration === null || config === undefined)
    throw new Error(problems.map(({ message }) => message).join("\n"));
  const resolve = (): never => {
    throw new Error("nothing is looked up");
  };
  return openPublisher(config, { configuration, resolve, clock, signal: new AbortController().signal, path: PATH });
}

interface Bench {
  readonly zone: () => StaticZone;
  readonly apply: (change: Change, lines?: readonly string[], clock?: Clock) => Promise<ReadBack>;
  readonly usual: () => readonly string[];
  readonly arrives: (records: readonly string[], signed: boolean) => Promise<void>;
}

function useZone(kind: StaticKind): Bench {
  let started: StaticZone | null = null;
  const zone = (): StaticZone => {
    if (started === null) throw new Error("the lab did not start");
    return started;
  };
  beforeAll(async () => {
    started = await startStaticZone(kind);
  }, 30_000);
  afterAll(async () => {
    await started?.stop();
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(started?.output());
  });
  const usual = (): readonly string[] => [
    `check = ${JSON.stringify(zone().check)}`,
    `serial = ${JSON.stringify(zone().serial)}`,
    `reload = ${JSON.stringify(zone().reload)}`,
  ];
  return {
    zone,
    usual,
    apply: async ({ add = [], remove = [], expected }, lines = usual(), clock = () => instant(Date.now())) => {
      const publisher = await publisherFrom(zone(), lines, clock);
      return publisher.apply({
        owner: nameOf(OWNER),
        zone: nameOf(ZONE),
        ttl: seconds(60),
        add: add.map(record),
        remove: remove.map(record),
        expected: expected === undefined ? null : expected.map(record),
      });
    },
    arrives: async (records, signed) => {
      const want = JSON.stringify({ rcode: records.length === 0 ? "NXDOMAIN" : "NOERROR", records, signed });
      let last = "";
      await until(
        `${want} is served`,
        async () => {
          last = JSON.stringify(await look(zone().at));
          return last === want;
        },
        { deadlineMs: 8_000, news: () => last },
      );
    },
  };
}

const TITLES: Readonly<Record<StaticKind, readonly [title: string, signed: boolean]>> = {
  bind: ["BIND over an unsigned zone", false],
  "bind-inline": ["BIND that signs in line", true],
  knot: ["Knot that signs", true],
  nsd: ["NSD over an unsigned zone", false],
  "nsd-ldns": ["NSD behind ldns-signzone", true],
  "bind-signzone": ["BIND behind dnssec-signzone", true],
};

/** What every pipeline does. */
function pipeline(kind: StaticKind, more: (bench: Bench, signed: boolean) => void = () => undefined): void {
  const [title, signed] = TITLES[kind];
  serverSuite(`a zone file fragment: ${title}`, STATIC_PROGRAMS[kind], () => {
    const bench = useZone(kind);
    const { zone, apply, arrives } = bench;

    test("records are added, exchanged and withdrawn, and arrive", async () => {
      const before = await serialAt(zone().at);
      await expect(apply({ add: ["11"] })).resolves.toMatchObject({ status: "pending" });
      await arrives([text("11")], signed);
      await apply({ add: ["22"] });
      await arrives([text("11"), text("22")], signed);
      await apply({ remove: ["11"], expected: ["11", "22"] });
      await arrives([text("22")], signed);
      expect(await serialAt(zone().at)).toBeGreaterThan(before);
      const written = readFileSync(zone().fragment);
      await apply({ add: ["22"] });
      expect(readFileSync(zone().fragment).equals(written)).toBe(true);
    }, 20_000);

    test("a fault elsewhere in the zone is found by the check, and nothing is written or loaded", async () => {
      const good = readFileSync(zone().parent, "utf8");
      const fragment = readFileSync(zone().fragment, "utf8");
      appendFileSync(zone().parent, "www IN A not-an-address\n");
      await expect(apply({ add: ["33"] })).rejects.toMatchObject({ code: "FRAGMENT_CHECK_FAILED" });
      expect(readFileSync(zone().fragment, "utf8")).toBe(fragment);
      expect((await look(zone().at)).records).toEqual([text("22")]);
      writeFileSync(zone().parent, good);
      await apply({ add: ["33"] });
      await arrives([text("22"), text("33")], signed);
    }, 20_000);
    more(bench, signed);
  });
}

pipeline("bind");

pipeline("bind-inline", ({ zone, apply, usual, arrives }, signed) => {
  test("a serial that is not raised is rejected in silence, and said so when patience ends", async () => {
    const silent = usual().filter((line) => !line.startsWith("serial"));
    await expect(apply({ add: ["44"] }, silent)).resolves.toMatchObject({ status: "pending" });
    await until("named rejects the zone", () => /new serial .*out of range/.test(zone().output()));
    expect((await look(zone().at)).records).not.toContain(text("44"));
    const later = instant(Date.now() + 7_201_000);
    await expect(apply({ add: ["44"] }, silent, () => later)).rejects.toMatchObject({
      code: "FRAGMENT_NOT_SEEN",
      hint: expect.stringContaining("was the serial raised") as string,
    });
    await apply({ add: ["55"] });
    await arrives([text("22"), text("33"), text("44"), text("55")], signed);
  }, 20_000);
});

pipeline("knot");

pipeline("nsd", ({ zone, apply, usual, arrives }, signed) => {
  test("does not look at the fragment unless its parent is touched", async () => {
    const untouched = [...usual().filter((line) => !line.startsWith("serial")), "touch = false"];
    const reloads = (): number => zone().output().split("control cmd:  reload").length;
    const before = reloads();
    await apply({ add: ["44"] }, untouched);
    await until("nsd has taken the reload", () => reloads() > before);
    expect((await look(zone().at)).records).not.toContain(text("44"));
    await apply(
      { add: ["55"] },
      usual().filter((line) => !line.startsWith("serial")),
    );
    await arrives([text("22"), text("33"), text("44"), text("55")], signed);
  }, 20_000);

  test("loses the whole zone over a syntax error in the fragment: so a broken one is refused, not repaired", async () => {
    const good = readFileSync(zone().fragment, "utf8");
    appendFileSync(zone().fragment, `${OWNER}. 60 IN TLSA 3 1 1 xyz\n`);
    await expect(apply({ add: ["66"] })).rejects.toMatchObject({ code: "FRAGMENT_FOREIGN" });
    const [reload = ""] = zone().reload;
    writeFileSync(zone().parent, readFileSync(zone().parent));
    const [command = "", ...words] = reload.replace("{zone}", ZONE).split(" ");
    await must(program(command), words);
    await until("NSD has lost the zone", async () => (await look(zone().at)).rcode === "SERVFAIL");
    writeFileSync(zone().fragment, good);
    await apply({ add: ["66"] });
    await arrives([text("22"), text("33"), text("44"), text("55"), text("66")], signed);
  }, 20_000);
});

pipeline("nsd-ldns");
pipeline("bind-signzone");
