/**
 * Trust anchors as IANA publishes them: `root-anchors.xml` (RFC 9718 §2.1; RFC 7958 had the same without keys). This
 * reads exactly that shape of document and nothing else of XML: no document types, entities, name spaces, CDATA.
 * An anchor outside its period is not used (RFC 9718 §2.2), and one whose key has another digest than it says makes the
 * whole file suspect (RFC 9718 §3.2 forbids to use it).
 */
import { equalBytes } from "../base/bytes.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { formatInstant, parseInstant } from "../base/time.ts";
import type { Instant } from "../base/time.ts";
import type { DomainName } from "../dns/name.ts";
import { checkAnchor, readDnskey, readDs, readZone, shown, wrong } from "./anchor-record.ts";
import type { AnchorData, AnchorFault, FoundAnchor, FoundAnchors, Word } from "./anchor-record.ts";
import { dsDigest, keyTag } from "./signature.ts";

interface Element extends Word {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, Word>;
  readonly children: Element[];
  /** The text within, at `offset`, without that of the elements within. */
  text: string;
  readonly start: number;
  offset: number;
}

/** The document, the container, its parts, their fields: nothing lies deeper. */
const MAX_DEPTH = 4;

const PIECE = new RegExp(
  [
    String.raw`(?<comment><!--(?:(?!--)[\s\S])*-->|<\?xml\s[^<>]*\?>)`,
    String.raw`<\/(?<close>[A-Za-z]+)\s*>`,
    String.raw`<(?<open>[A-Za-z]+)(?<attributes>(?:\s+[A-Za-z_:][\w:.-]*\s*=\s*(?:"[^"<&]*"|'[^'<&]*'))*)\s*(?<empty>\/?)>`,
    String.raw`(?<text>[^<&]+)`,
  ].join("|"),
  "y",
);

