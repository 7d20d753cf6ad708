/**
 * The further chains, live: the octets come over TLS and STARTTLS from servers that present them, the records from a
 * signed tree that is validated here. Whoever gathered the evidence, the judgement has to be the same.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { mapLimited } from "../../src/resolver/map-limited.ts";
import { argumentsFor, loadChainSuite, wantedByRfc } from "../chain-suites.ts";
import type { ChainCase } from "../chain-suites.ts";
import { recordingIo } from "../cli/recording-io.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";
import { CHAIN_PROGRAMS, certificatesIn, pemOf, startChainWorld } from "./lab/chain-world.ts";
import type { ChainWorld } from "./lab/chain-world.ts";
import { daneward, hostPort } from "./lab/daneward.ts";
import { must } from "./lab/process.ts";
import { program, serverSuite } from "./lab/programs.ts";

interface Document {
  readonly line?: number;
  readonly exit: number;
  readonly targets: readonly {
    readonly verdict: string;
    readonly profile: string;
    readonly protocol: string | null;
    readonly dnssec: { readonly a: string | null; readonly tlsa: string | null };
    readonly addresses: readonly {
      readonly verdict: string;
      readonly reason: string;
      readonly chainLength: number;
      readonly records: readonly {
        readonly data: string;
        readonly usage: number;
        readonly selector: number;
        readonly matchingType: number;
        readonly status: string;
        readonly depth?: number;
      }[];
    }[];
  }[];
}

/** What live and offline have in common. */
interface Judged {
  readonly exit: number;
  readonly verdict: string | undefined;
  readonly reason: string | undefined;
  readonly chainLength: number | undefined;
  readonly records: readonly string[];
}

/** RRsets have no order, so the records are sorted. */
function judgedIn({ exit, targets }: Document): Judged {
  const [one] = targets[0]?.addresses ?? [];
  const records = (one?.records ?? []).map(({ usage, selector, matchingType, data, status, depth }) => {
    return [usage, selector, matchingType, data, status, depth ?? "-"].join(" ");
  });
  const { verdict, reason, chainLength } = one ?? {};
  return { exit, verdict, reason, chainLength, records: records.sort() };
}

const suite = loadChainSuite("chain-cases.json");

/** Mail over STARTTLS, everything else over TLS from the first octet. */
const WAYS = [
  { profile: "smtp", port: "smtp" },
  { profile: "generic", port: "tls" },
] as const;
type Way = (typeof WAYS)[number];

/** The cases that share a trust store, which one run of the program has for all its targets. */
function byStore(): readonly (readonly ChainCase[])[] {
  const groups = new Map<string, ChainCase[]>();
  for (const one of suite.cases) {
    const key = JSON.stringify(one.trust_store);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

/** One run of the program as installed for the cases of each trust store; by case. */
async function verifyLive(world: ChainWorld, { profile, port }: Way): Promise<ReadonlyMap<string, Document>> {
  const found = new Map<string, Document>();
  for (const cases of byStore()) {
    const roots = cases[0]?.trust_store ?? [];
    const store = join(world.folder, "store.pem");
    if (roots.length > 0) writeFileSync(store, pemOf(suite, typeof roots === "string" ? [] : roots));
    const list = cases.map((one) => {
      return `${one.base_domain}:${String(world.ports.get(one.id)?.[port] ?? 0)}/${port}`;
    });
    const ended = await daneward(
      [
        ...["verify", "--targets", "-", "--json", "--profile", profile, "--at", suite.verification_time ?? ""],
        ...["--trust", "local", "--trust-anchor", world.anchorFile, "--resolver", hostPort(world.resolver)],
        ...(roots.length > 0 ? ["--store", store] : []),
      ],
      { input: list.join("\n") },
    );
    expect(ended.stderr).toBe("");
    for (const text of ended.stdout.split("\n").filter((each) => each !== "")) {
      const document = JSON.parse(text) as Document;
      found.set(cases[(document.line ?? 0) - 1]?.id ?? "", document);
    }
  }
  return found;
}

async function judgeOffline(one: ChainCase, { profile }: Way, folder: string): Promise<Judged> {
  const io = recordingIo({ cwd: folder });
  await runProgram(["verify", ...argumentsFor(suite, one, profile, folder)], io, "0.0.0");
  return judgedIn(JSON.parse(io.said().out) as Document);
}

function distinctChains(): readonly ChainCase[] {
  return [...new Map(suite.cases.map((one) => [one.chain.join(), one])).values()];
}

async function sentBy(world: ChainWorld, one: ChainCase, { port }: Way): Promise<readonly string[]> {
  const where = `${world.address}:${String(world.ports.get(one.id)?.[port] ?? 0)}`;
  const starttls = port === "smtp" ? ["-starttls", "smtp"] : [];
  return certificatesIn(
    await must(program("openssl"), ["s_client", "-connect", where, "-showcerts", ...starttls], { input: "" }),
  );
}

describe.skipIf(vectorsFolder() === null)(vectorsTitle("the further chains on the wire"), () => {
  serverSuite("live, as offline", CHAIN_PROGRAMS, () => {
    let started: ChainWorld | null = null;
    const world = (): ChainWorld => {
      if (started === null) throw new Error("the servers did not start");
      return started;
    };
    const scratch = mkdtempSync(join(tmpdir(), "daneward-chains-offline-"));
    beforeAll(async () => {
      started = await startChainWorld(suite);
    }, 60_000);
    afterAll(async () => {
      await started?.stop();
      rmSync(scratch, { recursive: true });
    });
    afterEach(({ task }) => {
      if (task.result?.state === "fail") console.error(world().logs());
    });

    test("no case wants a setting that only one of several targets would have", () => {
      expect(suite.cases).toHaveLength(67);
      for (const one of suite.cases) {
        expect([one.extra_reference_ids, one.no_dane_ee_namechecks], one.id).toEqual([[], true]);
      }
    });

    test("the servers send what the file says, in its order, as OpenSSL sees it", async () => {
      const looks = distinctChains().flatMap((one) => WAYS.map((way) => ({ one, way })));
      const seen = await mapLimited(looks, async ({ one, way }) => [one.id, await sentBy(world(), one, way)], 4);
      const wanted = looks.map(({ one }) => [one.id, certificatesIn(pemOf(suite, one.chain))]);
      expect(seen).toEqual(wanted);
    }, 60_000);

    describe.each(WAYS)("profile $profile over $port", (way) => {
      let live: ReadonlyMap<string, Document> = new Map();
      beforeAll(async () => {
        live = await verifyLive(world(), way);
      }, 60_000);

      test.each(suite.cases)("$id", async (one) => {
        const document = live.get(one.id);
        if (document === undefined) throw new Error("no result");
        const [target] = document.targets;
        expect([target?.profile, target?.protocol]).toEqual([way.profile, way.port]);
        expect(target?.dnssec).toMatchObject({ a: "secure", tlsa: "secure" });
        const judged = judgedIn(document);
        const wanted = wantedByRfc(one, way.profile);
        expect(wanted.verdicts, judged.reason).toContain(judged.verdict);
        expect(judged.exit).toBe(wanted.exit);
        expect(judged).toEqual(await judgeOffline(one, way, scratch));
      });
    });
  });
});
