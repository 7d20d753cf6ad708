/** The program under test, as a user runs it: `node bin/daneward.js …`, with a configuration and a state folder of its own. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Place } from "./bind.ts";
import { run } from "./process.ts";
import type { Ended, RunOptions } from "./process.ts";
import { MX, WWW } from "./world.ts";
import type { World } from "./world.ts";

const LAUNCHER = fileURLToPath(new URL("../../../bin/daneward.js", import.meta.url));

/** Runs the command line once. */
export function daneward(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return run(process.execPath, [LAUNCHER, ...args], options);
}

/** `address:port`, as `--resolver` and `--server` take it. */
export function hostPort(place: Place): string {
  return `${place.address}:${String(place.port)}`;
}

/** What a test changes in the configuration of {@link makeWard}. */
export interface Settings {
  readonly keyFile?: string;
  /** The update server. */
  readonly server?: Place;
  /** The resolver that daneward asks. */
  readonly resolver?: Place;
  readonly reload?: readonly string[];
  /** Lines at the end of `[certificate.lab]`. */
  readonly extra?: readonly string[];
}

/** TTL of the TLSA records in these suites, in seconds: long enough to be cached, short enough to wait for. */
export const TTL = 3;

export interface Ward {
  readonly configFile: string;
  readonly stateDir: string;
  /** The link that servers read through. */
  readonly deploy: string;
  readonly configure: (settings?: Settings) => void;
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<Ended>;
  readonly tick: (options?: RunOptions) => Promise<Ended>;
  readonly status: () => Promise<CertificateStatus>;
  /** What `status` says, as a person reads it and as a program does. */
  readonly told: () => Promise<Told>;
  /** The same installation, every command run with these variables. */
  readonly under: (env: Readonly<Record<string, string>>) => Ward;
}

export interface Told {
  /** With lines joined and blanks drawn together: where a line is folded says nothing. */
  readonly text: string;
  readonly json: CertificateStatus;
  /** Every code that the document names: of the hold, of failed actions, of refusals. */
  readonly codes: readonly string[];
}

/** The part of `status --json` that the suites read. */
export interface CertificateStatus {
  readonly name: string;
  readonly phase: string;
  /** `well`, `waiting` or `attention`. */
  readonly concern: string;
  readonly hold?: { readonly reason: string; readonly detail: string };
  readonly troubles: readonly { readonly subject: string; readonly code: string; readonly message: string }[];
  readonly refusals: readonly { readonly gate: string; readonly code: string; readonly detail: string }[];
  readonly owners: readonly {
    readonly owner: string;
    readonly records: readonly { readonly text: string; readonly state: string; readonly ours: boolean }[];
    readonly servers: readonly { readonly name: string; readonly address: string; readonly inSync: boolean }[];
  }[];
}

function isStatus(value: unknown): value is { readonly certificates: readonly CertificateStatus[] } {
  return typeof value === "object" && value !== null && "certificates" in value && Array.isArray(value.certificates);
}

/** A command line of the reload list, as TOML wants it. */
function words(argv: readonly string[]): string {
  return JSON.stringify(argv.join(" "));
}

/** The settings of a whole installation, and of each of its certificates but for where they come from. */
function preamble(world: World, settings: Settings): string {
  const { keyFile = world.tsigKey, server = world.primary, resolver = world.resolver } = settings;
  return `version = 1
resolver = "${hostPort(resolver)}"
name_server_port = ${String(world.primary.port)}
[dnssec]
trust_anchors = "${world.anchorFile}"
[defaults]
tlsa = ["3 1 1"]
ttl = "${String(TTL)}s"
propagation_delay = "1s"
publish_safety = "1s"
retire_safety = "2s"
confirm_rounds = 3
confirm_interval = "0s"
poll_interval = "1s"
observe_interval = "1s"
[publish.lab]
type = "rfc2136"
server = "${hostPort(server)}"
key_file = "${keyFile}"
`;
}

function configuration(world: World, deploy: string, settings: Settings): string {
  const reload = settings.reload ?? [words(world.postfix.reload), words(world.nginx.reload)];
  return `${preamble(world, settings)}[certificate.lab]
source = "${world.lineage.live}"
deploy = "${deploy}"
publish = "lab"
services = ["${MX.host}:${String(MX.port)}/smtp", "${WWW.host}:${String(WWW.port)}/tls"]
reload = [${reload.join(", ")}]
${(settings.extra ?? []).join("\n")}
`;
}

/** A host of its own: an installation, a certificate and a service for itself, at one address of a shared name. */
export interface Host {
  /** The folder below that of the world. */
  readonly name: string;
  readonly source: string;
  readonly service: string;
  readonly address: string;
  readonly reload: readonly string[];
  readonly keyFile: string;
}

function hostConfiguration(world: World, host: Host, deploy: string, settings: Settings): string {
  return `${preamble(world, { keyFile: host.keyFile, ...settings })}[certificate.lab]
source = "${host.source}"
deploy = "${deploy}"
publish = "lab"
services = ["${host.service}"]
verify = ["${host.address}"]
reload = [${(settings.reload ?? [words(host.reload)]).join(", ")}]
${(settings.extra ?? []).join("\n")}
`;
}

/** The installation that every suite has: the mail and the web server of the world, with one certificate. */
export function makeWard(world: World): Ward {
  return makeWardIn(join(world.folder, "daneward"), (deploy, settings) => configuration(world, deploy, settings));
}

/** An installation on another host of the same world. */
export function makeHostWard(world: World, host: Host): Ward {
  return makeWardIn(join(world.folder, host.name), (deploy, settings) =>
    hostConfiguration(world, host, deploy, settings),
  );
}

function makeWardIn(home: string, configurationOf: (deploy: string, settings: Settings) => string): Ward {
  const stateDir = join(home, "state");
  const deploy = join(home, "deployed", "lab");
  const configFile = join(home, "daneward.toml");
  mkdirSync(home, { recursive: true, mode: 0o711 });
  const configure = (settings: Settings = {}): void => {
    writeFileSync(configFile, configurationOf(deploy, settings));
  };
  configure();
  return wardWith({ configFile, stateDir, deploy, configure }, {});
}

function wardWith(
  place: Pick<Ward, "configFile" | "stateDir" | "deploy" | "configure">,
  env: Readonly<Record<string, string>>,
): Ward {
  const flags = ["--config", place.configFile, "--state-dir", place.stateDir];
  const runHere = (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
    daneward([...flags, ...args], { ...options, env: { ...env, ...options.env } });
  const status = async (): Promise<CertificateStatus> => {
    const ended = await runHere(["status", "--json"]);
    const document: unknown = JSON.parse(ended.stdout);
    const certificate = isStatus(document) ? document.certificates.find(({ name }) => name === "lab") : undefined;
    if (certificate === undefined)
      throw new Error(`status does not tell of the certificate: ${ended.stdout}${ended.stderr}`);
    return certificate;
  };
  return {
    ...place,
    run: runHere,
    tick: (options) => runHere(["tick"], options),
    status,
    under: (more) => wardWith(place, { ...env, ...more }),
    told: async () => {
      const [text, json] = [(await runHere(["status"])).stdout.replace(/\s+/g, " "), await status()];
      const codes = [
        ...(json.hold === undefined ? [] : [json.hold.reason]),
        ...[...json.troubles, ...json.refusals].map(({ code }) => code),
      ];
      return { text, json, codes };
    },
  };
}
