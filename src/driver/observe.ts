/**
 * Gathers what one tick sees of the world for one certificate: the ACME client's files, our deployment store, every
 * name server of every owner name, one validated answer each, and the handshake of every address. Evidence only: what
 * cannot be looked at is part of it, and nothing here decides anything.
 */
import { assert } from "../base/assert.ts";
import { fault, OperationalError } from "../base/errors.ts";
import { seconds } from "../base/time.ts";
import type { Clock } from "../base/time.ts";
import type { CertificateConfig, PublisherConfig } from "../config/schema.ts";
import { TYPE, rcodeName } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeTlsa, formatTlsa } from "../dns/rdata.ts";
import type { Rrset } from "../dns/rrset.ts";
import { mapLimited } from "../resolver/map-limited.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { OwnerView, ServerView } from "../resolver/server-view.ts";
import { recordText } from "../rollover/chain.ts";
import type { RecordText } from "../rollover/chain.ts";
import { countingServers } from "../rollover/horizon.ts";
import type {
  Observation,
  OwnerObservation,
  ServerObservation,
  SourceObservation,
  ValidatedObservation,
} from "../rollover/observation.ts";
import type { RolloverState } from "../rollover/state.ts";
import { freezeFault, readFreeze } from "../store/freeze.ts";
import { loadState } from "../store/store.ts";
import { tellNodesApart } from "./anycast.ts";
import { readSource } from "./chain-files.ts";
import type { ChainFiles, RereadOptions } from "./chain-files.ts";
import { sharingOf } from "./companions.ts";
import type { Sharing } from "./companions.ts";
import { faultOf, viewStore } from "./deploy.ts";
import type { StoreView } from "./deploy.ts";
import { observeEndpoints } from "./endpoints.ts";
import type { LookContext } from "./endpoints.ts";
import { deploymentFaults, factsOf } from "./facts.ts";
import { observeStandby } from "./standby.ts";
import type { StandbyView } from "./standby.ts";
import { keyFinder, vaultOf } from "./vault.ts";
import type { DeployTarget } from "./versions.ts";
import type { World } from "./world.ts";

/** Owner names looked at side by side; each asks every address of every name server. */
const OWNERS_AT_ONCE = 8;

/** What `observe` looks at and through. */
export interface Subject {
  readonly certificate: CertificateConfig;
  readonly publisher: PublisherConfig;
  readonly target: DeployTarget;
  readonly stateDirectory: string;
  /** The units that serve some service of this one. */
  readonly sharers: readonly CertificateConfig[];
  readonly world: World;
  readonly clock: Clock;
  readonly reread: RereadOptions;
  readonly signal: AbortSignal;
  /**
   * Next keys may be made and copied into the vault, the one thing that a look may write: the key must be safe before
   * its record is asked for. Absent: not in a dry run.
   */
  readonly mayKeepKeys?: boolean;
}

/** An observation, and the very files it speaks of, so that what is stored is what was judged. */
export interface Sight {
  readonly observation: Observation;
  readonly source: ChainFiles | null;
}

/** Looks at everything once. Failures of the outside are part of the observation. Throws what a state file throws. */
export async function observe(subject: Subject): Promise<Sight> {
  const { certificate } = subject;
  const store = viewStore(subject.target, certificate.parameters);
  const sharing = sharingOf(certificate, subject.sharers, subject.stateDirectory);
  const findKey = keyFinder(vaultOf(subject.stateDirectory, certificate.name));
  const reading = readSource(certificate.source, subject.reread, findKey);
  const [source, standby, owners, endpoints, readers, publisher] = await Promise.all([
    reading,
    reading.then((read) => observeStandby(standbyView(subject, store, read))),
    mapLimited(certificate.policy.owners, (owner) => observeOwner(subject, owner), OWNERS_AT_ONCE),
    reading.then((read) =>
      observeEndpoints(certificate, subject.world, subject.signal, sightsOf(subject, store, sharing, read)),
    ),
    subject.world.readers(certificate),
    subject.world.publisher(subject.publisher).then(() => null, faultOf),
  ]);
  return {
    observation: {
      uptime: subject.world.uptime(),
      source: sourceObservation(subject, store, sharing, source),
      deployed: store.deployed,
      stored: [...new Set(store.chains.map(({ facts }) => facts.id))],
      owners,
      endpoints,
      ...(sharing === null ? {} : { companions: sharing.companions }),
      ...(standby === null ? {} : { standby }),
      ...(readers === null ? {} : { readers }),
      ...(publisher === null ? {} : { publisher }),
      ...haltedBy(subject, sharing),
    },
    source: source.ok ? source.value : null,
  };
}

