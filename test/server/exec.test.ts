/** The example program for `type = "exec"`, with the real nsupdate and a TSIG key in the place of a Kerberos ticket. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { instant, seconds } from "../../src/base/time.ts";
import { readConfiguration } from "../../src/config/load.ts";
import { parseName } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { parseTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { openPublisher } from "../../src/driver/open-publisher.ts";
import type { ReadBack } from "../../src/publisher/publisher.ts";
import { PATH, serverSuite } from "./lab/programs.ts";
import { ZONE } from "./lab/tree.ts";
import { ALLOWED, UPDATE_PROGRAMS, startUpdateWorld } from "./lab/update-world.ts";
import type { UpdateWorld } from "./lab/update-world.ts";
import { TLSA, ask, tlsaText } from "./lab/wire.ts";

const SCRIPT = fileURLToPath(new URL("../../fixtures/exec/nsupdate.mjs", import.meta.url));
const [OWNER] = ALLOWED;

function nameOf(text: string): DomainName {
  const name = parseName(text);
  if (!name.ok) throw new Error(name.fault.message);
  return name.value;
}

function text(octet: string): string {
  return `3 1 1 ${octet.repeat(32)}`;
}

function record(octet: string): TlsaRdata {
  const parsed = parseTlsa(text(octet));
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

serverSuite("publishing through nsupdate", [...UPDATE_PROGRAMS.bind, "nsupdate", "dig"], () => {
  let lab: UpdateWorld | null = null;
  const world = (): UpdateWorld => {
    if (lab === null) throw new Error("the lab did not start");
    return lab;
  };
  beforeAll(async () => {
    lab = await startUpdateWorld("bind");
  }, 60_000);
  afterAll(async () => {
    await lab?.stop();
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(lab?.logs());
  });

  interface Change {
    readonly add?: readonly string[];
    readonly remove?: readonly string[];
    readonly expected?: readonly string[];
    readonly owner?: string;
    readonly server?: string;
  }

  const apply = async ({ add = [], remove = [], expected, owner = OWNER, server }: Change): Promise<ReadBack> => {
    const { primary, tsigKey, folder } = world();
    const at = server ?? `${primary.address}#${String(primary.port)}`;
    const command = JSON.stringify([process.execPath, SCRIPT, at, "-k", tsigKey]);
    const file = `${folder}/daneward.toml`;
    writeFileSync(file, `version = 1\n[publish.nsupdate]\ntype = "exec"\ncommand = ${command}\n`);
    const { configuration } = await readConfiguration(file);
    const config = configuration?.publishers.get("nsupdate");
    if (configuration === null || config === undefined) throw new Error("the configuration is not right");
    const publisher = await openPublisher(config, {
      configuration,
      resolve: () => Promise.reject(new Error("nothing is looked up")),
      clock: () => instant(Date.now()),
      signal: new AbortController().signal,
      path: PATH,
    });
    return publisher.apply({
      owner: nameOf(owner),
      zone: nameOf(ZONE),
      ttl: seconds(60),
      add: add.map(record),
      remove: remove.map(record),
      expected: expected === undefined ? null : expected.map(record),
    });
  };
  const served = async (): Promise<readonly string[]> =>
    (await ask(world().primary, OWNER, TLSA, { recursion: false })).answers.map(({ data }) => tlsaText(data)).sort();

  test("adds and removes single records, again without harm", async () => {
    await expect(apply({ add: ["11"] })).resolves.toMatchObject({ records: [record("11")], ttl: 60 });
    await apply({ add: ["22"] });
    await apply({ add: ["22"] });
    expect(await served()).toEqual([text("11"), text("22")]);
    await expect(apply({ remove: ["11"], expected: ["11", "22"] })).resolves.toMatchObject({ records: [record("22")] });
    expect(await served()).toEqual([text("22")]);
  }, 20_000);

  test("does not remove on old knowledge", async () => {
    await expect(apply({ remove: ["22"], expected: ["22", "33"] })).rejects.toMatchObject({ code: "PUBLISH_CONFLICT" });
    expect(await served()).toEqual([text("22")]);
  }, 20_000);

  test("shows what nsupdate says when the key may not write the name", async () => {
    await expect(apply({ add: ["11"], owner: `_25._tcp.other.${ZONE}` })).rejects.toMatchObject({
      code: "EXEC_FAILED",
      message: expect.stringContaining("update failed: REFUSED") as string,
    });
  }, 20_000);

  test("says that it may pass when nobody answers", async () => {
    await expect(apply({ add: ["11"], server: "127.0.0.1#9" })).rejects.toMatchObject({ code: "EXEC_LATER" });
  }, 20_000);
});
