/**
 * Trust anchors as records in a zone file's syntax (RFC 1035 §5.1): `. IN DS 20326 8 2 E06D…`, with or without TTL and
 * class, over several lines in parentheses. Files that Unbound keeps for RFC 5011 say behind each key what became of it:
 * `;;state=2 [  VALID  ]`; the other states are honoured, because a key that is only pending is not trusted yet.
 */
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { TYPE, typeFromName } from "../dns/iana.ts";
import { decodeDs, parseUnknown } from "../dns/rdata.ts";
import { checkAnchor, readDnskey, readDs, readZone, shown, wrong } from "./anchor-record.ts";
import type { AnchorData, AnchorFault, FoundAnchor, FoundAnchors, Word } from "./anchor-record.ts";

/** One record: its words, and the comments on its lines. */
interface Entry {
  readonly words: readonly Word[];
  /** The line begins with white space, so that the owner may be that of the record before. */
  readonly indented: boolean;
  readonly comment: string;
  readonly end: number;
}

interface OpenEntry {
  readonly words: Word[];
  indented: boolean;
  comment: string;
}

/** States of RFC 5011 §4.2 in the numbering of Unbound, in which a key is not trusted. A missing key (3) still is. */
const DISTRUSTED: ReadonlyMap<string, string> = new Map([
  ["0", "is not pending yet"],
  ["1", "is still pending"],
  ["4", "has been revoked"],
  ["5", "has been removed"],
]);

/** Cuts the text into records: at the ends of lines, but not within parentheses. */
function readEntries(text: string): Result<readonly Entry[], AnchorFault> {
  const entries: Entry[] = [];
  let open: OpenEntry = { words: [], indented: false, comment: "" };
  let parenthesis: number | null = null;
  let lineStart = true;
  const close = (end: number): void => {
    if (open.words.length > 0) entries.push({ ...open, end });
    open = { words: [], indented: false, comment: "" };
    lineStart = true;
  };
  for (const { 0: piece, index } of text.matchAll(/[^\S\n]+|\n|;[^\n]*|[()]|[^\s();]+/g)) {
    if (piece === "\n") {
      if (parenthesis === null) close(index);
    } else if (piece.startsWith(";")) {
      open.comment += ` ${piece}`;
    } else if (piece === "(") {
      if (parenthesis !== null) return wrong(index, "a parenthesis stands within another");
      parenthesis = index;
    } else if (piece === ")") {
      if (parenthesis === null) return wrong(index, "a parenthesis is closed that was never opened");
      parenthesis = null;
    } else if (/^\s/.test(piece)) {
      if (lineStart && open.words.length === 0) open.indented = true;
    } else {
      open.words.push({ text: piece, offset: index });
    }
    if (piece !== "\n") lineStart = false;
  }
  if (parenthesis !== null) return wrong(parenthesis, "a parenthesis is never closed");
  close(text.length);
  return success(entries);
}

function isTtl(text: string): boolean {
  return /^\d{1,10}$|^(?:\d{1,9}[smhdw]){1,5}$/i.test(text);
}

/** What stands between owner and type, and the type: the index of the first field behind it. */
function readType(entry: Entry, start: number): Result<{ readonly type: number; readonly next: number }, AnchorFault> {
  let at = start;
  for (let word = entry.words[at]; word !== undefined; word = entry.words[++at]) {
    const name = word.text.toUpperCase();
    if (name === "IN" || name === "CLASS1" || isTtl(name)) continue;
    if (/^(?:CH|HS|CLASS\d+)$/.test(name)) return wrong(word.offset, `${shown(word.text)} is not the class IN`);
    const type = typeFromName(name);
    if (type === TYPE.DS || type === TYPE.DNSKEY) return success({ type, next: at + 1 });
    const what = type === null ? "is no record type" : "records are no trust anchors";
    return wrong(word.offset, `${shown(word.text)} ${what}: DS or DNSKEY is needed`);
  }
  return wrong(entry.end, "the record has no type: DS or DNSKEY is needed");
}

function readData(type: number, words: readonly Word[], end: number): Result<AnchorData, AnchorFault> {
  if (words[0]?.text === "\\#") return readGeneric(type, words, words[0].offset);
  return type === TYPE.DS ? readDs(words, end) : readDnskey(words, end);
}

/** `\# 36 4F66…` (RFC 3597 §5). */
function readGeneric(type: number, words: readonly Word[], offset: number): Result<AnchorData, AnchorFault> {
  const rdata = parseUnknown(words.map((word) => word.text).join(" "));
  if (rdata === null) return wrong(offset, "the RDATA is not in the generic form");
  if (type !== TYPE.DS) return success({ kind: "dnskey", dnskey: rdata });
  const ds = decodeDs(rdata);
  return ds.ok ? success({ kind: "ds", ds: ds.value }) : wrong(offset, ds.fault.message);
}

/** Why the file says not to use the key, after `;;state=`. */
function distrust(comment: string): string | null {
  const state = /;;\s*state=(\d)/.exec(comment)?.[1];
  const why = state === undefined ? undefined : DISTRUSTED.get(state);
  return why === undefined ? null : `${why}, says the file (state ${state ?? ""})`;
}

/** The owner, or that of the record before where a line begins with white space and TTL, class or type. */
function readOwner(entry: Entry, first: Word, previous: FoundAnchor | null) {
  const { text, offset } = first;
  const isOwner = !entry.indented || !(isTtl(text) || text.toUpperCase() === "IN" || typeFromName(text) !== null);
  if (isOwner) {
    const zone = readZone(first);
    return zone.ok ? success({ zone: zone.value, next: 1 }) : zone;
  }
  return previous === null ? wrong(offset, "the record has no owner name") : success({ zone: previous.zone, next: 0 });
}

function readEntry(entry: Entry, previous: FoundAnchor | null): Result<FoundAnchor, AnchorFault> {
  const [first] = entry.words;
  if (first === undefined) return wrong(entry.end, "the record is empty");
  const { offset } = first;
  if (first.text.startsWith("$")) {
    const hint = "write every name in full, and leave the line out";
    return wrong(offset, `${shown(first.text)} is not understood in a file of trust anchors`, hint);
  }
  const owner = readOwner(entry, first, previous);
  if (!owner.ok) return owner;
  const type = readType(entry, owner.value.next);
  if (!type.ok) return type;
  const fields = entry.words.slice(type.value.next);
  const data = readData(type.value.type, fields, entry.end);
  if (!data.ok) return data;
  const anchor = { zone: owner.value.zone, data: data.value, offset, unusable: distrust(entry.comment) };
  return checkAnchor(anchor, fields[0]?.offset ?? offset);
}

/** Reads DS and DNSKEY records. */
export function readZoneFileAnchors(text: string): FoundAnchors {
  const entries = readEntries(text);
  if (!entries.ok) return failure(entries.fault);
  const found: FoundAnchor[] = [];
  for (const entry of entries.value) {
    const anchor = readEntry(entry, found.at(-1) ?? null);
    if (!anchor.ok) return anchor;
    found.push(anchor.value);
  }
  return success(found);
}