function readAttributes(text: string, start: number): ReadonlyMap<string, Word> {
  const pattern = /([A-Za-z_:][\w:.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
  const attributes = new Map<string, Word>();
  for (const match of text.matchAll(pattern)) {
    attributes.set(match[1] ?? "", { text: match[2] ?? match[3] ?? "", offset: start + match.index });
  }
  return attributes;
}

function newElement(name: string, attributes: ReadonlyMap<string, Word>, start: number): Element {
  return { name, attributes, children: [], text: "", start, offset: start };
}

/** Why nothing could be read at `at`. */
function unreadable(text: string, at: number): AnchorFault {
  const rest = text.slice(at, at + 9);
  const what =
    rest.startsWith("<!DOCTYPE") || rest.startsWith("<!ENTITY") || rest.startsWith("<![CDATA[")
      ? "a document type, an entity or a CDATA section"
      : rest.startsWith("&")
        ? "a reference to an entity"
        : rest.startsWith("<!--")
          ? "a comment that is not closed as it should be"
          : "something that is no well-formed element";
  const hint = "use root-anchors.xml as https://data.iana.org/root-anchors/ has it, unchanged";
  return { message: `${what} stands here`, offset: at, hint };
}

/** The elements of the document, the outermost one first within a nameless one. */
function readTree(text: string): Result<Element, AnchorFault> {
  const document = newElement("", new Map(), 0);
  const stack = [document];
  const pattern = new RegExp(PIECE);
  for (let at = 0; at < text.length; at = pattern.lastIndex) {
    pattern.lastIndex = at;
    const groups = pattern.exec(text)?.groups;
    const parent = stack.at(-1);
    if (groups === undefined || parent === undefined) return failure(unreadable(text, at));
    const { open, close, attributes = "" } = groups;
    if (open !== undefined) {
      const element = newElement(open, readAttributes(attributes, at + 1 + open.length), at);
      parent.children.push(element);
      if (groups["empty"] === "") stack.push(element);
      if (stack.length > MAX_DEPTH) return wrong(at, `<${open}> lies too deep within other elements`);
    } else if (close !== undefined) {
      if (close !== parent.name) return wrong(at, `</${close}> closes what was not opened last`);
      stack.pop();
    } else if (groups["text"] !== undefined) {
      if (parent.text.trim() === "") parent.offset = at + groups["text"].search(/\S|$/);
      parent.text += groups["text"];
    }
  }
  const left = stack.at(-1);
  return left === undefined || left === document
    ? success(document)
    : wrong(left.start, `<${left.name}> is never closed`);
}

/** The only element of this name, its text trimmed; null when there is none. */
function field(parent: Element, name: string): Result<Word | null, AnchorFault> {
  const [only = null, second] = parent.children.filter((child) => child.name === name);
  if (second !== undefined) return wrong(second.start, `<${name}> occurs twice in <${parent.name}>`);
  if (only === null) return success(null);
  const inner = only.children[0];
  if (inner !== undefined) return wrong(inner.start, `<${name}> holds <${inner.name}>, but must hold text`);
  return success({ text: only.text.trim(), offset: only.offset });
}

/** The fields of a container by name, those of `required` all there, none but those and `optional` ones. */
function fields(
  parent: Element,
  required: readonly string[],
  optional: readonly string[],
): Result<ReadonlyMap<string, Word>, AnchorFault> {
  if (parent.text.trim() !== "") return wrong(parent.offset, `text stands in <${parent.name}> beside its elements`);
  const stranger = parent.children.find((child) => ![...required, ...optional].includes(child.name));
  if (stranger !== undefined) return wrong(stranger.start, `<${stranger.name}> is no part of <${parent.name}>`);
  const found = new Map<string, Word>();
  for (const name of [...required, ...optional]) {
    // The one part that may occur many times is read by whoever asks for the container.
    if (name === "KeyDigest") continue;
    const word = field(parent, name);
    if (!word.ok) return word;
    if (word.value !== null) found.set(name, word.value);
    else if (required.includes(name)) return wrong(parent.start, `<${name}> is missing in <${parent.name}>`);
  }
  return success(found);
}

/** An end of the period of validity; null when it is not given. */
function readTime(element: Element, name: string): Result<Instant | null, AnchorFault> {
  const word = element.attributes.get(name);
  if (word === undefined) return success(null);
  const time = parseInstant(word.text);
  const isFull = /^\d{4}-\d\d-\d\dT/.test(word.text);
  return time.ok && isFull ? time : wrong(word.offset, `${name}, ${shown(word.text)}, is no date and time with a zone`);
}

/** Why the period of validity forbids to use the anchor at `at`. */
function readPeriod(element: Element, at: Instant): Result<string | null, AnchorFault> {
  const from = readTime(element, "validFrom");
  if (!from.ok) return from;
  const until = readTime(element, "validUntil");
  if (!until.ok) return until;
  if (from.value === null) return wrong(element.start, "validFrom is missing in <KeyDigest>");
  if (at < from.value) return success(`is not valid before ${formatInstant(from.value)}`);
  if (until.value !== null && at >= until.value) return success(`was valid until ${formatInstant(until.value)}`);
  return success(null);
}

function contradiction(zone: DomainName, digest: AnchorData, key: AnchorData): string | null {
  if (digest.kind !== "ds" || key.kind !== "dnskey") return null;
  const { ds } = digest;
  const tag = keyTag(key.dnskey);
  if (tag !== ds.keyTag) return `the key has the tag ${String(tag)}, but ${String(ds.keyTag)} is written beside it`;
  const made = dsDigest(zone, key.dnskey, ds.digestType);
  return made === null || equalBytes(made, ds.digest) ? null : "the digest is not that of the key beside it";
}

function readKeyDigest(element: Element, zone: DomainName, at: Instant): Result<FoundAnchor, AnchorFault> {
  const required = ["KeyTag", "Algorithm", "DigestType", "Digest"];
  const found = fields(element, required, ["PublicKey", "Flags"]);
  if (!found.ok) return found;
  const words = (...names: readonly string[]): readonly Word[] =>
    names
      .flatMap((name) => found.value.get(name) ?? [])
      .map((word) => ({ ...word, text: word.text.replace(/\s+/g, "") }));
  const data = readDs(words(...required), element.start);
  if (!data.ok) return data;
  const period = readPeriod(element, at);
  if (!period.ok) return period;
  const digestAt = found.value.get("Digest")?.offset ?? element.start;
  const anchor = { zone, data: data.value, offset: element.start, unusable: period.value };
  const [flags, key] = [found.value.get("Flags"), found.value.get("PublicKey")];
  if (flags === undefined && key === undefined) return checkAnchor(anchor, digestAt);
  if (flags === undefined || key === undefined) {
    return wrong((flags ?? key)?.offset ?? element.start, "<PublicKey> and <Flags> must stand together");
  }
  const protocol = { text: "3", offset: flags.offset };
  const dnskey = readDnskey([flags, protocol, ...words("Algorithm", "PublicKey")], element.start);
  if (!dnskey.ok) return dnskey;
  const differs = contradiction(zone, data.value, dnskey.value);
  if (differs !== null) return wrong(digestAt, differs, "the file is damaged or forged: fetch it again, and check it");
  const sound = checkAnchor({ ...anchor, data: dnskey.value }, key.offset);
  return sound.ok ? checkAnchor(anchor, digestAt) : sound;
}

/** Reads IANA's document; what is valid at `at` may be used. */
export function readXmlAnchors(text: string, at: Instant): FoundAnchors {
  const tree = readTree(text);
  if (!tree.ok) return tree;
  const [root, second] = tree.value.children;
  if (tree.value.text.trim() !== "") return wrong(tree.value.offset, "text stands outside of the document's element");
  if (root === undefined) return success([]);
  if (second !== undefined) return wrong(second.start, "the document has more than one element");
  if (root.name !== "TrustAnchor")
    return wrong(root.start, `the document's element is <${root.name}>, not <TrustAnchor>`);
  const parts = fields(root, ["Zone"], ["KeyDigest"]);
  if (!parts.ok) return parts;
  const zoneWord = parts.value.get("Zone");
  const zone = zoneWord === undefined ? wrong(root.start, "<Zone> is missing in <TrustAnchor>") : readZone(zoneWord);
  if (!zone.ok) return zone;
  const found: FoundAnchor[] = [];
  for (const element of root.children.filter((child) => child.name === "KeyDigest")) {
    const anchor = readKeyDigest(element, zone.value, at);
    if (!anchor.ok) return anchor;
    found.push(anchor.value);
  }
  return success(found);
}
