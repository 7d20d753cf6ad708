/** From what was found on a host to a configuration for it. Pure. */
import { protocolOfPort } from "../base/service-protocol.ts";
import type { HostPort } from "../base/socket-address.ts";
import { displayName, parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { CertificateUse } from "../driver/setup/certificate-use.ts";
import { reloadActionOf } from "../driver/setup/init-system.ts";
import type { InitSystem } from "../driver/setup/init-system.ts";
import { pointingsOf } from "../driver/setup/pointing.ts";
import { wayToTick } from "../driver/setup/run-ticks.ts";
import type { FoundLineage, Survey } from "../driver/setup/survey.ts";
import { matchesDnsName } from "../pki/names.ts";
import type { ProposedCertificate, SetupProposal } from "../report/setup-text.ts";
import { tlsaOwner } from "../tlsa/owner.ts";
import { policiesOf, publisherOf } from "./setup-publishing.ts";
import type { OwnerToday } from "./setup-publishing.ts";

/** A service that a certificate was found at. */
export interface Candidate {
  readonly host: string;
  readonly port: number;
  readonly owner: DomainName;
  readonly use: CertificateUse;
}

const DEPLOY_ROOT = "/etc/ssl/daneward";
const DEFAULT_FILE = "/etc/daneward/daneward.toml";

/** Ports whose clients look for TLSA records as a matter of course: mail. */
const DANE_PORTS: ReadonlySet<number> = new Set([25, 465, 587]);

/** The services of a certificate, by the names that its servers and the certificate itself say. */
export function candidatesOf({ dnsNames, uses }: Pick<FoundLineage, "dnsNames" | "uses">): readonly Candidate[] {
  const found = uses.flatMap((use) =>
    hostsOf(use, dnsNames).flatMap((host) =>
      use.ports.flatMap((port): readonly Candidate[] => {
        const name = parseName(host);
        return name.ok ? [{ host, port, owner: tlsaOwner(name.value, port), use }] : [];
      }),
    ),
  );
  return [...new Map(found.map((one) => [one.owner, one])).values()];
}

/** What the server is called by, as far as the certificate names it; else what the certificate names. */
function hostsOf({ program, hosts }: CertificateUse, dnsNames: readonly string[]): readonly string[] {
  const plain = dnsNames.filter((name) => !name.startsWith("*."));
  const named = hosts
    .map((host) => host.toLowerCase())
    .filter((host) => dnsNames.some((one) => matchesDnsName(one, host)));
  if (named.length > 0) return named;
  const [first] = plain;
  if (program === "dovecot") {
    const mail = plain.filter((name) => /^(?:imap|pop3?|mail)\./.test(name));
    if (mail.length > 0) return mail;
  }
  return first === undefined ? [] : [first];
}

/** What is known besides what the survey found. */
export interface SetupGround {
  readonly resolver: string;
  /** All that are asked here. */
  readonly resolvers: readonly HostPort[];
  /** Addresses of this host; empty: not known. */
  readonly local: readonly string[];
  /** File of trust anchors; null: those that are built in. */
  readonly trustAnchors: string | null;
  /** Where the configuration is, or would be, written; null: standard output. */
  readonly output: string | null;
  /** Nothing is to be written. */
  readonly dryRun: boolean;
}

/** Everything that is proposed. `today`: what DNS was found to say at the owner names of the candidates. */
export function proposeSetup(
  survey: Survey,
  today: ReadonlyMap<DomainName, OwnerToday>,
  ground: SetupGround,
): SetupProposal {
  const names = namesOf(survey.lineages);
  const anyUsed = survey.lineages.some(({ uses }) => uses.length > 0);
  const certificates = survey.lineages.map((lineage, at) =>
    certificateOf(lineage, names[at] ?? lineage.name, today, { anyUsed, isFirst: at === 0, init: survey.init }),
  );
  const active = survey.lineages.filter((_lineage, at) => certificates[at]?.active === true);
  const owners = active.flatMap((lineage) => candidatesOf(lineage).filter((one) => isActive(one, lineage, today)));
  const publishing = {
    ...{ survey, today, local: ground.local, resolvers: ground.resolvers },
    owners: owners.map(({ owner }) => owner),
    hasFolder: survey.hasFolder || (!ground.dryRun && ground.output?.startsWith("/etc/daneward/") === true),
  };
  const uses = survey.lineages.flatMap((lineage, at) => {
    const deploy = `${DEPLOY_ROOT}/${certificates[at]?.name ?? ""}`;
    return certificates[at]?.active === true ? lineage.uses.map((use) => ({ use, deploy })) : [];
  });
  return withNext({
    writtenTo: ground.dryRun ? null : ground.output,
    wouldWrite: ground.dryRun ? ground.output : null,
    editorSchema: survey.schema,
    resolver: ground.resolver,
    trustAnchors: ground.trustAnchors,
    publisher: publisherOf(publishing),
    certificates,
    mailReload: reloadActionOf("postfix", survey.init),
    policies: policiesOf(publishing),
    isPrimaryKnown: survey.nameServers.length > 0,
    ...commandsFor(survey, ground.output ?? DEFAULT_FILE),
    substitutions: pointingsOf(uses, survey.init),
    hooks: hooksOf(active),
    records: [...today].map(([owner, one]) => ({ owner: displayName(owner), said: sayToday(one) })),
    missing: missingOf(survey, owners, today),
  });
}

function commandsFor(survey: Survey, file: string): Pick<SetupProposal, "look" | "again" | "run"> {
  const config = file === DEFAULT_FILE ? "" : ` --config ${file}`;
  const verbs = ["check-config", "doctor", "tick"];
  return {
    look: verbs.map((verb) => `daneward ${verb}${config}`),
    again: [`daneward tick --force${config}`, `daneward status${config}`],
    run: wayToTick({ ...survey, ...survey.units }, config),
  };
}

/** All commands once more, in the order in which to type them. */
function withNext(proposal: Omit<SetupProposal, "next">): SetupProposal {
  const { publisher, policies, look, substitutions, again, run } = proposal;
  const own = [...publisher.makeKey, ...policies.flatMap(({ type }) => type)];
  const pointed = substitutions.flatMap(({ commands }) => commands);
  return { ...proposal, next: [...own, ...look, ...pointed, ...again, ...run.type] };
}

/** The first label where that is enough to tell them apart. */
function namesOf(lineages: readonly FoundLineage[]): readonly string[] {
  const short = lineages.map(({ name }) => (name.split(".")[0] ?? name).replace(/[^A-Za-z0-9_-]/g, "_"));
  return lineages.map(({ name }, at) => {
    const label = short[at] ?? "";
    const isPlain = label !== "" && !label.startsWith("-") && short.filter((one) => one === label).length === 1;
    return isPlain ? label : name.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^[^A-Za-z0-9_]+/, "");
  });
}

