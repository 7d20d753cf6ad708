/** BIND: the primary that signs and takes updates, and a plain secondary. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must, startDaemon } from "./process.ts";
import type { Daemon } from "./process.ts";
import { program } from "./programs.ts";
import { SIGNING_POLICY, ZONE } from "./tree.ts";
import type { Tree } from "./tree.ts";
import { A, DNSKEY, answers } from "./wire.ts";

export interface Place {
  readonly address: string;
  readonly port: number;
}

/** The base64 secret in a tsig-keygen file. */
export function tsigSecret(file: string): string {
  const secret = /secret "([^"]+)"/.exec(readFileSync(file, "utf8"))?.[1];
  if (secret === undefined) throw new Error(`no secret in ${file}`);
  return secret;
}

/** A key as tsig-keygen writes it; returns the file. */
export async function makeTsigKey(folder: string, name: string): Promise<string> {
  const file = join(folder, `${name}.key`);
  writeFileSync(file, await must(program("tsig-keygen"), ["-a", "hmac-sha256", name]), { mode: 0o600 });
  return file;
}

function options(folder: string, at: Place): string {
  return `
options {
  directory "${folder}"; pid-file "named.pid"; session-keyfile "session.key"; managed-keys-directory "${folder}";
  listen-on port ${String(at.port)} { ${at.address}; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; empty-zones-enable no; minimal-responses no;
  notify explicit; notify-delay 0; notify-rate 1000; startup-notify-rate 1000;
  allow-transfer { 127.0.0.0/8; };
};
controls { };
`;
}

export interface ParentsOptions {
  readonly tree: Tree;
  readonly at: Place;
}

function parents(tree: Tree): string {
  return `
zone "." { type primary; file "${tree.root}"; notify no; };
zone "test" { type primary; file "${tree.top}"; notify no; };
`;
}

/** Root and `test.` alone, when another program is the primary of the zone. */
export async function startBindParents({ tree, at }: ParentsOptions): Promise<Daemon> {
  const folder = join(tree.folder, "parents");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "named.conf");
  writeFileSync(file, options(folder, at) + parents(tree));
  return startDaemon({
    name: "named (root and test)",
    command: "named",
    args: ["-g", "-c", file],
    cwd: folder,
    ready: () => answers(at, "test", DNSKEY),
  });
}

export interface PrimaryOptions extends ParentsOptions {
  /** tsig-keygen files that named shall know. */
  readonly keyFiles: readonly string[];
  /** Lines of the update-policy, without the semicolon: `grant KEY name OWNER TLSA`. */
  readonly grants: readonly string[];
  readonly notify: readonly Place[];
  /** For instance `P2D`; default: BIND's own two weeks. */
  readonly signaturesValidity?: string;
}

/** {@link SIGNING_POLICY} with signatures that end sooner. */
function signingPolicy(validity: string | undefined): string {
  if (validity === undefined) return SIGNING_POLICY;
  const times = `signatures-validity ${validity}; signatures-validity-dnskey ${validity}; signatures-refresh PT1H;`;
  return SIGNING_POLICY.replace(/ };\n$/, ` ${times} };\n`);
}

export async function startBindPrimary({
  tree,
  at,
  keyFiles,
  grants,
  notify,
  signaturesValidity,
}: PrimaryOptions): Promise<Daemon> {
  const folder = join(tree.folder, "primary");
  mkdirSync(folder, { recursive: true });
  const also = notify.map((place) => `${place.address} port ${String(place.port)};`).join(" ");
  const file = join(folder, "named.conf");
  writeFileSync(
    file,
    `${keyFiles.map((key) => `include "${key}";\n`).join("")}${signingPolicy(signaturesValidity)}${options(folder, at)}${parents(tree)}
zone "${ZONE}" {
  type primary; file "${tree.zone}"; key-directory "${tree.keys}"; dnssec-policy "lab"; inline-signing no;
  also-notify { ${also} };
  update-policy { ${grants.map((grant) => `${grant};`).join(" ")} };
};
`,
  );
  return startDaemon({
    name: "named (primary)",
    command: "named",
    args: ["-g", "-c", file],
    cwd: folder,
    ready: () => answers(at, ZONE, DNSKEY),
  });
}

export async function startBindSecondary(folder: string, at: Place, primary: Place): Promise<Daemon> {
  const home = join(folder, "secondary");
  mkdirSync(home, { recursive: true });
  const file = join(home, "named.conf");
  writeFileSync(
    file,
    `${options(home, at)}
zone "${ZONE}" {
  type secondary; file "${ZONE}.db"; masterfile-format text; allow-notify { 127.0.0.0/8; };
  primaries { ${primary.address} port ${String(primary.port)}; };
  min-refresh-time 1; max-refresh-time 2; min-retry-time 1; max-retry-time 1;
};
`,
  );
  return startDaemon({
    name: "named (secondary)",
    command: "named",
    args: ["-g", "-c", file],
    cwd: home,
    ready: () => answers(at, `ns1.${ZONE}`, A),
  });
}