/** Asked at each look: whoever freezes everything need not wait for a tick that lingers. */
function haltedBy({ stateDirectory }: Subject, sharing: Sharing | null): Pick<Observation, "halted"> {
  const freeze = readFreeze(stateDirectory);
  if (freeze !== null) return { halted: freezeFault(freeze) };
  const clash = sharing?.clash ?? null;
  return clash === null ? {} : { halted: clash };
}

function standbyView(subject: Subject, store: StoreView, source: Awaited<ReturnType<typeof readSource>>): StandbyView {
  const { certificate, stateDirectory, reread, mayKeepKeys = false } = subject;
  const before = loadState(stateDirectory, certificate.name)?.state ?? null;
  const offered = source.ok ? factsOf(source.value, certificate.parameters) : null;
  const mayWrite = mayKeepKeys && readFreeze(stateDirectory) === null;
  const chains = [store.deployed, offered];
  return { certificate, stateDirectory, before, chains, now: subject.clock(), reread, mayWrite };
}

/** What is known before the services are looked at. */
function sightsOf(
  subject: Subject,
  store: StoreView,
  sharing: Sharing | null,
  source: Awaited<ReturnType<typeof readSource>>,
): LookContext {
  const before = loadState(subject.stateDirectory, subject.certificate.name)?.state ?? null;
  const offered = source.ok ? factsOf(source.value, subject.certificate.parameters) : null;
  const wanted = [offered, store.deployed].flatMap((chain) => chain?.records ?? []);
  return {
    deployed: store.deployed?.id ?? null,
    known: new Set([...store.chains.map(({ facts }) => facts.id), ...(offered === null ? [] : [offered.id])]),
    sharing,
    before,
    isPublished: before?.owners.length === subject.certificate.policy.owners.length && isServed(before, wanted),
    now: subject.clock(),
  };
}

/** Whether every name server was last seen to serve every one of these records at every owner name. */
function isServed({ owners }: RolloverState, wanted: readonly RecordText[]): boolean {
  return owners.every((owner) =>
    countingServers(owner).every(({ records }) => wanted.every((record) => records?.includes(record) === true)),
  );
}

function sourceObservation(
  subject: Subject,
  store: StoreView,
  sharing: Sharing | null,
  source: Awaited<ReturnType<typeof readSource>>,
): SourceObservation {
  if (!source.ok) return { outcome: "failed", fault: source.fault };
  const { certificate } = subject;
  return {
    outcome: "chain",
    chain: factsOf(source.value, certificate.parameters),
    faults: [
      ...deploymentFaults(source.value, certificate, subject.clock()),
      // Said before anything is published: there would be no way to deploy what the records announce.
      ...(store.blocked === null ? [] : [store.blocked]),
      ...(sharing === null || sharing.change === null ? [] : [sharing.change]),
    ],
  };
}

/** One owner name at every name server, and one validated answer. Its failure is the answer. */
export async function observeOwner(subject: Subject, owner: DomainName): Promise<OwnerObservation> {
  const [seen, answer] = await Promise.all([
    lookAt(subject, owner).catch((error: unknown) => faultOf(error)),
    subject.world.resolve(owner, TYPE.TLSA),
  ]);
  if ("code" in seen) return { outcome: "failed", owner, fault: seen };
  const { looks, primary } = seen;
  const [view] = looks;
  const named = tellNodesApart(
    looks.map(({ servers }) => servers.map((server) => serverObservation(server, subject.publisher))),
  );
  return {
    outcome: "seen",
    owner,
    finalOwner: view.finalOwner,
    zone: view.zone,
    aliasTtl: seconds(Math.max(0, ...looks.flatMap(({ aliases }) => aliases.map((link) => link.ttl)))),
    // Clients never ask a hidden primary: beside name servers that count it may refuse, alone it can approve nothing.
    servers: named.some(({ excluded }) => !excluded) ? [...named, ...primary] : named,
    validated: validatedObservation(answer),
  };
}

