/** From what was found on a host to a configuration for it. Pure. */
import { protocolOfPort } from "../base/service-protocol.ts";
import { displayName, isAtOrBelow, parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import type { CertificateUse } from "../driver/setup/certificate-use.ts";
import { reloadActionOf } from "../driver/setup/init-system.ts";
import type { InitSystem } from "../driver/setup/init-system.ts";
import type { FoundKey, FoundLineage, Survey } from "../driver/setup/survey.ts";
import { matchesDnsName } from "../pki/names.ts";
import { bindGrant, knotAcl, powerDnsLua, powerDnsMeta } from "../publisher/policy-lines.ts";
import type { ProposedCertificate, SetupProposal, Substitution } from "../report/setup-text.ts";
import { tlsaOwner } from "../tlsa/owner.ts";

/** What DNS says at one owner name. */
export interface OwnerToday {
  readonly status: "secure" | "insecure" | "bogus" | "unknown";
  readonly records: readonly string[];
  readonly zone: DomainName | null;
  /** The primary that the SOA record names. */
  readonly primary: DomainName | null;
  /** Why it is not secure, or could not be looked up; empty: all is well. */
  readonly detail: string;
}

/** A service that a certificate was found at. */
export interface Candidate {
  readonly host: string;
  readonly port: number;
  readonly owner: DomainName;
  readonly use: CertificateUse;
}

const DEPLOY_ROOT = "/etc/ssl/daneward";
const DEFAULT_KEY = "/etc/daneward/tsig.key";
const DEFAULT_KEY_NAME = "daneward.";

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

/** Everything that is proposed. `today`: what DNS was found to say at the owner names of the candidates. */
export function proposeSetup(
  survey: Survey,
  today: ReadonlyMap<DomainName, OwnerToday>,
  around: { readonly resolver: string; readonly writtenTo: string | null; readonly file: string },
): SetupProposal {
  const names = namesOf(survey.lineages);
  const anyUsed = survey.lineages.some(({ uses }) => uses.length > 0);
  const certificates = survey.lineages.map((lineage, at) =>
    certificateOf(lineage, names[at] ?? lineage.name, today, { anyUsed, isFirst: at === 0, init: survey.init }),
  );
  const active = survey.lineages.filter((_lineage, at) => certificates[at]?.active === true);
  const owners = active.flatMap((lineage) => candidatesOf(lineage).filter((one) => isActive(one, lineage, today)));
  const [key] = survey.keys;
  const config = around.file === "/etc/daneward/daneward.toml" ? "" : ` --config ${around.file}`;
  return {
    writtenTo: around.writtenTo,
    editorSchema: survey.schema,
    resolver: around.resolver,
    publisher: publisherOf(survey, key ?? null, owners, today),
    certificates,
    mailReload: reloadActionOf("postfix", survey.init),
    policies: policiesOf(survey, key?.name ?? null, owners, today),
    substitutions: survey.lineages.flatMap((lineage, at) =>
      certificates[at]?.active === true ? substitutionsOf(lineage.uses, `${DEPLOY_ROOT}/${certificates[at].name}`) : [],
    ),
    hooks: hooksOf(active),
    records: [...today].map(([owner, one]) => ({ owner: displayName(owner), said: sayToday(one) })),
    missing: missingOf(survey, key ?? null, owners, today),
    next: [`daneward check-config${config}`, `daneward doctor${config}`, `daneward tick${config}`],
  };
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

function publisherOf(
  survey: Survey,
  key: FoundKey | null,
  owners: readonly Candidate[],
  today: ReadonlyMap<DomainName, OwnerToday>,
): SetupProposal["publisher"] {
  const isHere = owners.some(({ owner }) => survey.primaryFor.some((zone) => isAtOrBelow(owner, zone)));
  const primary = owners.flatMap(({ owner }) => today.get(owner)?.primary ?? [])[0];
  const chosen = ((): { readonly server: string | null; readonly serverWhy: string } => {
    const named = key?.server ?? null;
    if (key !== null && named !== null) {
      const { host, port } = named;
      return { server: port === 53 ? host : `${host}:${String(port)}`, serverWhy: `as ${key.file} says` };
    }
    if (isHere) return { server: "127.0.0.1", serverWhy: "named on this host is primary for the zone" };
    if (primary !== undefined) return { server: displayName(primary), serverWhy: "the zone's SOA record names it" };
    return { server: null, serverWhy: "it takes dynamic updates" };
  })();
  if (key !== null) {
    return { ...chosen, keyFile: key.file, keyWhy: `holds the TSIG key ${key.name}`, makeKey: [] };
  }
  const makeKey = [
    "install -d -m 0755 /etc/daneward",
    `(umask 077 && tsig-keygen -a hmac-sha256 ${DEFAULT_KEY_NAME} > ${DEFAULT_KEY})`,
    ...(survey.nameServers.includes("bind")
      ? [
          `install -m 0640 -g bind ${DEFAULT_KEY} /etc/bind/daneward.key`,
          `echo 'include "/etc/bind/daneward.key";' >> /etc/bind/named.conf.local`,
        ]
      : []),
  ];
  return { ...chosen, keyFile: DEFAULT_KEY, keyWhy: "make it as daneward adopt says, and tell the primary", makeKey };
}

function policiesOf(
  { nameServers }: Survey,
  key: DomainName | null,
  owners: readonly Candidate[],
  today: ReadonlyMap<DomainName, OwnerToday>,
): SetupProposal["policies"] {
  const [first] = owners;
  const name = parseName(key ?? DEFAULT_KEY_NAME);
  if (first === undefined || !name.ok) return [];
  const permission = (owner: DomainName): Parameters<typeof bindGrant>[0] => {
    return { key: { name: name.value }, owner, zone: zoneAt(owner, today) };
  };
  const zones = [...new Map(owners.map(({ owner }) => [zoneAt(owner, today), permission(owner)])).values()];
  const all = nameServers.length === 0 ? (["bind", "knot", "powerdns"] as const) : nameServers;
  return all.map((program) => {
    switch (program) {
      case "bind":
        return {
          title: "what BIND must allow: in update-policy { … } of the zone in named.conf",
          lines: owners.map(({ owner }) => bindGrant(permission(owner))),
        };
      case "knot":
        return {
          title: "what Knot must allow: in knot.conf, and acl: daneward for the zone",
          lines: owners.map(({ owner }) => knotAcl(permission(owner))),
        };
      case "powerdns":
        return {
          title: "what PowerDNS must allow: the key for the zone, the names in lua-dnsupdate-policy-script",
          lines: [...zones.map(powerDnsMeta), ...owners.map(({ owner }) => powerDnsLua({ owner }))],
        };
    }
  });
}

/** Without DNS a guess: the domain around the host, or the host where that would be a top-level domain. */
function zoneAt(owner: DomainName, today: ReadonlyMap<DomainName, OwnerToday>): DomainName {
  const known = today.get(owner)?.zone ?? null;
  if (known !== null) return known;
  const host = displayName(owner).split(".").slice(2);
  const parsed = parseName((host.length > 2 ? host.slice(1) : host).join("."));
  return parsed.ok ? parsed.value : owner;
}

/** What the deployed folder has in place of a client's file. */
function deployedName(file: string, role: "certificate" | "key" | "both"): string {
  if (role === "key") return "privkey.pem";
  if (role === "both") return "combined.pem";
  return /(?:^|\/)cert\.pem$/.test(file) ? "cert.pem" : "fullchain.pem";
}

function substitutionsOf(uses: readonly CertificateUse[], deploy: string): readonly Substitution[] {
  return uses.flatMap(({ program, file, companions, directive, configuration, line }): readonly Substitution[] => {
    if (file.startsWith(`${deploy}/`)) return [];
    const place = `${configuration}:${String(line)}`;
    if (program === "postfix") {
      const to = `smtpd_tls_chain_files = ${deploy}/combined.pem`;
      const old = directive.includes("ecc")
        ? "smtpd_tls_eccert_file smtpd_tls_eckey_file"
        : "smtpd_tls_cert_file smtpd_tls_key_file";
      const remove = directive === "smtpd_tls_chain_files" ? [] : [`postconf -X ${old}`];
      const commands = [`postconf -e '${to}'`, ...remove, "postfix reload"];
      return [{ place, from: [`${directive} = ${file}`, ...companions].join(" "), to, commands }];
    }
    const whole = program === "haproxy" ? "both" : "certificate";
    const pairs = [
      { from: file, to: `${deploy}/${deployedName(file, whole)}` },
      ...companions.map((key) => ({ from: key, to: `${deploy}/${deployedName(key, "key")}` })),
    ];
    return pairs.map(({ from, to }) => ({ place, from, to, commands: [] }));
  });
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
  key: FoundKey | null,
  owners: readonly Candidate[],
  today: ReadonlyMap<DomainName, OwnerToday>,
): readonly string[] {
  const { lineages, otherUses, denied } = survey;
  const unsigned = owners.find(({ owner }) => today.get(owner)?.status === "insecure");
  return [
    ...(denied.length === 0 ? [] : [`not readable by this user: ${denied.join(", ")}; run it as root`]),
    ...(lineages.length === 0
      ? ["no certificate of certbot, dehydrated, acme.sh or lego: fill source in (any ACME client will do)"]
      : []),
    ...(lineages.length > 0 && owners.length === 0
      ? ["no server whose configuration reads one of these certificates: fill services in"]
      : []),
    ...(key === null ? [`no TSIG key for updates: make one (below), or choose another type in [publish.local]`] : []),
    ...(unsigned === undefined
      ? []
      : [`DNSSEC: the zone of ${unsigned.host} is not signed; without that no client heeds TLSA records`]),
    ...otherUses.map(({ program, file, configuration, line }) => {
      return `${program} reads ${file} (${configuration}:${String(line)}), which belongs to no ACME client that is known here`;
    }),
  ];
}
