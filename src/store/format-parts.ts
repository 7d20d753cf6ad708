/** The parts of the state file, format 1: chains, owner names, endpoints, troubles, and the texts they are made of. */
import { CATALOGUE } from "../base/errors.ts";
import type { FaultCode } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { parseName, ROOT } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { formatTlsa, parseTlsa } from "../dns/rdata.ts";
import type { CertificateDigests, ChainFacts, ChainId, KeyKind, RecordText } from "../rollover/chain.ts";
import type { KindsSeen } from "../rollover/observation.ts";
import type { EndpointState, HorizonEntry, OwnerState, RecordClock, ServerState, Trouble } from "../rollover/state.ts";
import type { SavedRefusal } from "./store.ts";
import {
  peek,
  readAs,
  readCount,
  readFlag,
  readInstant,
  readList,
  readNullable,
  readObject,
  readOneOf,
  readSeconds,
  readText,
} from "./json-reader.ts";
import type { JsonPlace } from "./json-reader.ts";

/** The one form in which instants are stored. */
export function time(at: Instant): string {
  return new Date(at).toISOString();
}

export function timeOrNull(at: Instant | null): string | null {
  return at === null ? null : time(at);
}

// ---- chains -------------------------------------------------------------------------------------------------------

export function encodeChain(chain: ChainFacts): Record<keyof ChainFacts, unknown> {
  const { id, certificates, records, subject, notBefore, notAfter, hasFiles } = chain;
  const digests = certificates.map(({ certSha256, certSha512, spkiSha256, spkiSha512 }) => ({
    certSha256,
    certSha512,
    spkiSha256,
    spkiSha512,
  }));
  return {
    id,
    certificates: digests,
    records,
    subject,
    notBefore: time(notBefore),
    notAfter: time(notAfter),
    hasFiles,
  };
}

export function decodeChain(place: JsonPlace): ChainFacts {
  const keys = ["id", "certificates", "records", "subject", "notBefore", "notAfter", "hasFiles"];
  const fields = readObject(place, keys);
  return {
    id: readChainId(fields.at("id")),
    certificates: readList(fields.at("certificates"), decodeDigests),
    records: readList(fields.at("records"), readRecord),
    subject: readText(fields.at("subject")),
    notBefore: readInstant(fields.at("notBefore")),
    notAfter: readInstant(fields.at("notAfter")),
    hasFiles: readFlag(fields.at("hasFiles")),
  };
}

function decodeDigests(place: JsonPlace): CertificateDigests {
  const fields = readObject(place, ["certSha256", "certSha512", "spkiSha256", "spkiSha512"]);
  return {
    certSha256: readHex(fields.at("certSha256"), 32),
    certSha512: readHex(fields.at("certSha512"), 64),
    spkiSha256: readHex(fields.at("spkiSha256"), 32),
    spkiSha512: readHex(fields.at("spkiSha512"), 64),
  };
}

// ---- owners, endpoints, troubles ----------------------------------------------------------------------------------

export function encodeOwner(state: OwnerState): Record<keyof OwnerState, unknown> {
  const { owner, finalOwner, zone, aliasTtl, ours, coming, leaving, reverted } = state;
  return {
    owner,
    finalOwner,
    zone,
    aliasTtl,
    ours,
    coming,
    leaving,
    horizon: state.horizon.map(({ records, ttl, appearedAt, servedUntil, seen }) => ({
      records,
      ttl,
      appearedAt: time(appearedAt),
      servedUntil: timeOrNull(servedUntil),
      seen,
    })),
    clocks: state.clocks.map(({ record, since, ttl }) => ({ record, since: time(since), ttl })),
    servers: state.servers.map(encodeServer),
    reverted,
  };
}

const OWNER_KEYS: readonly (keyof OwnerState)[] = [
  "owner",
  "finalOwner",
  "zone",
  "aliasTtl",
  "ours",
  "coming",
  "leaving",
  "horizon",
  "clocks",
  "servers",
  "reverted",
];

export function decodeOwner(place: JsonPlace): OwnerState {
  const fields = readObject(place, OWNER_KEYS);
  return {
    owner: readDomain(fields.at("owner")),
    finalOwner: readDomain(fields.at("finalOwner")),
    zone: readDomain(fields.at("zone")),
    aliasTtl: readSeconds(fields.at("aliasTtl")),
    ours: readList(fields.at("ours"), readRecord),
    coming: readList(fields.at("coming"), readRecord),
    leaving: readList(fields.at("leaving"), readRecord),
    horizon: readList(fields.at("horizon"), decodeHorizon),
    clocks: readList(fields.at("clocks"), decodeClock),
    servers: readList(fields.at("servers"), decodeServer),
    reverted: readCount(fields.at("reverted")),
  };
}

function decodeHorizon(place: JsonPlace): HorizonEntry {
  const fields = readObject(place, ["records", "ttl", "appearedAt", "servedUntil", "seen"]);
  return {
    records: readList(fields.at("records"), readRecord),
    ttl: readSeconds(fields.at("ttl")),
    appearedAt: readInstant(fields.at("appearedAt")),
    servedUntil: readNullable(fields.at("servedUntil"), readInstant),
    seen: readFlag(fields.at("seen")),
  };
}

function decodeClock(place: JsonPlace): RecordClock {
  const fields = readObject(place, ["record", "since", "ttl"]);
  return {
    record: readRecord(fields.at("record")),
    since: readInstant(fields.at("since")),
    ttl: readSeconds(fields.at("ttl")),
  };
}

