/** `daneward verify` against Postfix and nginx: what a DANE client would do, per address, with the right exit code. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { daneward, hostPort } from "./lab/daneward.ts";
import type { Ended } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";
import { until } from "./lab/poll.ts";
import { foreignRecord, ownRecord } from "./lab/rollover.ts";
import { useWorld } from "./lab/suite.ts";
import { MX, OWNERS, WORLD_PROGRAMS, WWW } from "./lab/world.ts";
import { TLSA, ask, tlsaText } from "./lab/wire.ts";

const MAIL = `${MX.host}:${String(MX.port)}/smtp`;
const WEB = `${WWW.host}:${String(WWW.port)}/tls`;

interface VerifyDocument {
  readonly exit: number;
  readonly targets: readonly {
    readonly verdict: string;
    readonly addresses: readonly { readonly address: string; readonly verdict: string }[];
  }[];
}

serverSuite("daneward verify against Postfix and nginx", WORLD_PROGRAMS, () => {
  const lab = useWorld();
  const verify = (...args: readonly string[]): Promise<Ended> =>
    daneward(["verify", ...args, "--trust", "ad", "--resolver", hostPort(lab().resolver), "--timeout", "5s"]);
  const verdicts = (ended: Ended): VerifyDocument => JSON.parse(ended.stdout) as VerifyDocument;

  /** Replaces the RRset at one owner, and waits until the resolver's cache shows it. */
  const publish = async (owner: string, records: readonly string[]): Promise<void> => {
    await lab().asAdministrator([`del ${owner}. TLSA`, ...records.map((record) => `add ${owner}. 1 TLSA ${record}`)]);
    await until("the resolver's cache shows the new RRset", async () => {
      const shown = (await ask(lab().resolver, owner, TLSA)).answers.map(({ data }) => tlsaText(data));
      return JSON.stringify(shown.sort()) === JSON.stringify([...records].sort());
    });
  };
  const [mail = "", web = ""] = OWNERS;

  test("without TLSA records there is no DANE: a warning", async () => {
    const ended = await verify(MAIL, "--json");
    expect(ended.code).toBe(1);
    expect(verdicts(ended).targets[0]?.verdict).toBe("no-dane");
  });

  test("a matching 3 1 1 record verifies on every address", async () => {
    await publish(mail, [ownRecord(lab())]);
    await publish(web, [ownRecord(lab())]);
    const ended = await verify(MAIL, WEB, "--json");
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
    const [first, second] = verdicts(ended).targets;
    expect(first?.addresses).toHaveLength(2);
    expect(first?.addresses.map(({ verdict }) => verdict)).toEqual(["verified", "verified"]);
    expect(second?.addresses.map(({ verdict }) => verdict)).toEqual(["verified"]);
  });

  test("the text form says so too", async () => {
    const ended = await verify(MAIL);
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain("verified");
    for (const address of lab().mailAddresses) expect(ended.stdout).toContain(address);
  });

  test("a matching 2 1 1 record of the issuer verifies by path, name and date", async () => {
    await publish(web, [foreignRecord(lab())]);
    const ended = await verify(WEB, "--json");
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
    expect(verdicts(ended).targets[0]?.verdict).toBe("verified");
  });

  test("a record of another key is what a client would refuse: critical", async () => {
    await publish(mail, [`3 1 1 ${"ab".repeat(32)}`]);
    const ended = await verify(MAIL, "--json");
    expect(ended.code).toBe(2);
    expect(verdicts(ended).targets[0]?.verdict).toMatch(/^fail-/);
  });

  test("one good and one bad target: the worst counts", async () => {
    const ended = await verify(MAIL, WEB, "--json");
    expect(ended.code).toBe(2);
    expect(verdicts(ended).exit).toBe(2);
  });

  test("a chain on disk verifies offline as the live server does", async () => {
    const chain = join(lab().lineage.live, "fullchain.pem");
    expect(readFileSync(chain, "utf8")).toContain("BEGIN CERTIFICATE");
    const ended = await daneward([
      "verify",
      "--chain",
      chain,
      "--tlsa",
      foreignRecord(lab()),
      "--name",
      WWW.host,
      "--json",
    ]);
    expect({ code: ended.code, verdict: verdicts(ended).targets[0]?.verdict }).toEqual({
      code: 0,
      verdict: "verified",
    });
  });

  test("a service that is not there: unknown", async () => {
    await lab().nginx.stop();
    const ended = await verify(WEB, "--json");
    expect(ended.code).toBe(3);
    expect(verdicts(ended).targets[0]?.verdict).toBe("unreachable");
  });

  test("a resolver that does not validate is not believed: its answers are insecure", async () => {
    const plain = hostPort(await lab().startPlainResolver());
    const ended = await daneward(["verify", MAIL, "--trust", "ad", "--resolver", plain, "--timeout", "3s", "--json"]);
    expect(ended.code).toBe(1);
    expect(verdicts(ended).targets[0]?.verdict).toBe("no-dane");
  });

  test("a name server that does not recurse is no resolver: unknown", async () => {
    const ended = await daneward([
      "verify",
      MAIL,
      "--trust",
      "ad",
      "--resolver",
      hostPort(lab().primary),
      "--timeout",
      "3s",
      "--json",
    ]);
    expect(ended.code).toBe(3);
    expect(ended.stdout).toContain("offers no recursion");
  });
});
