/**
 * ACME clients, each set up as its users have it, with dns-01 by RFC 2136 under the one TSIG key, in a folder of its
 * own. The hook of each is installed as the README tells, with the path of a stand-in for `/usr/local/bin/daneward`.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tsigSecret } from "./bind.ts";
import type { Place } from "./bind.ts";
import { hostPort } from "./daneward.ts";
import { spkiSha256 } from "./lineage.ts";
import { run } from "./process.ts";
import type { Ended } from "./process.ts";
import { program } from "./programs.ts";
import { ZONE } from "./tree.ts";

/** What all clients are told. */
export interface AcmeSetup {
  readonly folder: string;
  /** The URL of the authority, and the certificate its server is trusted by. */
  readonly directory: string;
  readonly caFile: string;
  /** The server that takes updates, and a tsig-keygen file of the key it takes. */
  readonly primary: Place;
  readonly tsigKey: string;
  readonly resolver: Place;
  /** What the README calls `/usr/local/bin/daneward`. */
  readonly daneward: string;
}

/** As the README tells; or it ends with an error, or cannot be started. */
export type HookState = "told" | "broken";

export interface AcmeClient {
  /** Of the section in `daneward.toml`, and of the host. */
  readonly name: string;
  readonly host: string;
  /** `source` and further lines of its section. */
  readonly section: readonly string[];
  /** The first order: installs nothing. Keeps what it is told to. */
  readonly issue: () => Promise<Ended>;
  /** What cron does, but at once. */
  readonly renew: () => Promise<Ended>;
  readonly hook: (state: HookState) => void;
  /** SHA-256 of the public key of the newest certificate, lower-case hex. */
  readonly spki: () => string;
}

type Env = Readonly<Record<string, string>>;

/** On a busy machine an order takes its time. */
const order = (client: string, args: readonly string[], env: Env = {}): Promise<Ended> =>
  run(client, args, { env, timeoutMs: 60_000 });

function script(file: string, ...lines: readonly string[]): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, ["#!/bin/sh", ...lines, ""].join("\n"));
  chmodSync(file, 0o755);
  return file;
}

