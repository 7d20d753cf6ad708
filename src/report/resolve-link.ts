/** What one link of the ladder says: what it is about, and what proves it. */
import { algorithmName, digestTypeName, typeName } from "../dns/iana.ts";
import { displayName } from "../dns/name.ts";
import type { ChainLink, LinkKey, LinkSignature } from "../dnssec/verdict.ts";
import type { ResolveReport } from "./resolve-model.ts";
import { momentText } from "./resolve-words.ts";
import { onOneLine } from "./words.ts";

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
  const keys = link.kind === "anchor" ? null : keysText(link, verbose);
  const target = targetText(link);
  const wildcard = link.wildcard === undefined ? null : `from ${displayName(link.wildcard)}`;
  const signature = link.signature === null ? null : signatureText(link, link.signature, report);
  const isPlain = keys !== null || ((link.kind === "alias" || link.kind === "answer") && signature !== null);
  const message = isPlain || said.has(link.message) || link.message === "" ? null : onOneLine(link.message);
  const parts = [keys, target, message, wildcard, signature].filter((part) => part !== null);
  return { name: displayName(link.name), label: typeName(link.type), text: parts.join("; ") };
}

/** Where an alias leads. A DNAME stands above the name that it redirects. */
function targetText({ name, alias }: ChainLink): string | null {
  if (alias === undefined) return null;
  const from = alias.from === name ? "" : `${displayName(alias.from)} `;
  return `${from}-> ${displayName(alias.target)}`;
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
function signatureText(link: ChainLink, signature: LinkSignature, report: ResolveReport): string {
  const { signer, keyTag, inception, expiration } = signature;
  const own = link.kind === "dnskey" && signer === link.name;
  const key = own ? String(keyTag) : `${displayName(signer)} ${String(keyTag)}`;
  const failed = link.status === "bogus" || link.status === "indeterminate";
  const made = failed ? "signature by" : own ? "key set signed by" : "signed by";
  if (inception > report.at) return `${made} ${key} from ${momentText(inception, report)}`;
  return `${made} ${key} until ${momentText(expiration, report)}`;
}
