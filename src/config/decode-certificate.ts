/** `[certificate.NAME]` and the `[defaults]` they share. */
import { dirname, join, resolve } from "node:path";
import { OperationalError } from "../base/errors.ts";
import { seconds } from "../base/time.ts";
import type { Policy } from "../rollover/policy.ts";
import { tlsaOwner } from "../tlsa/owner.ts";
import { formatParameters, isIssuerUsage, isKeyAlone } from "../tlsa/params.ts";
import type { TlsaParameters } from "../tlsa/params.ts";
import { command, reloadActions } from "./commands.ts";
import { suggestion } from "./nearest.ts";
import type { CertificateConfig, ServiceConfig, SourceConfig } from "./schema.ts";
import { listOf, optional, readTable, refuse, refuseUnknownKeys, required, warn } from "./table.ts";
import type { Decode, Item, Problems, Table } from "./table.ts";
import { address, duration, group, integer, parameters, path, service, text } from "./values.ts";

/** What `[defaults]` may say, and each certificate for itself. */
export const DEFAULT_KEYS = [
  "tlsa",
  "ttl",
  "propagation_delay",
  "publish_safety",
  "retire_safety",
  "confirm_rounds",
  "confirm_interval",
  "confirm_patience",
  "poll_interval",
  "observe_interval",
  "cache_floor",
  "max_records",
];
const OWN_KEYS = [
  "source",
  "deploy",
  "hold_file",
  "publish",
  "services",
  "reload",
  "renew",
  "verify",
  "next",
  "next_key",
  "key_group",
];
/** What `[certificate.NAME]` may say. */
export const CERTIFICATE_KEYS = [...OWN_KEYS, ...DEFAULT_KEYS];

export interface Defaults {
  readonly parameters: readonly TlsaParameters[];
  readonly timing: Omit<Policy, "owners">;
}

const BUILT_IN: Defaults = {
  // RFC 7671 §5.1: the key, not the certificate, so that most renewals change nothing.
  parameters: [{ usage: 3, selector: 1, matchingType: 1 }],
  timing: {
    ttl: seconds(3600),
    // propagation delay, publish safety: the defaults of BIND's dnssec-policy (zone-propagation-delay, publish-safety).
    propagationDelay: seconds(300),
    publishSafety: seconds(3600),
    retireSafety: seconds(86_400),
    // No official reference for the rest.
    confirmRounds: 3,
    confirmInterval: seconds(10),
    confirmPatience: seconds(600),
    pollInterval: seconds(60),
    observeInterval: seconds(3600),
    cacheFloor: seconds(0),
    maxRecords: 12,
  },
};

/** Whoever swaps certificates elsewhere does so every hour, if not once a day; no official reference. */
const SWAP_PATIENCE = 3600;

/** What stands around a certificate in the configuration. */
export interface Surroundings {
  readonly deployRoot: string;
  readonly publisherNames: readonly string[];
  readonly defaults: Defaults;
}

/** A certificate and where it stands. */
export interface Located {
  readonly item: Item;
  readonly certificate: CertificateConfig;
}

/** The `[defaults]` over the built-in ones. */
export function decodeDefaults(table: Table, problems: Problems): Defaults {
  return decodeShared(table, BUILT_IN, problems);
}

function decodeShared(table: Table, base: Defaults, problems: Problems): Defaults {
  const time = (key: string, least: number, fallback: Policy["ttl"]): Policy["ttl"] =>
    optional(table, key, duration(least), fallback, problems);
  const { timing } = base;
  const shared: Defaults = {
    parameters: optional(table, "tlsa", parameterList, base.parameters, problems),
    timing: {
      ttl: time("ttl", 1, timing.ttl),
      propagationDelay: time("propagation_delay", 0, timing.propagationDelay),
      publishSafety: time("publish_safety", 0, timing.publishSafety),
      retireSafety: time("retire_safety", 0, timing.retireSafety),
      confirmRounds: optional(table, "confirm_rounds", integer(1, 100), timing.confirmRounds, problems),
      confirmInterval: time("confirm_interval", 0, timing.confirmInterval),
      confirmPatience: time("confirm_patience", 1, timing.confirmPatience),
      pollInterval: time("poll_interval", 1, timing.pollInterval),
      observeInterval: time("observe_interval", 1, timing.observeInterval),
      cacheFloor: time("cache_floor", 0, timing.cacheFloor),
      maxRecords: optional(table, "max_records", integer(2, 100), timing.maxRecords, problems),
    },
  };
  adviseOnTimes(table, shared, problems);
  return shared;
}

