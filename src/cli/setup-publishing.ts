/** Of a proposed configuration what has to do with name servers: where updates go, the key, and what allows them. Pure. */
import path from "node:path";
import { formatHostPort } from "../base/socket-address.ts";
import type { HostPort } from "../base/socket-address.ts";
import { displayName, isAtOrBelow, parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { updateAddress } from "../driver/setup/name-servers.ts";
import type { DnsServerProgram, FoundNameServer, ServedZone } from "../driver/setup/name-servers.ts";
import type { FoundKey, Survey } from "../driver/setup/survey.ts";
import { bindGrant, knotAcl, powerDnsMeta, powerDnsScript } from "../publisher/policy-lines.ts";
import type { ProposedPolicy, SetupProposal } from "../report/setup-text.ts";

/** What DNS says at one owner name. */
export interface OwnerToday {
  readonly status: "secure" | "insecure" | "bogus" | "unknown";
  readonly records: readonly string[];
  readonly zone: DomainName | null;
  /** The primary that the SOA record names. */
  readonly primary: DomainName | null;
  /** Addresses of the primary, then of the zone's other name servers. */
  readonly addresses: readonly string[];
  /** Why it is not secure, or could not be looked up; empty: all is well. */
  readonly detail: string;
}

/** What is looked after, and what is known around it. */
export interface PublishingGround {
  readonly survey: Survey;
  readonly owners: readonly DomainName[];
  readonly today: ReadonlyMap<DomainName, OwnerToday>;
  /** Addresses of this host; empty: not known. */
  readonly local: readonly string[];
  readonly resolvers: readonly HostPort[];
  /** Whether /etc/daneward is there, or is going to be. */
  readonly hasFolder: boolean;
}

const DEFAULT_KEY = "/etc/daneward/tsig.key";
const DEFAULT_KEY_NAME = "daneward.";

export function publisherOf(ground: PublishingGround): SetupProposal["publisher"] {
  const key = keyOf(ground.survey);
  return { ...serverOf(ground, key), ...keyFileOf(ground, key) };
}

/** One that can be used where it is before others. */
function keyOf({ keys }: Survey): FoundKey | null {
  return keys.find(({ isPrivate }) => isPrivate) ?? keys[0] ?? null;
}

const PROGRAM_NAMES: Readonly<Record<DnsServerProgram, string>> = {
  bind: "named",
  knot: "Knot",
  powerdns: "PowerDNS",
};

function serverOf(
  ground: PublishingGround,
  key: FoundKey | null,
): { readonly server: string | null; readonly serverWhy: string } {
  const { survey, owners, today } = ground;
  const given = key?.server ?? null;
  if (key !== null && given !== null) return { server: textOf(given), serverWhy: `as ${key.file} says` };
  const named = owners.flatMap((owner) => today.get(owner)?.addresses ?? []);
  for (const found of survey.nameServers) {
    const at = updateAddress(found, { ...ground, named });
    const isPrimary = found.zones?.some(({ name }) => owners.some((owner) => isAtOrBelow(owner, name)));
    // One that keeps its zones elsewhere is the primary where the zone names its address.
    if (at === null || !(isPrimary ?? named.includes(at.host))) continue;
    const where = `${PROGRAM_NAMES[found.program]} on this host listens there (${found.configuration})`;
    return { server: textOf(at), serverWhy: isPrimary === true ? `${where} and is primary for the zone` : where };
  }
  const primary = owners.flatMap((owner) => today.get(owner)?.primary ?? [])[0];
  if (primary !== undefined) return { server: displayName(primary), serverWhy: "the zone's SOA record names it" };
  return { server: null, serverWhy: "it takes dynamic updates" };
}

function textOf({ host, port }: HostPort): string {
  return port === 53 ? host : formatHostPort(host, port);
}

function keyFileOf(
  { survey, hasFolder }: PublishingGround,
  key: FoundKey | null,
): Pick<SetupProposal["publisher"], "keyFile" | "keyWhy" | "makeKey"> {
  const folder = hasFolder ? [] : ["install -d -m 0755 /etc/daneward"];
  if (key === null) {
    const makeKey = [...folder, ...makeKeyFor(survey.nameServers)];
    return { keyFile: DEFAULT_KEY, keyWhy: "make it as daneward adopt says, and tell the primary", makeKey };
  }
  const { file, name, isPrivate } = key;
  const keyWhy = `holds the TSIG key ${name}`;
  const isOwn = file.startsWith("/etc/daneward/");
  if (isPrivate) {
    const [server] = survey.nameServers;
    const isUnknown = isOwn && server?.keys?.includes(name) === false;
    return { keyFile: file, keyWhy, makeKey: isUnknown ? tellKey(server, file) : [] };
  }
  if (isOwn) return { keyFile: file, keyWhy, makeKey: [`chmod 0600 ${file}`] };
  // Others read it where it is, and shall.
  const makeKey = [...folder, `install -m 0600 ${file} ${DEFAULT_KEY}`];
  return { keyFile: DEFAULT_KEY, keyWhy: `a copy of ${file} that nobody else may read`, makeKey };
}

function makeKeyFor(servers: readonly FoundNameServer[]): readonly string[] {
  const make = (command: string): string => `(umask 077 && ${command} > ${DEFAULT_KEY})`;
  const [server] = servers;
  switch (server?.program) {
    case undefined:
      return [make(`tsig-keygen -a hmac-sha256 ${DEFAULT_KEY_NAME}`)];
    case "bind":
      return [make(`tsig-keygen -a hmac-sha256 ${DEFAULT_KEY_NAME}`), ...tellKey(server, DEFAULT_KEY)];
    case "knot":
      return [make(`keymgr -t ${DEFAULT_KEY_NAME} hmac-sha256`), ...tellKey(server, DEFAULT_KEY)];
    case "powerdns":
      return [
        "pdnsutil generate-tsig-key daneward hmac-sha256",
        make(String.raw`pdnsutil list-tsig-keys | grep '^daneward\.'`),
      ];
  }
}

/** What has a server know a key out of a file that it can include. */
function tellKey(server: FoundNameServer | undefined, file: string): readonly string[] {
  if (server === undefined || server.program === "powerdns") return [];
  const { program, configuration } = server;
  const folder = path.posix.dirname(configuration);
  const copy = `${folder}/daneward.key`;
  if (program === "knot") {
    return [`install -m 0640 -g knot ${file} ${copy}`, `sed -i '1i include: ${copy}' ${configuration}`];
  }
  const including = folder === "/etc/bind" ? `${folder}/named.conf.local` : configuration;
  return [
    `install -m 0640 -g ${folder === "/etc" ? "named" : "bind"} ${file} ${copy}`,
    `echo 'include "${copy}";' >> ${including}`,
  ];
}

/** What each server must allow, in its own words, and what has it read that. Where none is known it is one of them all. */
export function policiesOf(ground: PublishingGround): readonly ProposedPolicy[] {
  const { survey, owners, today } = ground;
  const name = parseName(keyOf(survey)?.name ?? DEFAULT_KEY_NAME);
  if (owners.length === 0 || !name.ok) return [];
  const key = { name: name.value };
  const found = survey.nameServers;
  const all: readonly (FoundNameServer | { readonly program: DnsServerProgram; readonly zones: null })[] =
    found.length > 0 ? found : (["bind", "knot", "powerdns"] as const).map((program) => ({ program, zones: null }));
  const zones = [...new Set(owners.map((owner) => zoneAt(owner, today)))];
  const isKnown = found.length > 0;
  return all.flatMap(({ program, zones: served }): readonly ProposedPolicy[] => {
    switch (program) {
      case "bind":
        return zones
          .map((zone) => {
            const own = owners.filter((owner) => zoneAt(owner, today) === zone);
            return bindPolicy(key, zone, own, served ?? []);
          })
          .filter(({ lines }) => lines.length > 0)
          .map((policy, at, open) => {
            const type = isKnown && at === open.length - 1 ? ["named-checkconf && rndc reconfig"] : [];
            return { ...policy, type };
          });
      case "knot":
        return [
          {
            title: `what Knot must allow: in knot.conf, and "acl: daneward" in ${zones.map(displayName).join(", ")}`,
            lines: knotAcl({ key }, owners),
            notes: [],
            type: isKnown ? ["knotc conf-check && knotc reload"] : [],
          },
        ];
      case "powerdns":
        return [
          {
            title: "what PowerDNS must allow: in /etc/powerdns/daneward.lua",
            lines: powerDnsScript({ key }, owners),
            notes: [
              ...(isKnown ? [] : zones.map((zone) => powerDnsMeta({ key, zone }))),
              "and in pdns.conf dnsupdate=yes, lua-dnsupdate-policy-script=/etc/powerdns/daneward.lua, and allow-dnsupdate-from with the address of this host",
            ],
            type: isKnown ? [...zones.map((zone) => powerDnsMeta({ key, zone })), "systemctl restart pdns"] : [],
          },
        ];
    }
  });
}

function bindPolicy(
  key: { readonly name: DomainName },
  zone: DomainName,
  owners: readonly DomainName[],
  served: readonly ServedZone[],
): Omit<ProposedPolicy, "type"> {
  const found = served.find(({ name }) => name === zone);
  const plain = (grant: string): string => grant.toLowerCase().replace(/\.(?= |$)|;$/g, "");
  const given = new Set(found?.grants.map(plain));
  const grants = owners.map((owner) => bindGrant({ key, owner })).filter((grant) => !given.has(plain(grant)));
  const place = found === undefined ? "in named.conf" : `at ${found.configuration}:${String(found.line)}`;
  const clause = `of zone "${displayName(zone)}" ${place}`;
  if (found?.updates === "update-policy") {
    return {
      title: `what BIND must allow: more lines for update-policy { … } ${clause}`,
      lines: grants,
      notes: notesOn(found),
    };
  }
  const replaced = found?.updates === "allow-update" ? ", in place of allow-update" : "";
  return {
    title: `what BIND must allow: in the clause ${clause}${replaced}`,
    lines: ["update-policy {", ...grants.map((grant) => `    ${grant}`), "};"],
    notes: found === undefined ? [] : notesOn(found),
  };
}

function notesOn({ name, file, signed }: ServedZone): readonly string[] {
  return [
    ...(signed
      ? [
          `named signs this zone; "rndc zonestatus ${displayName(name)}" says whether inline-signing is on: leave that as it is, since a zone that loses it falls back to an old serial`,
        ]
      : []),
    ...(file?.startsWith("/etc/") === true
      ? [`named has to write ${file} and a journal beside it: on Debian it may do so in /var/lib/bind alone`]
      : []),
  ];
}

/** Without DNS a guess: the domain around the host, or the host where that would be a top-level domain. */
function zoneAt(owner: DomainName, today: ReadonlyMap<DomainName, OwnerToday>): DomainName {
  const known = today.get(owner)?.zone ?? null;
  if (known !== null) return known;
  const host = displayName(owner).split(".").slice(2);
  const parsed = parseName((host.length > 2 ? host.slice(1) : host).join("."));
  return parsed.ok ? parsed.value : owner;
}
