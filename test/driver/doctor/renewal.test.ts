/** Whether what `renew` names ends by itself. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isHurried, judgeRenewal, readRenewal } from "../../../src/driver/doctor/renewal.ts";
import { openTree } from "../../../src/driver/setup/tree.ts";
import { makeHost } from "../setup/host.ts";
import type { Host } from "../setup/host.ts";

const CERTBOT = "add --no-random-sleep-on-renew after certbot renew in renew of [certificate.mx]";

describe("judgement", () => {
  test.each<readonly [line: string, hurried: boolean, advice: string | null]>([
    ["certbot renew --cert-name mx --force-renewal", false, CERTBOT],
    ["/usr/bin/certbot -q renew", false, CERTBOT],
    ["env LANG=C certbot renew", false, CERTBOT],
    ["certbot renew --no-random-sleep-on-renew", false, null],
    ["certbot renew --cert-name mx", true, null],
    ["certbot certonly -n --csr mx.csr", false, null],
    [
      "lego --path /var/lib/lego --domains mx renew --days 9999",
      true,
      "add --no-random-sleep after lego renew in renew of [certificate.mx]",
    ],
    ["lego --path /var/lib/lego renew --no-random-sleep", false, null],
    [
      "/opt/acme.sh/acme.sh --renew -d mx --force",
      false,
      "add --home and the folder of acme.sh (.acme.sh in the home of its user) after acme.sh in renew of [certificate.mx]",
    ],
    ["/opt/acme.sh/acme.sh --renew --home /opt/acme.sh", false, null],
    ["env HOME=/root acme.sh --renew", false, null],
    ["dehydrated --cron --force", false, null],
    ["echo a b c d certbot renew", false, null],
  ])("%s", (line, hurried, advice) => {
    const [finding] = judgeRenewal("mx", [{ words: line.split(" "), where: "renew" }], hurried);
    expect(finding).toMatchObject({
      subject: "renew of mx",
      grade: advice === null ? "ok" : "warning",
      type: [],
      ...(advice === null ? {} : { advice: [advice] }),
    });
  });
});

describe("looking", () => {
  let host: Host;
  beforeEach(() => {
    host = makeHost();
  });
  afterEach(() => {
    host.remove();
  });

  test("reads a script of a shell that renew names, and nothing of other programs", () => {
    host.write(
      "/etc/daneward/renew",
      "#!/bin/sh\n# certbot renew\nset -e\nexec certbot \\\n  renew\ncertbot renew\n",
      0o755,
    );
    host.write("/usr/bin/certbot", "#!/usr/bin/python3\ncertbot renew\n", 0o755);
    const tree = openTree(host.root);
    const findings = judgeRenewal("mx", readRenewal(["/etc/daneward/renew"], tree), false);
    expect(findings.map(({ said }) => said.split(" away")[0])).toEqual([
      "/etc/daneward/renew:4:",
      "/etc/daneward/renew:6:",
    ]);
    expect(readRenewal(["/usr/bin/certbot", "certonly"], tree)).toHaveLength(1);
  });

  test.each([
    ["no-random-sleep-on-renew = True\n", true],
    ["# no-random-sleep-on-renew = True\n", false],
    ["no-random-sleep-on-renew = False\n", false],
  ])("certbot's cli.ini with %j: hurried is %s", (text, hurried) => {
    host.write("/etc/letsencrypt/cli.ini", text);
    expect(isHurried(openTree(host.root))).toBe(hurried);
  });
});
