/** The command that has a certificate issued: words, never a shell. */
import path from "node:path";
import { describe, expect, test } from "vitest";
import { run } from "../../src/cli/commands/check-config.ts";
import { recordingIo } from "../cli/recording-io.ts";
import { configurationOf, problemsOf, readFiles, SAMPLE, withCertificateLine } from "./sample.ts";

async function renewOf(line: string): Promise<readonly string[] | null | undefined> {
  return (await configurationOf(withCertificateLine("renew", line))).certificates[0]?.renew;
}

describe("renew", () => {
  test("is optional, a line of words or an array of words", async () => {
    expect(await renewOf("")).toBeNull();
    expect(await renewOf("renew = \"certbot renew --cert-name 'm x'\"")).toEqual([
      "certbot",
      "renew",
      "--cert-name",
      "m x",
    ]);
    expect(await renewOf('renew = ["/opt/lego", "a;b"]')).toEqual(["/opt/lego", "a;b"]);
  });

  test.each([
    ['renew = "certbot renew && true"', '"&" means something to a shell only'],
    ["renew = []", "needs at least the program"],
    ["renew = 5", "must be a string"],
    ['renew = "certbot --cert-name {cert}"', "means something to a shell only"],
  ])("%s is refused", async (line, why) => {
    const [fault = "", ...others] = await problemsOf("fault", withCertificateLine("renew", line));
    expect(fault).toContain("certificate.mx.renew: ");
    expect(fault).toContain(why);
    expect(others).toEqual([]);
  });

  test.each([
    ["a line", '"certbot renew --cert-name {cert} --force-renewal"'],
    ["an array", '["certbot", "renew", "--cert-name", "{cert}", "--force-renewal"]'],
  ])("in an import, as %s, may name the certificate", async (_, written) => {
    const certificates = `[import.all]\nmap = "map"\nsource = "/live/{cert}"\nrenew = ${written}\n`;
    const head = SAMPLE.slice(0, SAMPLE.indexOf("[certificate.mx]"));
    const { configuration } = await readFiles({
      "daneward.toml": head + certificates,
      map: "www www.example.org,443\n",
    });
    expect(configuration?.certificates.map(({ renew }) => renew)).toEqual([
      ["certbot", "renew", "--cert-name", "www", "--force-renewal"],
    ]);
  });

  test("of a program that is not there is a warning", async () => {
    const { folder } = await readFiles({ "daneward.toml": withCertificateLine("renew", 'renew = "certbto renew"') });
    const io = recordingIo({ cwd: folder, env: { PATH: "/nonexistent" } });
    await run([], { config: path.join(folder, "daneward.toml"), json: true }, io);
    expect(JSON.parse(io.said().out)).toMatchObject({
      problems: expect.arrayContaining([
        expect.objectContaining({
          severity: "warning",
          message: 'certificate.mx.renew: the program "certbto" is not there',
        }),
      ]) as object,
    });
  });
});
