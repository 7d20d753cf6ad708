/** The `daneward/resolve/1` document. Keys may be added, never renamed. Names are absolute, as in zone files. */
import { formatInstant } from "../base/time.ts";
import { rcodeName, typeName } from "../dns/iana.ts";
import { formatRdata } from "../dns/rdata.ts";
import type { ResourceRecord } from "../dns/rrset.ts";
import type { ChainLink, LinkKey, LinkSignature } from "../dnssec/verdict.ts";
import { exitOf, reasonsOf, recordsOf } from "./resolve-model.ts";
import type { ResolveReport, ShownReason } from "./resolve-model.ts";

/** One line of JSON with its line ending. */
export function renderResolveJson(report: ResolveReport): string {
  const { answer, at, trust } = report;
  const expires = answer.validation?.signaturesExpire ?? null;
  const document = {
    schema: "daneward/resolve/1",
    at: formatInstant(at),
    exit: exitOf(answer),
    trust,
    name: answer.name,
    type: typeName(answer.type),
    status: answer.status,
    rcode: "reasons" in answer ? null : rcodeName(answer.rcode),
    finalName: "reasons" in answer ? null : answer.finalName,
    records: recordsOf(answer).map(recordDocument),
    denial: !("reasons" in answer) && answer.rrset === null,
    negativeTtl: "reasons" in answer ? null : answer.negativeTtl,
    reasons: reasonsOf(report).map(reasonDocument),
    chain: (answer.validation?.chain ?? []).map(linkDocument),
    signaturesExpire: expires === null ? null : formatInstant(expires),
  };
  return `${JSON.stringify(document)}\n`;
}

function recordDocument({ name, type, ttl, rdata }: ResourceRecord): object {
  return { name, type: typeName(type), ttl, data: formatRdata(type, rdata) };
}

function reasonDocument({ code, zone, message, hint, ede }: ShownReason): object {
  return { code, zone, message, hint, ...(ede === null ? {} : { ede }) };
}

function linkDocument(link: ChainLink): object {
  return {
    kind: link.kind,
    zone: link.zone,
    name: link.name,
    type: typeName(link.type),
    status: link.status,
    keys: link.keys.map(keyDocument),
    signature: link.signature === null ? null : signatureDocument(link.signature),
    message: link.message,
    ...(link.alias === undefined ? {} : { alias: link.alias.from, target: link.alias.target }),
    ...(link.wildcard === undefined ? {} : { wildcard: link.wildcard }),
  };
}

function keyDocument({ keyTag, algorithm, digestType, flags, used }: LinkKey): object {
  return { keyTag, algorithm, digestType, flags, used };
}

function signatureDocument({ signer, keyTag, algorithm, inception, expiration }: LinkSignature): object {
  return { signer, keyTag, algorithm, inception: formatInstant(inception), expiration: formatInstant(expiration) };
}