/** What is allowed and hardly meant. Only said where it was written. */
function adviseOnTimes(table: Table, { timing }: Defaults, problems: Problems): void {
  const ttl = table.get("ttl");
  if (ttl !== undefined && timing.ttl < 60) {
    warn(problems, ttl, "below 60s each sender asks again and again", "1h is usual");
  }
  if (ttl !== undefined && timing.ttl > 86_400) {
    warn(problems, ttl, "above 1d each rollover waits for more than two days", "1h is usual");
  }
  const most = table.get("max_records");
  if (most !== undefined && timing.maxRecords > 12) {
    warn(problems, most, "some large senders read no more than 12 records of a name", "12 is the default");
  }
}

const parameterList: Decode<readonly TlsaParameters[]> = (item, problems) => {
  const list = listOf(parameters)(item, problems);
  if (list === null) return null;
  if (list.length === 0) return refuse(problems, item, "must name at least one", 'write tlsa = ["3 1 1"]');
  const texts = list.map(({ usage, selector, matchingType }) => `${usage} ${selector} ${matchingType}`);
  const twice = texts.find((one, index) => texts.indexOf(one) !== index);
  if (twice !== undefined) return refuse(problems, item, `names "${twice}" twice`);
  if (list.some(isPkix) && !list.every(isPkix)) {
    // RFC 7671 §8: a client that skips usages 0 and 1 and one that wants them judge differently.
    warn(problems, item, "mixes usages 0 or 1 with 2 or 3: clients will disagree on what is right", 'use ["3 1 1"]');
  }
  return list;
};

function isPkix({ usage }: TlsaParameters): boolean {
  return usage === 0 || usage === 1;
}

/** Null after a fault. */
export function decodeCertificate(
  name: string,
  item: Item,
  surroundings: Surroundings,
  problems: Problems,
): CertificateConfig | null {
  const table = readTable(item, problems);
  if (table === null) return null;
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name)) {
    const hint = "letters, digits, dots, dashes and underscores, at most 100, not beginning with a dot or a dash";
    refuse(problems, item, `"${name}" cannot be the name of a certificate`, hint);
  }
  refuseUnknownKeys(table, CERTIFICATE_KEYS, problems);
  const source = required(item, table, "source", readSource, problems);
  const services = required(item, table, "services", readServices, problems);
  const publisher = choosePublisher(item, table, surroundings.publisherNames, problems);
  const deploy = optional(table, "deploy", deployPath, join(surroundings.deployRoot, name), problems);
  const rest = {
    holdFile: optional(table, "hold_file", path, null, problems),
    reload: optional(table, "reload", reloadActions, [], problems),
    renew: optional(table, "renew", command([]), null, problems),
    verify: optional(table, "verify", addresses, null, problems),
    next: optional(table, "next", readNext, "on-renewal" as const, problems),
    nextKey: source === null ? null : optional(table, "next_key", besideSource(source), null, problems),
    keyGroup: optional(table, "key_group", group, null, problems),
  };
  const { parameters: chosen, timing } = decodeShared(table, surroundings.defaults, problems);
  if (services !== null) refusePkixForMail(table.get("tlsa") ?? item, chosen, services, problems);
  if (source !== null) refuseDeployIntoSource(table.get("deploy") ?? item, deploy, source, problems);
  judgeNext(table, rest.next, chosen, problems);
  const holdItem = table.get("hold_file");
  if (holdItem !== undefined && timing.confirmPatience < SWAP_PATIENCE) {
    const hint = 'add confirm_patience = "1d", or as long as the swap may take';
    warn(problems, holdItem, "the certificate must be swapped within confirm_patience, or the old one is held", hint);
  }
  if (rest.reload.length === 0 && !table.has("reload") && holdItem === undefined) {
    warn(
      problems,
      item,
      "no reload: most servers keep the old certificate until they are told",
      'add reload = ["postfix"]',
    );
  }
  if (source === null || services === null || publisher === null) return null;
  const policy: Policy = { ...timing, owners: services.map(({ owner }) => owner) };
  return { name, source, deploy, publisher, services, ...rest, parameters: chosen, policy };
}

/** Where servers read. A word for "do not deploy here" would make a folder of that name beside the configuration. */
export const deployPath: Decode<string> = (item, problems) => {
  const written = typeof item.value === "string" ? item.value.trim() : "";
  if (!/^hold[-_ ]?file$/i.test(written)) return path(item, problems);
  const hint = 'write hold_file = "…", the file that appears when others may swap the certificate';
  return refuse(problems, item, `"${written}" is no place to deploy to`, hint);
};

const readSource: Decode<SourceConfig> = (item, problems) => {
  if (typeof item.value === "string") {
    const folder = path(item, problems);
    return folder === null ? null : { kind: "directory", path: folder };
  }
  const table = readTable(item, problems);
  if (table === null) return null;
  refuseUnknownKeys(table, ["cert", "key", "chain"], problems);
  const cert = required(item, table, "cert", path, problems);
  const key = optional(table, "key", path, null, problems);
  const chain = optional(table, "chain", path, null, problems);
  return cert === null ? null : { kind: "files", cert, key, chain };
};