function home({ folder }: AcmeSetup, name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

const leafIn = (file: string): string => spkiSha256(readFileSync(file, "utf8"));

/** The credentials of certbot-dns-rfc2136, which hold key and server. */
export function writeCertbotCredentials({ folder, primary, tsigKey }: AcmeSetup): string {
  const file = join(folder, "rfc2136.ini");
  const lines = [
    `dns_rfc2136_server = ${primary.address}`,
    `dns_rfc2136_port = ${String(primary.port)}`,
    "dns_rfc2136_name = daneward.",
    `dns_rfc2136_secret = ${tsigSecret(tsigKey)}`,
    "dns_rfc2136_algorithm = HMAC-SHA256",
  ];
  writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  return file;
}

/** Its words, and the environment, of any call of certbot that orders something. */
function certbotWords(setup: AcmeSetup, at: string): { readonly words: readonly string[]; readonly env: Env } {
  const folders = ["config", "work", "logs"].flatMap((part) => [`--${part}-dir`, join(at, part)]);
  return { words: ["-n", ...folders], env: { REQUESTS_CA_BUNDLE: setup.caFile, HOME: at } };
}

function certbotOrder(setup: AcmeSetup): readonly string[] {
  const dns = ["--dns-rfc2136", "--dns-rfc2136-credentials", writeCertbotCredentials(setup)];
  const account = ["--agree-tos", "--register-unsafely-without-email", "--server", setup.directory];
  return [...dns, "--dns-rfc2136-propagation-seconds", "0", ...account];
}

/** certbot with its own keys: a lineage, and a program in `renewal-hooks/deploy`. */
export function certbot(setup: AcmeSetup, name: string, host: string): AcmeClient {
  const at = home(setup, name);
  const { words, env } = certbotWords(setup, at);
  const live = join(at, "config/live", host);
  const hook = join(at, "config/renewal-hooks/deploy/daneward");
  return {
    name,
    host,
    section: [`source = "${live}"`],
    issue: () => order(program("certbot"), ["certonly", ...words, ...certbotOrder(setup), "-d", host], env),
    renew: () =>
      order(
        program("certbot"),
        ["-q", "renew", ...words, "--cert-name", host, "--force-renewal", "--no-random-sleep-on-renew"],
        env,
      ),
    hook: (state) => {
      script(hook, state === "told" ? `exec ${setup.daneward} hook certbot` : "exit 9");
    },
    spki: () => leafIn(join(live, "cert.pem")),
  };
}

/** certbot that only signs: the keys are daneward's, and the script of the README fetches a certificate for one. */
export function certbotForRequests(setup: AcmeSetup, name: string, host: string): AcmeClient {
  const at = home(setup, name);
  const { words, env } = certbotWords(setup, at);
  const signed = join(at, "signed");
  mkdirSync(signed);
  const renewal = script(
    join(at, `renew-${name}`),
    "set -e",
    ...Object.entries(env).map(([name, value]) => `export ${name}=${value}`),
    "umask 022",
    `cd "$(mktemp -d ${signed}/new.XXXXXX)"`,
    `trap 'rm -r "$PWD"' EXIT`,
    `${setup.daneward} csr ${name} -q --output mx.csr`,
    `certbot certonly ${words.join(" ")} --csr mx.csr --cert-path cert.pem --chain-path chain.pem --fullchain-path fullchain.pem ${certbotOrder(setup).join(" ")}`,
    `mv fullchain.pem ../mx.pem`,
  );
  return {
    name,
    host,
    section: [`source = { cert = "${signed}/mx.pem" }`, 'next = "prepublish"', `renew = "${renewal}"`],
    issue: () => order(renewal, []),
    renew: () => order(renewal, []),
    hook: () => undefined,
    spki: () => leafIn(join(signed, "mx.pem")),
  };
}

/** dehydrated, whose one `HOOK` writes the challenges; with `rollover` it keeps a next key. */
export function dehydrated(
  setup: AcmeSetup,
  name: string,
  host: string,
  { rollover }: { readonly rollover: boolean },
): AcmeClient {
  const at = home(setup, name);
  const { address, port } = setup.primary;
  const hook = join(at, "hook");
  const lines: Readonly<Record<HookState, readonly string[]>> = {
    told: [`${setup.daneward} hook dehydrated "$@" || :`],
    broken: [`${at}/not-there hook dehydrated "$@" || :`],
  };
  const challenge = `printf 'server %s %s\\nzone ${ZONE}\\nupdate %s _acme-challenge.%s. 1 TXT "%s"\\nsend\\n' ${address} ${String(port)}`;
  const write = (state: HookState): void => {
    script(
      hook,
      ...lines[state],
      'case "$1" in',
      `deploy_challenge) ${challenge} add "$2" "$4" | nsupdate -k ${setup.tsigKey} ;;`,
      `clean_challenge) ${challenge} del "$2" "$4" | nsupdate -k ${setup.tsigKey} ;;`,
      "esac",
    );
  };
  write("told");
  const config = join(at, "config");
  const settings = [
    `CA=${setup.directory}`,
    `BASEDIR=${at}`,
    `DOMAINS_TXT=${at}/domains.txt`,
    `CURL_OPTS="--cacert ${setup.caFile}"`,
    "CHALLENGETYPE=dns-01",
    `HOOK=${hook}`,
    ...(rollover ? ["PRIVATE_KEY_ROLLOVER=yes"] : []),
  ];
  writeFileSync(config, `${settings.join("\n")}\n`);
  writeFileSync(join(at, "domains.txt"), `${host}\n`);
  const call = (...words: readonly string[]): Promise<Ended> => order(program("dehydrated"), ["-f", config, ...words]);
  const folder = join(at, "certs", host);
  return {
    name,
    host,
    section: [`source = "${folder}"`, ...(rollover ? ['next = "prepublish"', 'next_key = "privkey.roll.pem"'] : [])],
    issue: () => call("--cron", "--accept-terms"),
    renew: () => call("--cron", "--force"),
    hook: write,
    spki: () => leafIn(join(folder, "cert.pem")),
  };
}

/** lego 4, whose hook is given with each call. */
export function lego(setup: AcmeSetup, name: string, host: string): AcmeClient {
  const at = home(setup, name);
  const file = (ending: string): string => join(at, "certificates", `${host}.${ending}`);
  const env = {
    LEGO_CA_CERTIFICATES: setup.caFile,
    RFC2136_NAMESERVER: hostPort(setup.primary),
    RFC2136_TSIG_KEY: "daneward.",
    RFC2136_TSIG_SECRET: tsigSecret(setup.tsigKey),
    RFC2136_TSIG_ALGORITHM: "hmac-sha256.",
    RFC2136_POLLING_INTERVAL: "1",
    RFC2136_TTL: "1",
  };
  const dns = ["--dns", "rfc2136", "--dns.resolvers", hostPort(setup.resolver), "--dns.disable-cp"];
  const account = ["--server", setup.directory, "--accept-tos", "--email", "hostmaster@example.test"];
  const words = ["--path", at, ...account, ...dns, "-d", host];
  let state: HookState = "told";
  const hook = (): string => (state === "told" ? `${setup.daneward} hook lego` : "/bin/false");
  return {
    name,
    host,
    section: [`source = { cert = "${file("crt")}", key = "${file("key")}" }`],
    issue: () => order(program("lego"), [...words, "run", "--run-hook", hook()], env),
    renew: () =>
      order(program("lego"), [...words, "renew", "--days", "99999", "--no-random-sleep", "--renew-hook", hook()], env),
    hook: (to) => {
      state = to;
    },
    spki: () => leafIn(file("crt")),
  };
}