function encodeServer(state: ServerState): Record<keyof ServerState, unknown> {
  const { server, address, excluded, records, ttl, serial, condition, detail } = state;
  const answeredAt = timeOrNull(state.answeredAt);
  const conditionSince = time(state.conditionSince);
  return { server, address, excluded, records, ttl, serial, answeredAt, condition, conditionSince, detail };
}

const SERVER_KEYS: readonly (keyof ServerState)[] = [
  "server",
  "address",
  "excluded",
  "records",
  "ttl",
  "serial",
  "answeredAt",
  "condition",
  "conditionSince",
  "detail",
];

function decodeServer(place: JsonPlace): ServerState {
  const fields = readObject(place, SERVER_KEYS);
  const conditions = ["in-sync", "lagging", "unreachable", "unsigned", "not-authoritative"] as const;
  return {
    server: readText(fields.at("server")),
    address: readText(fields.at("address")),
    excluded: readFlag(fields.at("excluded")),
    records: readNullable(fields.at("records"), (list) => readList(list, readRecord)),
    ttl: readSeconds(fields.at("ttl")),
    serial: readNullable(fields.at("serial"), readCount),
    answeredAt: readNullable(fields.at("answeredAt"), readInstant),
    condition: readOneOf(fields.at("condition"), conditions),
    conditionSince: readInstant(fields.at("conditionSince")),
    detail: readText(fields.at("detail")),
  };
}

export function encodeEndpoint(state: EndpointState): Readonly<Record<string, unknown>> {
  const { endpoint, owner, address, own, presents, detail, everyKind } = state;
  const seen = everyKind === undefined ? {} : { everyKind: { at: time(everyKind.at), kinds: everyKind.kinds } };
  return { endpoint, owner, address, own, presents, detail, at: time(state.at), ...seen };
}

export function decodeEndpoint(place: JsonPlace): EndpointState {
  const keys = ["endpoint", "owner", "address", "own", "presents", "detail", "at"];
  const hasKinds = peek(place, "everyKind").value !== undefined;
  const fields = readObject(place, hasKinds ? [...keys, "everyKind"] : keys);
  return {
    endpoint: readText(fields.at("endpoint")),
    owner: readDomain(fields.at("owner")),
    address: readText(fields.at("address")),
    own: readFlag(fields.at("own")),
    presents: readNullable(fields.at("presents"), readChainId),
    detail: readText(fields.at("detail")),
    at: readInstant(fields.at("at")),
    ...(hasKinds ? { everyKind: decodeKinds(fields.at("everyKind")) } : {}),
  };
}

function decodeKinds(place: JsonPlace): KindsSeen {
  const fields = readObject(place, ["at", "kinds"]);
  const kind = (item: JsonPlace): KeyKind => readOneOf(item, ["rsa", "ecdsa", "eddsa"]);
  return { at: readInstant(fields.at("at")), kinds: readList(fields.at("kinds"), kind) };
}

export function encodeTrouble(trouble: Trouble): Record<keyof Trouble, unknown> {
  const { subject, code, message, hint } = trouble;
  return { subject, code, message, hint, since: time(trouble.since), at: time(trouble.at) };
}

export function decodeTrouble(place: JsonPlace): Trouble {
  const fields = readObject(place, ["subject", "code", "message", "hint", "since", "at"]);
  return {
    subject: readText(fields.at("subject")),
    code: readCode(fields.at("code")),
    message: readText(fields.at("message")),
    hint: readText(fields.at("hint")),
    since: readInstant(fields.at("since")),
    at: readInstant(fields.at("at")),
  };
}

export function encodeRefusal(refusal: SavedRefusal): Record<keyof SavedRefusal, unknown> {
  const { gate, code, until, detail, since } = refusal;
  return { gate, code, until: timeOrNull(until), detail, since: time(since) };
}

export function decodeRefusal(place: JsonPlace): SavedRefusal {
  const fields = readObject(place, ["gate", "code", "until", "detail", "since"]);
  return {
    gate: readOneOf(fields.at("gate"), ["policy", "dane", "time"]),
    code: readCode(fields.at("code")),
    until: readNullable(fields.at("until"), readInstant),
    detail: readText(fields.at("detail")),
    since: readInstant(fields.at("since")),
  };
}

// ---- leaves -------------------------------------------------------------------------------------------------------

function readCode(place: JsonPlace): FaultCode {
  return readAs<FaultCode>(place, "a known code", (text) => (isCode(text) ? text : null), "INTERNAL_BUG");
}

function isCode(text: string): text is FaultCode {
  return Object.hasOwn(CATALOGUE, text);
}

export function readHex(place: JsonPlace, octets: number): string {
  const shape = new RegExp(`^[0-9a-f]{${String(octets * 2)}}$`);
  return readAs(place, `${String(octets)} octets in lower-case hex`, (text) => (shape.test(text) ? text : null), "");
}

export function readChainId(place: JsonPlace): ChainId {
  return readHex(place, 32) as ChainId;
}

/** Only the canonical text: two spellings of one record would count as two. */
export function readRecord(place: JsonPlace): RecordText {
  const canonical = (text: string): RecordText | null => {
    const parsed = parseTlsa(text);
    return parsed.ok && formatTlsa(parsed.value) === text ? (text as RecordText) : null;
  };
  return readAs(place, "a TLSA record in canonical text", canonical, "" as RecordText);
}

function readDomain(place: JsonPlace): DomainName {
  const canonical = (text: string): DomainName | null => {
    const parsed = parseName(text);
    return parsed.ok && parsed.value === text ? parsed.value : null;
  };
  return readAs(place, "an absolute domain name in lower case", canonical, ROOT);
}
