import type { TlsaRdata } from "../dns/rdata.ts";
import { isDigestOfNothing } from "./association.ts";
import { isSuppressed } from "./agility.ts";
import { describeParameters, formatParameters, isIssuerUsage } from "./params.ts";
import { usability } from "./usable.ts";

/** Advice about records that are lawful but unwise. `level` tells whether clients may fail today or people stumble later. */
export interface Advice {
  readonly level: "warning" | "note";
  /** Permanent word for machines. */
  readonly topic:
    | "unusable"
    | "digest-of-nothing"
    | "suppressed"
    | "smtp-usage"
    | "full-data"
    | "certificate-digest"
    | "anchor-on-the-wire"
    | "many-records"
    | "large-answer"
    | "ttl"
    | "combination";
  readonly text: string;
}

/** Records at one name beyond which answers stop fitting into one UDP datagram and people lose track. No official reference. */
const MANY_RECORDS = 8;

/**
 * Looks over the records meant for one owner name. `smtp`: the name belongs to a mail server on port 25, null when
 * that is unknown. The preferred form is `3 1 1` (RFC 7671 §5.1, RFC 7672 §3.1): it survives renewals that keep the key.
 */
export function adviseOn(records: readonly TlsaRdata[], context: { readonly smtp: boolean | null }): readonly Advice[] {
  const usable = records.filter((record) => usability(record, { smtp: false }).usable);
  const advice = records.flatMap((record) => adviseOnRecord(record, context.smtp));
  const suppressed = usable.filter((record) => isSuppressed(record, usable));
  for (const parameters of new Set(suppressed.map(formatParameters))) {
    advice.push({
      level: "note",
      topic: "suppressed",
      text: `${parameters} is not looked at beside a stronger digest of the same usage and selector (RFC 7671 §9)`,
    });
  }
  if (records.length > MANY_RECORDS) {
    const text = `${String(records.length)} records at one name: answers grow beyond one datagram`;
    advice.push({ level: "note", topic: "many-records", text });
  }
  return advice.filter((each, at) => advice.findIndex(({ text }) => text === each.text) === at);
}

function adviseOnRecord(record: TlsaRdata, smtp: boolean | null): readonly Advice[] {
  const verdict = usability(record, { smtp: false });
  const name = formatParameters(record);
  if (!verdict.usable) return [{ level: "warning", topic: "unusable", text: `${name}: ${verdict.detail}` }];
  const advice: Advice[] = [];
  if (isDigestOfNothing(record.data)) {
    const text = `${name} holds the digest of empty input: the command that made it got no certificate`;
    advice.push({ level: "warning", topic: "digest-of-nothing", text });
  }
  if (record.usage < 2 && smtp !== false) {
    const text = `${describeParameters(record)} is unusable for SMTP (RFC 7672 §3.1.3): use ${String(record.usage + 2)} ${String(record.selector)} ${String(record.matchingType)}`;
    advice.push({ level: smtp === true ? "warning" : "note", topic: "smtp-usage", text });
    // Nothing else matters of a record that nobody looks at.
    if (smtp === true) return advice;
  }
  if (record.matchingType === 0) {
    const text = `${name} publishes the whole ${record.selector === 0 ? "certificate" : "key"}: a digest does the same in fewer octets (RFC 7671 §10.1)`;
    advice.push({ level: "note", topic: "full-data", text });
  }
  if (record.selector === 0 && !isIssuerUsage(record.usage)) {
    const text = `${name} changes at every renewal; ${String(record.usage)} 1 1 stays while the key stays`;
    advice.push({ level: "note", topic: "certificate-digest", text });
  }
  if (record.usage === 2 && record.matchingType !== 0) {
    const text = `${name} works only while the server sends that issuer certificate in the handshake, a root too (RFC 7671 §5.2.2)`;
    advice.push({ level: "note", topic: "anchor-on-the-wire", text });
  }
  return advice;
}
