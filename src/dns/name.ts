/**
 * Domain names. On the wire a name is a list of labels of arbitrary octets (RFC 1035 §3.1, RFC 2181 §11), compared
 * without regard to the case of ASCII letters (RFC 4343). In here it is one string in a canonical presentation form,
 * so that `===`, `Map` and sorting just work, and no octet is ever lost: a dot inside a label reads `\.`, octet 0xFF
 * reads `\255`. Names of records are lower-cased at once, because their case carries no information; names inside
 * RDATA keep theirs until somebody asks for the canonical form (canonical.ts).
 *
 * Text from people may hold international names; their labels become A-labels by the URL standard's IDNA processing,
 * the same one browsers apply. Labels are never judged by host name rules (RFC 1123): `_25._tcp` must pass.
 */
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { compareBytes, concatBytes } from "../base/bytes.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";

declare const domainNameBrand: unique symbol;

/**
 * An absolute domain name in canonical presentation form: lower case, ends with a dot, other octets than letters,
 * digits, `-`, `_`, `*` escaped as `\.`, `\\` or `\DDD`. Made only by the parsers here, so equal names are equal strings.
 */
export type DomainName = string & { readonly [domainNameBrand]: true };

/** Octets of a name on the wire, the root label included (RFC 1035 §2.3.4). */
const MAX_NAME = 255;
const MAX_LABEL = 63;
/** A name of 255 octets cannot use more pointers than it has labels. */
const MAX_POINTERS = 127;
/** Pointers count from the start of the message; the first 12 octets are its header and hold no name. */
const HEADER = 12;
const DOT = 0x2e;

/** A name as found in a message. `wire` is its uncompressed form with the case as received. */
export interface DecodedName {
  readonly name: DomainName;
  readonly next: number;
  readonly wire: Uint8Array;
}

function brand(text: string): DomainName {
  return text as DomainName;
}

/** The root of the tree. */
export const ROOT: DomainName = brand(".");

const PLAIN = /^[a-z0-9_*-]$/;

/** How each octet of a label reads in a {@link DomainName}. */
const OCTET_TEXT: readonly string[] = Array.from({ length: 256 }, (_, octet) => {
  const letter = String.fromCharCode(octet).toLowerCase();
  if (octet < 0x80 && PLAIN.test(letter)) return letter;
  if (letter === "." || letter === "\\") return `\\${letter}`;
  return `\\${String(octet).padStart(3, "0")}`;
});

function labelText(octets: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += OCTET_TEXT[octets[at] ?? 0] ?? "";
  return text;
}

function nameFault(message: string, hint?: string): { readonly ok: false; readonly fault: Fault } {
  return failure(fault("DNS_NAME_INVALID", message, hint));
}

/** Builds a name from labels, leftmost first, without the root label. Faults: `DNS_NAME_INVALID`. */
export function nameFromLabels(labels: readonly Uint8Array[]): Result<DomainName, Fault> {
  let text = "";
  let octets = 1;
  for (const label of labels) {
    const shown = labelText(label, 0, label.length);
    if (label.length === 0) return nameFault(`the name "${text}" has an empty label`);
    if (label.length > MAX_LABEL) {
      return nameFault(`the label "${shown}" has ${String(label.length)} octets, at most 63 are allowed`);
    }
    octets += label.length + 1;
    text += `${shown}.`;
  }
  if (octets > MAX_NAME) return nameFault(`the name "${text}" has ${String(octets)} octets, at most 255 are allowed`);
  return success(labels.length === 0 ? ROOT : brand(text));
}

/** One label as an A-label (RFC 5890 §2.3.2.1) by the URL standard's IDNA processing, or null. */
function toAsciiLabel(label: string): string | null {
  // The suffix keeps a label of digits from being read as an IPv4 address.
  const suffix = ".invalid";
  try {
    const host = new URL(`http://${label}${suffix}/`).hostname;
    const ascii = host.slice(0, -suffix.length);
    return host.endsWith(suffix) && /^[a-z0-9_-]+$/.test(ascii) ? ascii : null;
  } catch {
    return null;
  }
}

/** Octets of one label of presentation text, its escapes undone (RFC 1035 §5.1); null when an escape is malformed. */
function unescapeLabel(text: string): Uint8Array | null {
  const octets: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "\\") {
      octets.push(text.charCodeAt(at));
      continue;
    }
    const decimal = /^\d{3}/.exec(text.slice(at + 1, at + 4))?.[0];
    const next = text.charCodeAt(at + 1);
    if (decimal !== undefined) {
      if (Number(decimal) > 255) return null;
      octets.push(Number(decimal));
      at += 3;
    } else if (Number.isNaN(next) || (next >= 0x30 && next <= 0x39)) {
      return null;
    } else {
      octets.push(next);
      at += 1;
    }
  }
  return Uint8Array.from(octets);
}

