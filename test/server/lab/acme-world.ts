/**
 * A site with five services, each with a certificate of its own from pebble by another way: certbot, dehydrated and lego
 * with keys of theirs, dehydrated with a next key, certbot with requests for daneward's keys. All of them and daneward
 * write to the same BIND with the same TSIG key.
 */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { certbot, certbotForRequests, dehydrated, lego, writeCertbotCredentials } from "./acme-clients.ts";
import type { AcmeClient, AcmeSetup } from "./acme-clients.ts";
import type { Place } from "./bind.ts";
import { daneward, hostPort } from "./daneward.ts";
import { makeAuthority, makeLineage, spkiSha256 } from "./lineage.ts";
import { startPebble } from "./pebble.ts";
import type { Ended } from "./process.ts";
import { startSampler } from "./sampler.ts";
import type { SampledService, Sampler } from "./sampler.ts";
import { startNginxSites, startPostfix } from "./services.ts";
import type { Site } from "./services.ts";
import { ZONE } from "./tree.ts";
import { unwind } from "./unwind.ts";
import { UPDATE_PROGRAMS, startUpdateWorld } from "./update-world.ts";
import type { UpdateWorld } from "./update-world.ts";
import { TLSA, ask, tlsaText } from "./wire.ts";

/** Programs that {@link startAcmeWorld} needs. */
export const ACME_PROGRAMS: readonly string[] = [
  ...UPDATE_PROGRAMS.bind,
  ...["nsd", "nginx", "postfix", "openssl", "nsupdate", "curl"],
  ...["pebble", "certbot", "dehydrated", "lego"],
];

/** TTL of the TLSA records, in seconds. */
export const TTL = 1;

/** `ahead` is a dehydrated that keeps a next key, `requests` a certbot that signs requests for daneward's keys. */
export const NAMES = ["certbot", "dehydrated", "lego", "ahead", "requests"] as const;

export type Name = (typeof NAMES)[number];

const LAUNCHER = fileURLToPath(new URL("../../../bin/daneward.js", import.meta.url));
const MAIL_PORT = 2525;
const WEB_PORT = 8443;
const FIRST_HOST = 20;

const hostOf = (name: Name): string => `${name === "certbot" ? "mx" : name}.${ZONE}`;
const serviceOf = (name: Name): SampledService => {
  const starttls = name === "certbot";
  return { host: hostOf(name), port: starttls ? MAIL_PORT : WEB_PORT, starttls };
};
const ownerOf = (name: Name): string => {
  const { host, port } = serviceOf(name);
  return `_${String(port)}._tcp.${host}`;
};

export interface AcmeWorld extends UpdateWorld {
  readonly clients: Readonly<Record<Name, AcmeClient>>;
  readonly run: (args: readonly string[]) => Promise<Ended>;
  readonly tick: () => Promise<Ended>;
  /** SHA-256 of the public key of the certificate that is deployed, lower-case hex. */
  readonly deployedKey: (name: Name) => string;
  readonly stateDirectory: string;
  /** Has the services read what daneward deploys, in place of a certificate that nobody knows. */
  readonly moveServices: () => Promise<void>;
  /** TLSA records on every name server, sorted text. */
  readonly served: (name: Name) => Promise<readonly string[]>;
  /** TLSA records in the clients' cache. */
  readonly known: (name: Name) => Promise<readonly string[]>;
  readonly startSampler: () => Sampler;
}

function clientsOf(setup: AcmeSetup): AcmeWorld["clients"] {
  return {
    certbot: certbot(setup, "certbot", hostOf("certbot")),
    dehydrated: dehydrated(setup, "dehydrated", hostOf("dehydrated"), { rollover: false }),
    lego: lego(setup, "lego", hostOf("lego")),
    ahead: dehydrated(setup, "ahead", hostOf("ahead"), { rollover: true }),
    requests: certbotForRequests(setup, "requests", hostOf("requests")),
  };
}

async function tlsaAt(server: Place, name: Name, recursion: boolean): Promise<readonly string[]> {
  return (await ask(server, ownerOf(name), TLSA, { recursion })).answers.map(({ data }) => tlsaText(data)).sort();
}

async function servedEverywhere({ primary, secondary }: UpdateWorld, name: Name): Promise<readonly string[]> {
  const [here = [], there = []] = await Promise.all([primary, secondary].map((server) => tlsaAt(server, name, false)));
  return JSON.stringify(here) === JSON.stringify(there) ? here : ["the name servers differ"];
}

function section(
  { name, section: lines }: AcmeClient,
  service: string,
  deploy: string,
  reload: readonly string[],
): string {
  return `[certificate.${name}]
${lines.join("\n")}
publish = "lab"
deploy = "${deploy}"
services = ["${service}"]
reload = [${JSON.stringify(reload.join(" "))}]
`;
}

