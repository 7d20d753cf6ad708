/** What one link of the ladder says: what it is about, and what proves it. */
import type { Instant } from "../base/time.ts";
import { signatureLabels, signedOwner } from "../dns/canonical.ts";
import { algorithmName, digestTypeName, typeName } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { decodeRrsig } from "../dns/rdata.ts";
import type { DnsAnswer } from "../resolver/resolver.ts";
import type { ChainLink, LinkKey, LinkSignature } from "../dnssec/verdict.ts";
import type { ResolveReport } from "./resolve-model.ts";
import { formatMoment, onOneLine } from "./words.ts";

/** Columns of a link's line. */
export interface LinkText {
  readonly name: string;
  readonly label: string;
  readonly text: string;
}

export interface LinkContext {
  readonly report: ResolveReport;
  /** What stands under the broken link anyhow, and is not repeated on it. */
  readonly said: ReadonlySet<string>;
  readonly verbose: boolean;
}

/** Keys that did not make the link are counted beyond so many. */
const MOST_KEYS = 4;

/** Keys, target and signature as such where the link has them, else what the validator says. */
export function describeLink(link: ChainLink, { report, said, verbose }: LinkContext): LinkText {
  const { answer, at } = report;
  const keys = link.kind === "anchor" ? null : keysText(link, verbose);
  const target = link.kind === "alias" ? targetText(link, answer) : null;
  const wildcard = link.kind === "answer" ? wildcardText(link, answer) : null;
  const signature = link.signature === null ? null : signatureText(link, link.signature, at);
  const isPlain = keys !== null || ((link.kind === "alias" || link.kind === "answer") && signature !== null);
  const message = isPlain || said.has(link.message) || link.message === "" ? null : onOneLine(link.message);
  const parts = [keys, target, message, wildcard, signature].filter((part) => part !== null);
  return { name: displayName(link.name), label: typeName(link.type), text: parts.join("; ") };
}

/** Where an alias leads. The links of aliases stand in the order in which they were followed. */
function targetText(link: ChainLink, answer: DnsAnswer): string | null {
  if ("reasons" in answer) return null;
  const order = (answer.validation?.chain ?? []).filter(({ kind }) => kind === "alias").indexOf(link);
  const alias = answer.aliases[order];
  if (alias === undefined) return null;
  // A DNAME stands above the name that it redirects.
  const from = alias.alias === link.name ? "" : `${displayName(alias.alias)} `;
  return `${from}-> ${displayName(alias.target)}`;
}

/** The wildcard that the answer was made from, told by the label count of its signature (RFC 4034 §3.1.3). */
function wildcardText({ name, signature }: ChainLink, answer: DnsAnswer): string | null {
  if ("reasons" in answer || signature === null || answer.rrset?.name !== name) return null;
  for (const rdata of answer.rrset.signatures) {
    const rrsig = decodeRrsig(rdata);
    if (!rrsig.ok || rrsig.value.keyTag !== signature.keyTag || rrsig.value.labels >= signatureLabels(name)) continue;
    const wildcard: DomainName | null = signedOwner(name, rrsig.value.labels);
    return wildcard === null ? null : `from ${displayName(wildcard)}`;
  }
  return null;
}

/** The keys that made the link, or all of them where none did. */
function keysText({ keys }: ChainLink, verbose: boolean): string | null {
  if (keys.length === 0) return null;
  const used = keys.filter((key) => key.used);
  const shown = verbose ? keys : used.length > 0 ? used : keys.slice(0, MOST_KEYS);
  const more = used.length > 0 || shown.length === keys.length ? "" : ` and ${String(keys.length - shown.length)} more`;
  return `${shown.map((key) => keyText(key, verbose)).join(", ")}${more}`;
}

function keyText({ keyTag, algorithm, digestType, flags, used }: LinkKey, verbose: boolean): string {
  const digest = digestType === null ? "" : `/${digestTypeName(digestType)}`;
  const name = `${String(keyTag)} ${algorithmName(algorithm)}${digest}`;
  if (!verbose) return name;
  // A key without the SEP flag is no entry, but signs what hangs on the link.
  return flags === null ? `${name}${used ? "" : " (not used)"}` : `${name} ${roleOf(flags)}`;
}

/** The words of RFC 4033 §2 for what the flags say (RFC 4034 §2.1.1; REVOKE came later). */
function roleOf(flags: number): string {
  if ((flags & 0x0080) !== 0) return "(revoked)";
  return (flags & 0x0001) === 0 ? "ZSK" : "KSK";
}

/** The signature that proved the link, or the one that did not, and how long that lasts. */
function signatureText(link: ChainLink, signature: LinkSignature, at: Instant): string {
  const { signer, keyTag, inception, expiration } = signature;
  const own = link.kind === "dnskey" && signer === link.name;
  const key = own ? String(keyTag) : `${displayName(signer)} ${String(keyTag)}`;
  const failed = link.status === "bogus" || link.status === "indeterminate";
  const made = failed ? "signature by" : own ? "key set signed by" : "signed by";
  if (inception > at) return `${made} ${key} from ${formatMoment(inception, at)}`;
  return `${made} ${key} until ${formatMoment(expiration, at)}`;
}
