/** Where the next key comes from: `next`, `next_key`, and sources without a key of their own. */
import { describe, expect, test } from "vitest";
import { checkSurroundings } from "../../src/config/surroundings.ts";
import type { CertificateConfig } from "../../src/config/schema.ts";
import { rootAnchors } from "../../src/dnssec/root-anchors.ts";
import { configurationOf, problemsOf, readFiles, withCertificateLine } from "./sample.ts";

async function certificateOf(key: string, lines: string): Promise<CertificateConfig | undefined> {
  return (await configurationOf(withCertificateLine(key, lines))).certificates[0];
}

describe("the next key", () => {
  test("is announced by its certificate unless the configuration says otherwise", async () => {
    expect(await certificateOf("next", "")).toMatchObject({ next: "on-renewal", nextKey: null });
    expect(await certificateOf("next", 'next = "prepublish"')).toMatchObject({ next: "prepublish", nextKey: null });
  });

  test.each([
    [
      "a name, in the folder of the source",
      "privkey.roll.pem",
      "/etc/letsencrypt/live/mx.example.org/privkey.roll.pem",
    ],
    ["a path from there", "../keys/next.pem", "/etc/letsencrypt/live/keys/next.pem"],
    ["a whole path", "/home/acme/.acme.sh/mx/mx.key.next", "/home/acme/.acme.sh/mx/mx.key.next"],
  ])("may be %s", async (_, written, want) => {
    expect(await certificateOf("next", `next = "prepublish"\nnext_key = "${written}"`)).toMatchObject({
      nextKey: want,
    });
  });

  test("of single files is looked for beside the key, or else the certificate", async () => {
    const lines = (source: string): string => `source = ${source}\nnext = "prepublish"\nnext_key = "next.pem"`;
    const beside = await certificateOf("source", lines('{ cert = "/c/cert.pem", key = "/k/key.pem" }'));
    expect(beside?.nextKey).toBe("/k/next.pem");
    expect((await certificateOf("source", lines('{ cert = "/c/cert.pem" }')))?.nextKey).toBe("/c/next.pem");
  });

  test("may be one of our vault: a source needs no key file", async () => {
    const source = { kind: "files", cert: "/c/cert.pem", key: null, chain: "/c/chain.pem" };
    const read = await certificateOf("source", 'source = { cert = "/c/cert.pem", chain = "/c/chain.pem" }');
    expect(read).toMatchObject({ source, next: "on-renewal" });
  });

  test("cannot be known where only certificates are named, and the place is told", async () => {
    const text = withCertificateLine("next", 'tlsa = ["3 0 1"]\nnext = "prepublish"');
    const { problems } = await readFiles({ "daneward.toml": text });
    expect(problems).toMatchObject([{ severity: "fault", code: "CONFIG_INVALID", place: { line: 20, column: 1 } }]);
    expect(problems[0]?.hint).toBe('use tlsa = ["3 1 1"], whose record is of the key alone');
  });

  test("saves no wait for another record that names the certificate, which is advised against", async () => {
    const warnings = await problemsOf(
      "warning",
      withCertificateLine("next", 'next = "prepublish"\ntlsa = ["3 1 1", "3 0 1"]'),
    );
    expect(warnings).toEqual([
      'daneward.toml:19:1: certificate.mx.next: "3 0 1" is not known before the certificate is: each renewal waits for it all the same',
    ]);
  });

  test("that is not where it is said to be is told of, and where that is said", async () => {
    const text = withCertificateLine("next", 'next = "prepublish"\nnext_key = "/nonexistent/next.pem"');
    const { configuration, locate } = await readFiles({ "daneward.toml": text });
    if (configuration === null) throw new Error("not read");
    const problems = checkSurroundings(configuration, {
      readKey: () => [],
      readToken: () => undefined,
      readAnchors: rootAnchors,
      findGroup: () => undefined,
      searchPath: "/usr/bin:/bin",
      serviceManager: { program: "systemctl", runs: true, knows: () => true },
      locate,
      findClash: () => null,
      findMisfit: () => null,
    });
    const message = "certificate.mx.next_key: /nonexistent/next.pem is not there yet";
    const told = problems.find((problem) => problem.message === message);
    expect(told).toMatchObject({ severity: "warning", place: { line: 20, column: 1 } });
  });

  test("has a place of its own for each certificate of a map", async () => {
    const { configuration } = await readFiles({
      "daneward.toml": `version = 1
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "/k"
[import.all]
map = "map"
source = "/live/{cert}"
next = "prepublish"
next_key = "{cert}.key.next"
reload = ["postfix"]
`,
      map: "mx.example.org mx.example.org,25\nwww.example.org www.example.org,443\n",
    });
    expect(configuration?.certificates.map(({ nextKey }) => nextKey)).toEqual([
      "/live/mx.example.org/mx.example.org.key.next",
      "/live/www.example.org/www.example.org.key.next",
    ]);
  });
});
