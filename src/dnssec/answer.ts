/**
 * What a message says about a question, before anybody believes it: the aliases from the name asked to the name that
 * answers, and the RRset there (RFC 1034 §4.3.2, RFC 6672 §3.2). Nothing here is judged; each part is judged by itself.
 */
import type { AliasLink } from "../dns/alias.ts";
import { substituteDname } from "../dns/alias.ts";
import { CLASS, TYPE } from "../dns/iana.ts";
import type { DnsMessage } from "../dns/message.ts";
import { countLabels, isAtOrBelow } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeCname, decodeDname, encodeCname } from "../dns/rdata.ts";
import { findRrset, groupRrsets } from "../dns/rrset.ts";
import type { ResourceRecord, Rrset } from "../dns/rrset.ts";

/** One RRset that the answer rests on. */
export interface AnswerPart {
  readonly kind: "alias" | "answer";
  /** What must be vouched for. */
  readonly rrset: Rrset;
  /** What is then known: the same, or the CNAME that a DNAME makes (RFC 6672 §3.1). */
  readonly shown: Rrset;
  /** Set for an alias. */
  readonly link: AliasLink | null;
}

export interface AnswerReading {
  readonly parts: readonly AnswerPart[];
  /** Where the aliases lead, or the name asked. */
  readonly finalName: DomainName;
  /** The RRset asked for stands there; for ANY all of them. */
  readonly rrsets: readonly Rrset[];
  /** The aliases come back to a name that was left, or are more than `most`. */
  readonly endless: boolean;
}

/** The RRsets of class IN of a section. */
export function rrsetsOf(records: readonly ResourceRecord[]): readonly Rrset[] {
  return groupRrsets(records.filter((record) => record.class === CLASS.IN));
}

/** The RRset of class IN with this owner and type in the answer section. */
export function rrsetIn(message: DnsMessage, name: DomainName, type: number): Rrset | null {
  return findRrset(message.answer, name, type);
}

function matching(rrsets: readonly Rrset[], name: DomainName, type: number): readonly Rrset[] {
  if (type !== TYPE.ANY) return rrsets.filter((rrset) => rrset.name === name && rrset.type === type);
  return rrsets.filter((rrset) => rrset.name === name && rrset.type !== TYPE.RRSIG);
}

/** The DNAME above the name that is nearest to it. A wildcard's DNAME is no such thing (RFC 4592 §4.4). */
function dnamePart(rrsets: readonly Rrset[], name: DomainName): AnswerPart | null {
  const above = rrsets.filter(
    (rrset) => rrset.type === TYPE.DNAME && rrset.name !== name && isAtOrBelow(name, rrset.name),
  );
  const [rrset] = above.sort((left, right) => countLabels(right.name) - countLabels(left.name));
  const target = rrset?.rdatas[0] === undefined ? null : decodeDname(rrset.rdatas[0]);
  if (rrset === undefined || target?.ok !== true) return null;
  const substituted = substituteDname(name, rrset.name, target.value);
  if (substituted === null) return null;
  return { kind: "alias", rrset, shown: rrset, link: { alias: name, target: substituted, ttl: rrset.ttl } };
}

function cnamePart(rrsets: readonly Rrset[], name: DomainName): AnswerPart | null {
  const rrset = rrsets.find((each) => each.type === TYPE.CNAME && each.name === name);
  const target = rrset?.rdatas[0] === undefined ? null : decodeCname(rrset.rdatas[0]);
  if (rrset === undefined || target?.ok !== true) return null;
  return { kind: "alias", rrset, shown: rrset, link: { alias: name, target: target.value, ttl: rrset.ttl } };
}

/**
 * The alias at the name. A CNAME that only spells out a DNAME stands or falls with the DNAME (RFC 6672 §5.3.1); one that
 * says something else must vouch for itself.
 */
function aliasPart(rrsets: readonly Rrset[], name: DomainName): AnswerPart | null {
  const byDname = dnamePart(rrsets, name);
  const byCname = cnamePart(rrsets, name);
  if (byDname === null) return byCname;
  return byCname === null || byCname.link?.target === byDname.link?.target ? byDname : byCname;
}

/** An RRset asked for. A CNAME asked for as such may be a DNAME's, and then has no signature of its own. */
function answerPart(rrsets: readonly Rrset[], shown: Rrset): AnswerPart {
  const voucher = shown.type === TYPE.CNAME ? aliasPart(rrsets, shown.name) : null;
  const made = voucher === null ? null : madeByDname(voucher);
  if (voucher === null || made === null) return { kind: "answer", rrset: shown, shown, link: null };
  return { kind: "answer", rrset: voucher.rrset, shown: made, link: null };
}

/** The CNAME that a DNAME makes (RFC 6672 §3.1), rather than what came along: that may hold more, and nobody signed it. */
function madeByDname({ rrset, link }: AnswerPart): Rrset | null {
  if (rrset.type !== TYPE.DNAME || link === null) return null;
  const { alias, target, ttl } = link;
  return { name: alias, type: TYPE.CNAME, class: CLASS.IN, ttl, rdatas: [encodeCname(target)], signatures: [] };
}

/** Follows the aliases in an answer section, at most `most` of them. */
export function readAnswer(
  records: readonly ResourceRecord[],
  name: DomainName,
  type: number,
  most: number,
): AnswerReading {
  const rrsets = rrsetsOf(records);
  const parts: AnswerPart[] = [];
  const left = new Set<DomainName>();
  let at = name;
  for (;;) {
    const alias = aliasPart(rrsets, at);
    const made = type === TYPE.CNAME && alias !== null ? madeByDname(alias) : null;
    const found = made === null ? matching(rrsets, at, type) : [made];
    if (found.length > 0) {
      parts.push(...found.map((rrset) => answerPart(rrsets, rrset)));
      return { parts, finalName: at, rrsets: found, endless: false };
    }
    const link = alias?.link ?? null;
    if (alias === null || link === null) return { parts, finalName: at, rrsets: [], endless: false };
    left.add(at);
    parts.push(alias);
    at = link.target;
    if (left.has(at) || parts.length > most) return { parts, finalName: at, rrsets: [], endless: true };
  }
}