/** Splits at dots that no backslash escapes. U+3002, U+FF0E and U+FF61 are dots to IDNA (RFC 3490 §3.1). */
function splitLabels(text: string): readonly string[] {
  if (!/[\\\u3002\uff0e\uff61]/.test(text)) return text.replace(/\.$/, "").split(".");
  const labels: string[] = [];
  let label = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? "";
    if (character === "\\") {
      label += character + (text[at + 1] ?? "");
      at += 1;
    } else if (/[.\u3002\uff0e\uff61]/.test(character)) {
      labels.push(label);
      label = "";
    } else {
      label += character;
    }
  }
  if (label !== "") labels.push(label);
  return labels;
}

/**
 * Reads presentation text. A relative name is taken as absolute, the final dot is optional, case is folded, `\.` and
 * `\DDD` are understood, international labels become A-labels. Faults: `DNS_NAME_INVALID`.
 */
export function parseName(text: string): Result<DomainName, Fault> {
  if (text === ".") return success(ROOT);
  if (text === "") return nameFault("an empty text is not a domain name", "the root is written as a single dot");
  const spaced = /[\s\p{Cc}]/u.exec(text.replace(/\\./gs, ""));
  if (spaced) {
    return nameFault(
      `the name ${JSON.stringify(text)} contains white space or a control character`,
      "write it as \\DDD if it is meant",
    );
  }
  const labels: Uint8Array[] = [];
  for (const label of splitLabels(text)) {
    const international = /[^\p{ASCII}]/u.test(label);
    const ascii = international ? (/[\\/?#@:%[\]]/.test(label) ? null : toAsciiLabel(label)) : label;
    if (ascii === null) {
      return nameFault(
        `the label "${label}" of "${text}" is not valid in international domain names`,
        "write its xn-- form",
      );
    }
    const octets = unescapeLabel(ascii);
    if (octets === null) {
      return nameFault(
        `the label "${label}" of "${text}" has a malformed escape`,
        "write \\. or \\DDD, three decimal digits up to 255",
      );
    }
    if (octets.length === 0) return nameFault(`the name "${text}" has an empty label`, "look for two dots in a row");
    labels.push(octets);
  }
  return nameFromLabels(labels);
}

/** The octets of each label, leftmost first, without the root label. */
export function labelsOf(name: DomainName): readonly Uint8Array[] {
  if (name === ROOT) return [];
  return splitLabels(name).map((label) => unescapeLabel(label) ?? new Uint8Array(0));
}

/** Uncompressed wire form, lower case. */
export function encodeName(name: DomainName): Uint8Array {
  if (name === ROOT) return Uint8Array.of(0);
  if (!name.includes("\\")) return encodeUnescaped(name);
  const parts: Uint8Array[] = [];
  for (const label of labelsOf(name)) parts.push(Uint8Array.of(label.length), label);
  return concatBytes(...parts, Uint8Array.of(0));
}

/** Without escapes each character is an octet, and each dot stands where the length of the next label goes. */
function encodeUnescaped(name: DomainName): Uint8Array {
  const wire = new Uint8Array(name.length + 1);
  let lengthAt = 0;
  for (let at = 0; at < name.length; at++) {
    const octet = name.charCodeAt(at);
    wire[at + 1] = octet;
    if (octet !== DOT) continue;
    wire[lengthAt] = at - lengthAt;
    lengthAt = at + 1;
  }
  wire[lengthAt] = 0;
  return wire;
}

/** How many labels the name has, the root label not counted. */
export function countLabels(name: DomainName): number {
  if (name === ROOT) return 0;
  if (name.includes("\\")) return splitLabels(name).length;
  let count = 0;
  for (let at = name.indexOf("."); at >= 0; at = name.indexOf(".", at + 1)) count += 1;
  return count;
}

/** The name without its first label; null for the root. */
export function parentOf(name: DomainName): DomainName | null {
  if (name === ROOT) return null;
  const end = name.includes("\\") ? (splitLabels(name)[0] ?? "").length : name.indexOf(".");
  return brand(name.slice(end + 1) || ".");
}

/** True for the name itself and everything below `ancestor`. */
export function isAtOrBelow(name: DomainName, ancestor: DomainName): boolean {
  if (name === ancestor || ancestor === ROOT) return true;
  const dot = name.length - ancestor.length - 1;
  if (name[dot] !== "." || !name.endsWith(ancestor)) return false;
  if (name[dot - 1] !== "\\") return true;
  // In `a\.example.` the dot belongs to a label: only an even number of backslashes before it leaves it a separator.
  const before = /\\*$/.exec(name.slice(0, dot))?.[0] ?? "";
  return before.length % 2 === 0;
}

/** Canonical order of RFC 4034 §6.1: by labels from the right, as unsigned octets in lower case. */
export function compareNames(left: DomainName, right: DomainName): number {
  const ours = labelsOf(left);
  const theirs = labelsOf(right);
  const shared = Math.min(ours.length, theirs.length);
  for (let depth = 1; depth <= shared; depth++) {
    const our = ours[ours.length - depth];
    const their = theirs[theirs.length - depth];
    const order = our && their ? compareBytes(our, their) : 0;
    if (order !== 0) return order;
  }
  return ours.length - theirs.length;
}

/** For people: without the final dot; the root stays a dot. */
export function displayName(name: DomainName): string {
  return name === ROOT ? name : name.slice(0, -1);
}

/** Puts presentation text of one or more labels in front of `parent`: `_25._tcp` and `mx.example.`. */
export function joinName(labels: string, parent: DomainName): Result<DomainName, Fault> {
  const prefix = parseName(labels);
  return prefix.ok ? nameFromLabels([...labelsOf(prefix.value), ...labelsOf(parent)]) : prefix;
}

/** A copy with ASCII upper-case letters folded (RFC 4343 §3); other octets, length octets among them, stay. */
export function lowerCase(octets: Uint8Array): Uint8Array {
  return octets.map((octet) => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet));
}

/**
 * Reads a possibly compressed name of a message at `offset`. Each pointer must lead backwards, before the labels that
 * it continues, and not into the header, so decoding ends on any input. Faults: `DNS_MESSAGE_MALFORMED`.
 */
export function decodeName(message: Uint8Array, offset: number): Result<DecodedName, Fault> {
  return readWireName(message, offset, true);
}

/** Reads a name that must not be compressed, as in RDATA that stands alone. Faults: `DNS_MESSAGE_MALFORMED`. */
export function decodePlainName(bytes: Uint8Array, offset: number): Result<DecodedName, Fault> {
  return readWireName(bytes, offset, false);
}

function readWireName(message: Uint8Array, offset: number, pointersAllowed: boolean): Result<DecodedName, Fault> {
  const parts: Uint8Array[] = [];
  const read = readName(message, offset, pointersAllowed, parts);
  if (!read.ok) return read;
  const { name, next } = read.value;
  return success({ name, next, wire: concatBytes(...parts, Uint8Array.of(0)) });
}

/** A name that stands in a message, without its wire form. `pointers` were followed on the way. */
interface ReadName {
  readonly name: DomainName;
  readonly next: number;
  readonly pointers: number;
}

/** Reads the owner names of one message, one after the other; see {@link ownerNames}. */
export type OwnerNames = (offset: number) => Result<{ readonly name: DomainName; readonly next: number }, Fault>;

/**
 * A reader of the owner names of `message`, as strict as {@link decodeName}. Most owners are nothing but a pointer to a
 * name that was read before (RFC 1035 §4.1.4): those are remembered and not read again.
 */
export function ownerNames(message: Uint8Array): OwnerNames {
  const known = new Map<number, ReadName>();
  const remember = (offset: number, read: ReadName): Result<ReadName, Fault> => {
    known.set(offset, read);
    return success(read);
  };
  return (offset) => {
    const high = message[offset] ?? 0;
    const low = message[offset + 1];
    const place = high >= 0xc0 && low !== undefined ? ((high & 0x3f) << 8) | low : offset;
    const target = place >= HEADER && place < offset ? known.get(place) : undefined;
    if (target !== undefined && target.pointers < MAX_POINTERS) {
      return remember(offset, { name: target.name, next: offset + 2, pointers: target.pointers + 1 });
    }
    const read = readName(message, offset, true, null);
    return read.ok ? remember(offset, read.value) : read;
  };
}

/** Reads a name; its labels, lengths included, are put into `parts` unless that is null. */
function readName(
  message: Uint8Array,
  offset: number,
  pointersAllowed: boolean,
  parts: Uint8Array[] | null,
): Result<ReadName, Fault> {
  let text = "";
  let octets = 1;
  let at = offset;
  let segment = offset;
  let next: number | null = null;
  for (let pointers = 0; pointers <= MAX_POINTERS;) {
    const length = message[at];
    if (length === undefined) return malformed("a name runs past the end", offset);
    if (length >= 0xc0) {
      const low = message[at + 1];
      if (!pointersAllowed) return malformed("a name is compressed where compression is not allowed", offset);
      if (low === undefined) return malformed("a compression pointer is cut short", offset);
      const target = ((length & 0x3f) << 8) | low;
      if (target < HEADER || target >= segment)
        return malformed("a compression pointer does not lead backwards", offset);
      next ??= at + 2;
      at = segment = target;
      pointers += 1;
      continue;
    }
    // RFC 1035 §4.1.4 reserves 10; 01 was RFC 2671's extended label, given up by RFC 6891 §5.
    if (length > MAX_LABEL) return malformed("a label has a reserved type", offset);
    if (at + 1 + length > message.length) return malformed("a label runs past the end", offset);
    if (length === 0) return success({ name: octets === 1 ? ROOT : brand(text), next: next ?? at + 1, pointers });
    octets += length + 1;
    if (octets > MAX_NAME) return malformed("a name is longer than 255 octets", offset);
    parts?.push(message.subarray(at, at + 1 + length));
    text += `${labelText(message, at + 1, at + 1 + length)}.`;
    at += 1 + length;
  }
  return malformed("a name follows too many compression pointers", offset);
}

function malformed(what: string, offset: number): { readonly ok: false; readonly fault: Fault } {
  return failure(fault("DNS_MESSAGE_MALFORMED", `${what}, at octet ${String(offset)}`));
}
