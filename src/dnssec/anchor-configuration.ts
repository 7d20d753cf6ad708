/**
 * Trust anchors in the configuration of name servers: BIND's `trust-anchors { . initial-key 257 3 8 "AwEA…"; };`, its
 * older `managed-keys` and `trusted-keys`, and Unbound's `trust-anchor: ". IN DS 20326 8 2 E06D…"`. Whatever else such
 * a file configures is passed over.
 */
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { checkAnchor, readDnskey, readDs, readZone, shown, wrong } from "./anchor-record.ts";
import type { AnchorFault, FoundAnchor, FoundAnchors, Word } from "./anchor-record.ts";
import { readZoneFileAnchors } from "./anchor-zone-file.ts";

interface Token extends Word {
  /** `quoted` text is never a keyword or a mark. */
  readonly kind: "word" | "quoted" | "mark";
}

/** Words, quoted strings and `{ } ;` of BIND's configuration language without its three kinds of comment. */
function readTokens(text: string): Result<readonly Token[], AnchorFault> {
  const tokens: Token[] = [];
  const pattern =
    /(?:\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)|"(?<quoted>[^"]*)"|(?<mark>[{};])|(?<open>"|\/\*)|(?<word>[^\s{};"]+)/g;
  for (const { groups = {}, index: offset } of text.matchAll(pattern)) {
    const { quoted, mark, open, word } = groups;
    if (open !== undefined) {
      return wrong(offset, open === '"' ? "a quotation mark is never closed" : "a comment is never closed");
    }
    if (quoted !== undefined) tokens.push({ kind: "quoted", text: quoted, offset: offset + 1 });
    else if (mark !== undefined) tokens.push({ kind: "mark", text: mark, offset });
    else if (word !== undefined) tokens.push({ kind: "word", text: word, offset });
  }
  return success(tokens);
}

function isMark(token: Token | undefined, mark: string): boolean {
  return token?.kind === "mark" && token.text === mark;
}

/** Clause -> whether its entries have a keyword between name and fields. */
const CLAUSES: ReadonlyMap<string, boolean> = new Map([
  ["trust-anchors", true],
  ["managed-keys", true],
  ["trusted-keys", false],
]);

const KEYWORDS: ReadonlyMap<string, "ds" | "dnskey"> = new Map([
  ["static-key", "dnskey"],
  ["initial-key", "dnskey"],
  ["static-ds", "ds"],
  ["initial-ds", "ds"],
]);

/** `. static-ds 20326 8 2 "E06D…"`, the semicolon taken off; `end` is where it was. */
function readStatement(words: readonly Token[], hasKeyword: boolean, end: number): Result<FoundAnchor, AnchorFault> {
  const [name, keyword, ...rest] = words;
  if (name === undefined) return wrong(end, "a trust anchor has no name");
  const zone = readZone(name);
  if (!zone.ok) return zone;
  const kind = hasKeyword ? KEYWORDS.get(keyword?.text.toLowerCase() ?? "") : "dnskey";
  if (kind === undefined) {
    const found = keyword === undefined ? "nothing follows the name" : `${shown(keyword.text)} follows the name`;
    return wrong(keyword?.offset ?? end, `${found}, but static-key, initial-key, static-ds or initial-ds must`);
  }
  // Within the quotation marks keys may be broken into pieces.
  const fields = (hasKeyword ? rest : words.slice(1)).flatMap(({ text, offset }) =>
    [...text.matchAll(/\S+/g)].map((piece) => ({ text: piece[0], offset: offset + piece.index })),
  );
  const data = kind === "ds" ? readDs(fields, end) : readDnskey(fields, end);
  if (!data.ok) return data;
  const anchor = { zone: zone.value, data: data.value, offset: name.offset, unusable: null };
  return checkAnchor(anchor, fields[0]?.offset ?? name.offset);
}

/** The entries of a clause that is open at `start`, and the index behind its closing brace. */
function readClause(
  tokens: readonly Token[],
  start: number,
  hasKeyword: boolean,
): Result<{ readonly found: readonly FoundAnchor[]; readonly next: number }, AnchorFault> {
  const found: FoundAnchor[] = [];
  let words: Token[] = [];
  for (let at = start; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === undefined) break;
    if (token.kind !== "mark") {
      words.push(token);
    } else if (token.text === "{") {
      return wrong(token.offset, "a brace stands within a trust anchor");
    } else if (token.text === "}") {
      const [open] = words;
      return open === undefined ? success({ found, next: at + 1 }) : wrong(token.offset, "a semicolon is missing");
    } else {
      const anchor = readStatement(words, hasKeyword, token.offset);
      if (!anchor.ok) return anchor;
      found.push(anchor.value);
      words = [];
    }
  }
  return wrong(tokens[start - 1]?.offset ?? 0, "a brace is never closed");
}

/** Reads BIND's clauses, wherever in a `named.conf` they stand. */
export function readBindAnchors(text: string): FoundAnchors {
  const tokens = readTokens(text);
  if (!tokens.ok) return failure(tokens.fault);
  const found: FoundAnchor[] = [];
  for (let at = 0; at < tokens.value.length; at++) {
    const token = tokens.value[at];
    const hasKeyword = token?.kind === "word" ? CLAUSES.get(token.text.toLowerCase()) : undefined;
    if (hasKeyword === undefined || !isMark(tokens.value[at + 1], "{")) continue;
    const clause = readClause(tokens.value, at + 2, hasKeyword);
    if (!clause.ok) return clause;
    found.push(...clause.value.found);
    at = clause.value.next - 1;
  }
  return success(found);
}

/** Reads Unbound's `trust-anchor:` lines. The record within the quotation marks is in a zone file's syntax. */
export function readUnboundAnchors(text: string): FoundAnchors {
  const found: FoundAnchor[] = [];
  for (const line of text.matchAll(/^[^\S\n]*([a-z][a-z0-9-]*):[^\S\n]*([^\n]*)/gm)) {
    const [whole, option = "", rest = ""] = line;
    const offset = line.index + whole.length - rest.length;
    if (/^(?:auto-)?trust-anchor-file$|^trusted-keys-file$/.test(option)) {
      return wrong(offset, `the line ${option} names another file`, "name that file as the trust anchor file instead");
    }
    if (option !== "trust-anchor") continue;
    const record = /^(["'])(.*?)\1[^\S\n]*(?:#.*)?$/.exec(rest)?.[2];
    if (record === undefined) return wrong(offset, 'the trust anchor is not in quotation marks: "NAME DS …"');
    const anchors = readZoneFileAnchors(record);
    const inLine = offset + 1;
    if (!anchors.ok) return failure({ ...anchors.fault, offset: anchors.fault.offset + inLine });
    if (anchors.value.length === 0) return wrong(offset, "the trust anchor is empty");
    found.push(...anchors.value.map((anchor) => ({ ...anchor, offset: anchor.offset + inLine })));
  }
  return success(found);
}