/** Mail always; other services where clients hold to records already, or where there is nothing but them. */
function isActive(
  { port, owner }: Candidate,
  lineage: FoundLineage,
  today: ReadonlyMap<DomainName, OwnerToday>,
): boolean {
  if (DANE_PORTS.has(port) || (today.get(owner)?.records.length ?? 0) > 0) return true;
  return !lineage.uses.some(({ ports }) => ports.some((one) => DANE_PORTS.has(one)));
}

function certificateOf(
  lineage: FoundLineage,
  name: string,
  today: ReadonlyMap<DomainName, OwnerToday>,
  { anyUsed, isFirst, init }: { readonly anyUsed: boolean; readonly isFirst: boolean; readonly init: InitSystem },
): ProposedCertificate {
  const { client, dnsNames, keyAlgorithm, keepsKey, ownHook, uses, source } = lineage;
  const renewal = keepsKey
    ? "a renewal keeps the key, so that 3 1 1 records stay as they are"
    : "each renewal has a new key and is a rollover";
  return {
    name,
    remarks: [
      `${client} ${lineage.name}: ${keyAlgorithm ?? "not readable or not issued yet"}, ${dnsNames.join(", ")}; ${renewal}`,
      ...(ownHook === null ? [] : [`${client} runs a hook of its own (${ownHook}): let it reload no server`]),
      ...(uses.length > 0 ? [] : ["no configuration of a server was found that reads it"]),
    ],
    active: uses.length > 0 || (!anyUsed && isFirst),
    source,
    deploy: `${DEPLOY_ROOT}/${name}`,
    services: candidatesOf(lineage).map((one) => {
      const found = `${one.use.program}, ${one.use.configuration}`;
      const active = isActive(one, lineage, today);
      const state = recordsToday(today.get(one.owner));
      return {
        label: labelOf(one),
        active,
        why: active ? `${found}; ${state}` : `${found}; ${state}: clients gain little`,
      };
    }),
    reload: [...new Set(uses.map(({ program }) => reloadActionOf(program, init)))],
  };
}

function recordsToday(today: OwnerToday | undefined): string {
  if (today === undefined || today.status === "unknown") return "DNS was not asked, or did not say";
  const { length } = today.records;
  if (length === 0) return "no TLSA record today";
  return `${String(length)} TLSA record${length === 1 ? "" : "s"} today`;
}

function labelOf({ host, port, use }: Candidate): string {
  const label = `${host}:${String(port)}`;
  if (protocolOfPort(port) !== null) return label;
  return `${label}/${use.program === "postfix" ? "smtp" : "tls"}`;
}

function hooksOf(lineages: readonly FoundLineage[]): SetupProposal["hooks"] {
  const clients = new Map<string, { readonly title: string; readonly lines: readonly string[] }>();
  for (const { client, hook } of lineages) {
    const title = `so that a renewal by ${client} is noticed at once (a tick finds it in any case)`;
    clients.set(hook.join("\n"), { title, lines: hook });
  }
  return [...clients.values()];
}

function sayToday({ status, records, detail }: OwnerToday): string {
  if (status === "bogus" || status === "unknown") return `could not be looked up: ${detail}`;
  const what = records.length === 0 ? "no TLSA record" : records.join(" + ");
  return status === "secure" ? what : `${what}; the zone is not signed: ${detail}`;
}

function missingOf(
  survey: Survey,
  owners: readonly Candidate[],
  today: ReadonlyMap<DomainName, OwnerToday>,
): readonly string[] {
  const { lineages, otherUses, denied, keys } = survey;
  const unsigned = owners.find(({ owner }) => today.get(owner)?.status === "insecure");
  return [
    ...(denied.length === 0 ? [] : [`not readable by this user: ${denied.join(", ")}; run it as root`]),
    ...(lineages.length === 0
      ? ["no certificate of certbot, dehydrated, acme.sh or lego: fill source in (any ACME client will do)"]
      : []),
    ...(lineages.length > 0 && owners.length === 0
      ? ["no server whose configuration reads one of these certificates: fill services in"]
      : []),
    ...(keys.length > 0
      ? []
      : ["no TSIG key for updates: make one (below), or choose another type in [publish.local]"]),
    ...(unsigned === undefined
      ? []
      : [`DNSSEC: the zone of ${unsigned.host} is not signed; without that no client heeds TLSA records`]),
    ...otherUses.map(({ program, file, configuration, line }) => {
      return `${program} reads ${file} (${configuration}:${String(line)}), which belongs to no ACME client that is known here`;
    }),
  ];
}
