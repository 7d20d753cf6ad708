import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readConfiguration } from "../../src/config/load.ts";
import type { Reading } from "../../src/config/load.ts";
import { formatProblem } from "../../src/config/problem.ts";
import type { Configuration } from "../../src/config/schema.ts";
import { temporaryFolder } from "../store/temporary-folder.ts";

/** The sample of the handbook: one host, Postfix and Dovecot, certbot, BIND. */
export const SAMPLE = `version = 1
resolver = "127.0.0.1"
[dnssec]
trust = "ad"
[defaults]
tlsa = ["3 1 1"]
ttl = "1h"
[publish.local]
type = "rfc2136"
server = "127.0.0.1"
key_file = "/etc/daneward/tsig.key"
[certificate.mx]
source = "/etc/letsencrypt/live/mx.example.org"
publish = "local"
services = ["mx.example.org:25", "mx.example.org:465", "imap.example.org:993"]
reload = ["systemctl reload postfix", "dovecot"]
verify = ["192.0.2.10", "2001:DB8:0::10"]
key_group = "ssl-cert"
`;

/** Writes files into a fresh folder and reads the configuration from `daneward.toml` there. */
export async function readFiles(
  files: Readonly<Record<string, string>>,
): Promise<Reading & { readonly folder: string }> {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  return { ...(await readConfiguration(path.join(folder, "daneward.toml"))), folder };
}

/** The problems of one kind as `file:line:column: message`, without the folder. */
export async function problemsOf(
  severity: "fault" | "warning",
  files: Readonly<Record<string, string>> | string,
): Promise<readonly string[]> {
  const { problems, folder } = await readFiles(typeof files === "string" ? { "daneward.toml": files } : files);
  return problems
    .filter((problem) => problem.severity === severity)
    .map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ""));
}

export async function configurationOf(text: string): Promise<Configuration> {
  const { configuration, problems } = await readFiles({ "daneward.toml": text });
  if (configuration === null) throw new Error(problems.map(formatProblem).join("\n"));
  return configuration;
}

/** The sample with one certificate line replaced or added. */
export function withCertificateLine(key: string, line: string): string {
  const kept = SAMPLE.split("\n").filter((one) => !one.startsWith(`${key} =`) || one.startsWith("key_file"));
  return `${kept.join("\n")}${line}\n`;
}