/** The client keeps its next key among its other files, so that a name alone is looked for there. */
function besideSource(source: SourceConfig): Decode<string> {
  const folder = source.kind === "directory" ? source.path : dirname(source.key ?? source.cert);
  return (item, problems) => {
    const written = text(item, problems);
    if (written === null) return null;
    return written === "" ? refuse(problems, item, "must not be empty") : resolve(folder, written);
  };
}

const readServices: Decode<readonly ServiceConfig[]> = (item, problems) => {
  const written = listOf(readService)(item, problems);
  if (written === null) return null;
  if (written.length === 0) return refuse(problems, item, "must name at least one service");
  const labels = written.map(({ label }) => label);
  const twice = labels.find((label, index) => labels.indexOf(label) !== index);
  return twice === undefined ? written : refuse(problems, item, `names ${twice} twice`);
};

const readService: Decode<ServiceConfig> = (item, problems) => {
  const written = service(item, problems);
  if (written === null) return null;
  try {
    return { ...written, owner: tlsaOwner(written.host, written.port) };
  } catch (cause) {
    if (!(cause instanceof OperationalError)) throw cause;
    return refuse(problems, item, cause.message, cause.hint);
  }
};

const addresses: Decode<readonly string[]> = (item, problems) => {
  const list = listOf(address)(item, problems);
  return list?.length === 0 ? refuse(problems, item, "must name at least one address", "leave it out for all") : list;
};

const readNext: Decode<CertificateConfig["next"]> = (item, problems) => {
  const mode = text(item, problems);
  if (mode === null || mode === "on-renewal" || mode === "prepublish") return mode;
  return refuse(problems, item, `must be "on-renewal" or "prepublish", not "${mode}"`);
};

/** Only a record of the key itself can be known before there is a certificate: those of usage 1 or 3 with selector 1. */
function judgeNext(
  table: Table,
  next: CertificateConfig["next"],
  chosen: readonly TlsaParameters[],
  problems: Problems,
): void {
  const [nextItem, keyItem] = [table.get("next"), table.get("next_key")];
  if (next !== "prepublish") {
    const hint = 'remove it, or write next = "prepublish"';
    if (keyItem !== undefined) refuse(problems, keyItem, 'means nothing with next = "on-renewal"', hint);
    return;
  }
  if (nextItem === undefined) return;
  if (!chosen.some(isKeyAlone)) {
    const list = chosen.map(formatParameters).join('", "');
    const message = `"prepublish" cannot be: with tlsa = ["${list}"] no record is known before the certificate is`;
    refuse(problems, nextItem, message, 'use tlsa = ["3 1 1"], whose record is of the key alone');
    return;
  }
  const late = chosen.find((one) => !isIssuerUsage(one.usage) && !isKeyAlone(one));
  if (late === undefined) return;
  const message = `"${formatParameters(late)}" is not known before the certificate is: each renewal waits for it all the same`;
  warn(problems, nextItem, message, "leave it out of tlsa");
}

/** The publisher that is named, or the only one there is. */
function choosePublisher(owner: Item, table: Table, names: readonly string[], problems: Problems): string | null {
  const item = table.get("publish");
  if (item === undefined) {
    const [only] = names;
    if (only !== undefined && names.length === 1) return only;
    const hint = names.length === 0 ? "add a table [publish.local]" : `add publish = "${names.join('" or "')}"`;
    return refuse(problems, owner, `"publish" is missing`, hint);
  }
  const name = text(item, problems);
  if (name === null || names.includes(name)) return name;
  return refuse(
    problems,
    item,
    `there is no [publish.${name}]${suggestion(name, names)}`,
    names.length === 0 ? `add a table [publish.${name}]` : `known: ${names.join(", ")}`,
  );
}

/** RFC 7672 §3.1.3: not for SMTP, whose clients may treat usages 0 and 1 as unusable. */
function refusePkixForMail(
  item: Item,
  chosen: readonly TlsaParameters[],
  services: readonly ServiceConfig[],
  problems: Problems,
): void {
  const mail = services.find(({ protocol, port }) => protocol === "smtp" || port === 25);
  if (mail === undefined || !chosen.some(isPkix)) return;
  refuse(problems, item, `usages 0 and 1 mean nothing to mail servers (${mail.label})`, 'use tlsa = ["3 1 1"]');
}

/** Servers would read what the ACME client changes at any moment, and our rename would replace its files. */
function refuseDeployIntoSource(item: Item, deploy: string, source: SourceConfig, problems: Problems): void {
  const sources =
    source.kind === "directory" ? [source.path] : [source.cert, source.key].filter((file) => file !== null);
  const clash = sources.find((one) => one === deploy || deploy.startsWith(`${one}/`) || one.startsWith(`${deploy}/`));
  if (clash === undefined) return;
  refuse(problems, item, `would deploy to ${deploy}, where the source ${clash} is`, "deploy to a place of its own");
}