function preamble(base: UpdateWorld, keyFile: string): string {
  return `version = 1
resolver = "${hostPort(base.resolver)}"
name_server_port = ${String(base.primary.port)}
[dnssec]
trust_anchors = "${base.anchorFile}"
[defaults]
ttl = "${String(TTL)}s"
propagation_delay = "1s"
publish_safety = "1s"
retire_safety = "0s"
confirm_rounds = 3
confirm_interval = "0s"
poll_interval = "1s"
observe_interval = "1s"
[publish.lab]
type = "rfc2136"
server = "${hostPort(base.primary)}"
key_file = "${keyFile}"
`;
}

export async function startAcmeWorld(): Promise<AcmeWorld> {
  const base = await startUpdateWorld("bind", "with-secondary", {
    records: (address) => NAMES.map((name, at) => `${hostOf(name)}. IN A ${address(FIRST_HOST + at)}`),
    owners: NAMES.map(ownerOf),
    grants: NAMES.map((name) => `grant daneward name _acme-challenge.${hostOf(name)}. TXT`),
  });
  const undo: (() => Promise<void>)[] = [base.stop];
  try {
    return await build(base, undo);
  } catch (error) {
    await unwind(undo);
    throw error;
  }
}

async function build(base: UpdateWorld, undo: (() => Promise<void>)[]): Promise<AcmeWorld> {
  const { folder, primary, tsigKey, resolver } = base;
  const authority = await makeAuthority(join(folder, "ca"));
  // For the server of the authority, and for services that have no better one yet.
  const { live: unknown } = await makeLineage(join(folder, "unknown"), authority, "localhost", ["localhost"]);
  const caFile = join(folder, "ca.pem");
  copyFileSync(join(authority.folder, "root.pem"), caFile);
  const [certificate, privateKey] = [join(unknown, "fullchain.pem"), join(unknown, "privkey.pem")];
  const pebble = await startPebble({ folder, certificate, privateKey, dnsServer: primary });
  undo.push(pebble.daemon.stop);

  const home = join(folder, "daneward");
  const [configFile, stateDirectory] = [join(home, "daneward.toml"), join(home, "state")];
  mkdirSync(home, { mode: 0o711 });
  const flags = ["--config", configFile, "--state-dir", stateDirectory];
  const command = join(home, "daneward.sh");
  writeFileSync(command, `#!/bin/sh\nexec ${[process.execPath, LAUNCHER, ...flags].join(" ")} "$@"\n`);
  chmodSync(command, 0o755);
  const deployed = (name: Name): string => join(home, "deployed", name);

  const setup: AcmeSetup = {
    folder,
    directory: pebble.directory,
    caFile,
    primary,
    tsigKey,
    resolver,
    daneward: command,
  };
  const clients = clientsOf(setup);
  const place = (name: Name): Place => ({
    address: base.address(FIRST_HOST + NAMES.indexOf(name)),
    port: serviceOf(name).port,
  });
  const postfix = await startPostfix(folder, [place("certbot")], unknown);
  undo.push(postfix.stop);
  const sites = (from: (name: Name) => string): readonly Site[] =>
    NAMES.filter((name) => name !== "certbot").map((name) => ({ places: [place(name)], folders: [from(name)] }));
  const nginx = await startNginxSites(
    folder,
    sites(() => unknown),
  );
  undo.push(nginx.stop);

  const sections = NAMES.map((name) => {
    const { host, port, starttls } = serviceOf(name);
    const service = `${host}:${String(port)}/${starttls ? "smtp" : "tls"}`;
    return section(clients[name], service, deployed(name), starttls ? postfix.reload : nginx.reload);
  });
  writeFileSync(configFile, [preamble(base, writeCertbotCredentials(setup)), ...sections].join(""));
  const runHere: AcmeWorld["run"] = (args) => daneward([...flags, ...args], { timeoutMs: 60_000 });
  return {
    ...base,
    clients,
    run: runHere,
    tick: () => runHere(["tick"]),
    deployedKey: (name) => spkiSha256(readFileSync(join(deployed(name), "cert.pem"), "utf8")),
    stateDirectory,
    moveServices: async () => {
      await Promise.all([postfix.readFrom(deployed("certbot")), nginx.serve(sites(deployed))]);
    },
    served: (name) => servedEverywhere(base, name),
    known: (name) => tlsaAt(resolver, name, true),
    startSampler: () => startSampler(resolver, NAMES.map(serviceOf), 300),
    logs: () =>
      [
        base.logs(),
        `--- the end of pebble\n${pebble.daemon.output().split("\n").slice(-40).join("\n")}`,
        `--- the end of the logs of Postfix and nginx\n${postfix.log().slice(-2_000)}${nginx.log().slice(-2_000)}`,
      ].join("\n"),
    stop: () => unwind(undo),
  };
}