interface Looks {
  readonly looks: readonly [OwnerView, ...OwnerView[]];
  readonly primary: readonly ServerObservation[];
}

/** One look after another at every server, as many as `anycast_polls` says; all at the same final owner name. */
async function lookAt(subject: Subject, owner: DomainName): Promise<Looks> {
  const { world, publisher } = subject;
  const first = await world.viewOwner(owner);
  const others: OwnerView[] = [];
  while (others.length < publisher.anycastPolls - 1) {
    const next = await world.viewOwner(owner);
    if (next.finalOwner !== first.finalOwner || next.zone !== first.zone) {
      const [before, after] = [first, next].map(({ finalOwner }) => displayName(finalOwner));
      const what = `${displayName(owner)} led to ${before ?? ""} and then to ${after ?? ""} within one round of looks`;
      throw new OperationalError("DNS_ALIAS_DIFFERS", what);
    }
    others.push(next);
  }
  return { looks: [first, ...others], primary: await lookAtPrimary(subject, first) };
}

/**
 * The primary that no NS record names, when one is configured for the zone. It is ahead of all others: a record that
 * somebody deletes there is missed before caches miss it. Signing may be left to a server behind it, so that an answer
 * without RRSIG says nothing.
 */
async function lookAtPrimary({ world, publisher }: Subject, view: OwnerView): Promise<readonly ServerObservation[]> {
  const { hiddenPrimary } = publisher;
  if (hiddenPrimary === null || (view.finalOwner !== view.owner && view.zone !== publisher.zone)) return [];
  const { host: address, port } = hiddenPrimary;
  if (view.servers.some(({ server }) => server.address === address && server.port === port)) return [];
  const { servers } = await world.viewOwner(view.finalOwner, { name: view.zone, address, port, hidden: true });
  return servers.map((server) => {
    const { said } = serverObservation(server, publisher);
    const bare = said.outcome === "answer" ? { ...said, signed: true } : said;
    return { server: "(hidden primary)", address, excluded: false, said: bare };
  });
}

function serverObservation(view: ServerView, publisher: PublisherConfig): ServerObservation {
  const { name, address } = view.server;
  const base = { server: name, address, excluded: isExcluded(name, address, publisher) };
  const { said } = view;
  if (said.outcome === "failed") return { ...base, said };
  // NXDOMAIN is an answer: no records. Anything else but NOERROR says nothing about the RRset.
  if (said.rcode !== 0 && said.rcode !== 3) {
    const problem = fault("DNS_RCODE", `${name} (${address}) answers ${rcodeName(said.rcode)}`);
    return { ...base, said: { outcome: "failed", fault: problem } };
  }
  return {
    ...base,
    said: {
      outcome: "answer",
      records: recordsOf(said.rrset),
      // RFC 2308 §5: a negative answer without an SOA record is not cached.
      ttl: said.rrset?.ttl ?? said.negativeTtl ?? seconds(0),
      authoritative: said.authoritative,
      signed: said.signed ?? true,
      signedUntil: said.signatureExpires,
      serial: said.serial,
    },
  };
}

/** `check_ns` names those that count, `exclude_ns` those that do not; each by name or by address. */
function isExcluded(name: DomainName, address: string, publisher: PublisherConfig): boolean {
  const names = (list: readonly string[]): boolean =>
    list.some((entry) => entry === address || `${entry.toLowerCase().replace(/\.$/, "")}.` === name);
  return names(publisher.excludeNs) || (publisher.checkNs !== "all" && !names(publisher.checkNs));
}

/** Records that are no TLSA RDATA at all bind nobody and cannot be ours: they are left out. */
function recordsOf(rrset: Rrset | null): readonly RecordText[] {
  return (rrset?.rdatas ?? []).flatMap((rdata): readonly RecordText[] => {
    const decoded = decodeTlsa(rdata);
    return decoded.ok ? [recordText(formatTlsa(decoded.value))] : [];
  });
}

function validatedObservation(answer: DnsAnswer): ValidatedObservation {
  if (!("reasons" in answer)) return { status: answer.status, records: recordsOf(answer.rrset) };
  const [reason] = answer.reasons;
  assert(reason !== undefined, `a ${answer.status} answer without a reason`);
  return { status: answer.status, fault: reason };
}
