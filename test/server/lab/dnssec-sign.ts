/** Keys, DS records and signed zone files by BIND's tools. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "./process.ts";
import { program } from "./programs.ts";
import type { ZoneSpec } from "./dnssec-zones.ts";

/** RFC 4034 §5.1.4 and appendix B for a revoked key: dnssec-dsfromkey makes no DS of one. */
function dsOfRevoked(zone: string, keyFile: string): string {
  const found = / DNSKEY (\d+) (\d+) (\d+) (.*)$/m.exec(readFileSync(keyFile, "utf8"));
  const [flags = 0, protocol = 0, algorithm = 0] = (found ?? []).slice(1, 4).map(Number);
  const fixed = Buffer.of(flags >> 8, flags & 0xff, protocol, algorithm);
  const rdata = Buffer.concat([fixed, Buffer.from(found?.[4] ?? "", "base64")]);
  let sum = 0;
  rdata.forEach((octet, at) => (sum += at % 2 === 0 ? octet << 8 : octet));
  const owner = zone.split(".").flatMap((label) => [Buffer.of(label.length), Buffer.from(label)]);
  const digest = createHash("sha256")
    .update(Buffer.concat([...owner, Buffer.of(0), rdata]))
    .digest("hex");
  return `${zone}. IN DS ${String((sum + (sum >> 16)) & 0xffff)} ${String(algorithm)} 2 ${digest}`;
}

/** Makes the keys of a zone in `keys` and gives the DS records of those that are secure entry points. */
export async function makeBindKeys(keys: string, spec: ZoneSpec): Promise<readonly string[]> {
  const ds: string[] = [];
  for (const options of spec.keys) {
    const name = (await must(program("dnssec-keygen"), ["-q", "-K", keys, ...options, spec.zone])).trim();
    if (!options.includes("KSK")) continue;
    if (options.includes("REVOKE")) {
      ds.push(dsOfRevoked(spec.zone, join(keys, `${name}.key`)));
      continue;
    }
    const digests = spec.digests.flatMap((digest) => ["-a", digest]);
    const said = await must(program("dnssec-dsfromkey"), [...digests, join(keys, name)]);
    ds.push(...said.trim().split("\n"));
  }
  return ds;
}

const DAY_MS = 86_400_000;

/** YYYYMMDDHHMMSS in UTC, so many days from now. */
function signingTime(days: number): string {
  return new Date(Date.now() + days * DAY_MS).toISOString().replace(/[-:T]/g, "").slice(0, 14);
}

/** Signs a zone file, damages it if the zone is to be broken, and gives the file to serve. */
export async function signWithBind(keys: string, spec: ZoneSpec, file: string): Promise<string> {
  const signed = `${file}.signed`;
  // -P: no verification afterwards; some zones are wrong on purpose. -z: a lone key signs everything.
  const combined = spec.keys.every((options) => options.includes("KSK")) ? ["-z"] : [];
  const period =
    spec.period === undefined ? [] : ["-s", signingTime(spec.period.from), "-e", signingTime(spec.period.to)];
  const args = ["-S", "-P", "-q", "-n", "1", "-O", "full", ...combined, ...period, ...spec.signing];
  await must(program("dnssec-signzone"), [...args, "-K", keys, "-d", keys, "-o", spec.zone, "-f", signed, file]);
  if (spec.damage !== undefined) {
    const lines = readFileSync(signed, "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith(";"));
    writeFileSync(signed, `${spec.damage(lines, spec.zone).join("\n")}\n`);
  }
  return signed;
}
