/** The text forms of TSIG key files, taken apart but not yet judged. Pure; answers with a Result on any text. */
import { decodeBase64 } from "../base/base64.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";

/** Name, algorithm and secret as they stand in the file. */
export interface RawKey {
  readonly name: string;
  /** Empty: the form does not say it. */
  readonly algorithm: string;
  readonly secret: string;
  readonly server?: { readonly host: string; readonly port: number };
  /** `hmac-sha256-128` as BIND means it: the algorithm without the length, its MACs cut to so many bits. */
  readonly bindLength?: true;
  readonly signQueries?: true;
}

export interface RawKeys {
  readonly keys: readonly RawKey[];
}

/** What is wrong with the text as a whole. */
export interface TextFault {
  readonly what: string;
  readonly hint?: string;
}

function refuse(what: string, hint?: string): Result<RawKeys, TextFault> {
  return failure(hint === undefined ? { what } : { what, hint });
}

/** Base64 of 16 octets or more that nobody would take for a key name: padded, or mixed case, or with + or /. */
export function looksLikeSecret(text: string): boolean {
  const octets = decodeBase64(text)?.length ?? 0;
  return octets >= 16 && (/[=+/]/.test(text) || (/[a-z]/.test(text) && /[A-Z]/.test(text) && /\d/.test(text)));
}

/** A piece of it may be a secret: one that ran together with its neighbours is no base64 as a whole. */
export function mayHoldSecret(text: string): boolean {
  const isMixed = (run: string): boolean => /[a-z]/.test(run) && /[A-Z]/.test(run) && /\d/.test(run);
  return [...text.matchAll(/[A-Za-z0-9+/=]{22,}/g)].some(([run]) => /[=+/]/.test(run) || isMixed(run));
}

/** Words, quoted strings and `{ } ;` of BIND's configuration language, comments dropped where a token may begin. */
function* tokens(text: string): Generator<string> {
  const pattern =
    /\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?<quoted>[^"]*)"|(?<mark>[{};])|(?<word>[^\s{};"]+)|"/g;
  for (const { groups } of text.matchAll(pattern)) {
    const token = groups?.["quoted"] ?? groups?.["mark"] ?? groups?.["word"];
    if (token !== undefined) yield token;
  }
}

/** Tokens up to the `}` that closes a block that is open already. */
function takeBlock(words: Iterator<string, unknown>): readonly string[] | null {
  const block: string[] = [];
  for (let depth = 1; ;) {
    const next = words.next();
    if (next.done === true || typeof next.value !== "string") return null;
    if (next.value === "{") depth++;
    if (next.value === "}") depth--;
    if (depth === 0) return block;
    block.push(next.value);
  }
}

/** The word behind `keyword` in a block of statements. */
function wordAfter(block: readonly string[], keyword: string): string | null {
  const at = block.findIndex(
    (word, index) => word.toLowerCase() === keyword && (index === 0 || block[index - 1] === ";"),
  );
  const value = block[at + 1];
  return at < 0 || value === undefined || value === ";" ? null : value;
}

function readNamedKeys(text: string): Result<RawKeys, TextFault> {
  const keys: RawKey[] = [];
  const words = tokens(text);
  let previous = ["", ""];
  for (let next = words.next(); next.done !== true; next = words.next()) {
    if (next.value !== "{") {
      previous = [previous[1] ?? "", next.value];
      continue;
    }
    const block = takeBlock(words);
    if (block === null) return refuse("a { is never closed");
    const [keyword, name] = previous;
    previous = ["", ""];
    if (keyword?.toLowerCase() !== "key" || name === undefined) continue;
    const algorithm = wordAfter(block, "algorithm");
    const secret = wordAfter(block, "secret");
    if (algorithm === null) return refuse(`a key clause has no algorithm`, "write: algorithm hmac-sha256;");
    if (secret === null) return refuse(`a key clause has no secret`, 'write: secret "BASE64";');
    keys.push({ name, algorithm, secret, bindLength: true });
  }
  return success({ keys });
}

const CERTBOT = "dns_rfc2136_";

function readCertbot(lines: readonly string[]): Result<RawKeys, TextFault> {
  const values = new Map<string, string>();
  for (const line of lines) {
    const parts = /^dns_rfc2136_(?<key>\w+)\s*=\s*(?<value>.*)$/.exec(line)?.groups;
    const value = parts?.["value"]?.trim().replace(/^"(.*)"$|^'(.*)'$/, "$1$2");
    if (parts?.["key"] !== undefined && value !== undefined) values.set(parts["key"], value);
  }
  const name = values.get("name");
  const secret = values.get("secret");
  if (name === undefined) return refuse(`${CERTBOT}name is missing`);
  if (secret === undefined) return refuse(`${CERTBOT}secret is missing`);
  // certbot's own default is HMAC-MD5.
  const algorithm = values.get("algorithm") ?? "HMAC-MD5";
  const port = Number(values.get("port") ?? 53);
  const host = values.get("server");
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return refuse(`${CERTBOT}port is not a port number`);
  const signQueries = /^(?:true|yes|1|on)$/i.test(values.get("sign_query") ?? "") ? { signQueries: true as const } : {};
  const server = host === undefined ? {} : { server: { host, port } };
  return success({ keys: [{ name, algorithm, secret, ...server, ...signQueries }] });
}

/** `NAME=value` lines as a shell or systemd reads them; other lines do not matter. */
function readVariables(lines: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of lines) {
    const parts = /^(?:export\s+)?(?<key>[A-Z][A-Z0-9_]*)\s*=\s*(?<value>.*)$/.exec(line)?.groups;
    const value = parts?.["value"]?.trim().replace(/^"(.*)"$|^'(.*)'$/, "$1$2");
    if (parts?.["key"] !== undefined && value !== undefined) values.set(parts["key"], value);
  }
  return values;
}

const LEGO = "RFC2136_";

/** lego's environment, where TSIG_KEY is the *name* of the key. */
function readLego(values: ReadonlyMap<string, string>): Result<RawKeys, TextFault> {
  const file = values.get(`${LEGO}TSIG_FILE`);
  const name = values.get(`${LEGO}TSIG_KEY`);
  const secret = values.get(`${LEGO}TSIG_SECRET`);
  if (file !== undefined)
    return refuse(`${LEGO}TSIG_FILE names another file that holds the key`, `give ${file} itself`);
  if (name === undefined) return refuse(`${LEGO}TSIG_KEY, the name of the key, is missing`);
  if (secret === undefined) return refuse(`${LEGO}TSIG_SECRET is missing`);
  const [, host = "", port = "53"] = /^\[?([^\]]+?)\]?(?::(\d+))?$/.exec(values.get(`${LEGO}NAMESERVER`) ?? "") ?? [];
  // lego's own default is HMAC-SHA1.
  const algorithm = values.get(`${LEGO}TSIG_ALGORITHM`) ?? "hmac-sha1";
  const server = host === "" ? {} : { server: { host, port: Number(port) } };
  return success({ keys: [{ name, algorithm, secret, ...server }] });
}

/** acme.sh keeps the path of a key file, never a key. */
function readAcmeSh(values: ReadonlyMap<string, string>): Result<RawKeys, TextFault> | null {
  const file = values.get("NSUPDATE_KEY") ?? values.get("SAVED_NSUPDATE_KEY");
  return file === undefined
    ? null
    : refuse("NSUPDATE_KEY names another file that holds the key", `give ${file} itself`);
}

/** LetsDNS: `{"keyname": "base64"}`, the algorithm apart. */
function readJson(text: string): Result<RawKeys, TextFault> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse("it begins like JSON and is none");
  }
  const entries: readonly (readonly [string, unknown])[] =
    typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  const keys: RawKey[] = [];
  for (const [name, secret] of entries) {
    if (typeof secret !== "string") return refuse("a key in it has no secret", 'write {"name": "BASE64"}');
    keys.push({ name, algorithm: "", secret });
  }
  return success({ keys });
}

/** `key:` with a list of `id`, `algorithm`, `secret`, as keymgr -t prints it; no YAML beyond that. */
function readKnotYaml(lines: readonly string[]): Result<RawKeys, TextFault> {
  const keys: RawKey[] = [];
  let open: Record<string, string> | null = null;
  const close = (): boolean => {
    if (open === null) return true;
    const { id, algorithm, secret } = open;
    open = null;
    if (id === undefined || algorithm === undefined || secret === undefined) return false;
    keys.push({ name: id, algorithm, secret });
    return true;
  };
  for (const line of lines.slice(1)) {
    const item = /^(?<dash>-\s*)?(?<key>id|algorithm|secret):\s*(?<value>.*)$/.exec(line)?.groups;
    if (item === undefined) break;
    if (item["dash"] !== undefined && !close()) return refuse("a key has no id, algorithm or secret");
    open ??= {};
    open[item["key"] ?? ""] = (item["value"] ?? "").replace(/^"(.*)"$|^'(.*)'$/, "$1$2");
  }
  if (!close()) return refuse("a key has no id, algorithm or secret");
  return success({ keys });
}

function readLine(line: string): RawKey | null {
  const colons = line.split(":");
  const [first = "", second = "", third = ""] = colons;
  if (colons.length === 3) return { algorithm: first, name: second, secret: third };
  if (colons.length === 2 && !/\s/.test(line)) return { algorithm: "", name: first, secret: second };
  const words = line.split(/\s+/);
  const [name = "", algorithm = "", secret = ""] = words;
  return words.length === 3 && colons.length === 1 ? { name, algorithm, secret } : null;
}

/** Recognises the form and takes the keys out. The fault never repeats any of the text. */
export function readKeyStatements(text: string): Result<RawKeys, TextFault> {
  if (text.trim() === "") return refuse("it is empty");
  if (/-----BEGIN /.test(text)) {
    return refuse("it is a PEM file, not a TSIG key", "make a TSIG key with tsig-keygen -a hmac-sha256 NAME");
  }
  if (/(?:^|[\s;}])key\s+("[^"]*"|[^\s{}"]+)\s*\{/i.test(text)) return readNamedKeys(text);
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^[#;]|^\/\//.test(line));
  if (lines.some((line) => line.startsWith(CERTBOT))) return readCertbot(lines);
  if (lines[0] === "key:") return readKnotYaml(lines);
  if (text.trimStart().startsWith("{")) return readJson(text);
  const variables = readVariables(lines);
  if ([...variables.keys()].some((key) => key.startsWith(LEGO))) return readLego(variables);
  const acmeSh = readAcmeSh(variables);
  if (acmeSh !== null) return acmeSh;
  if (lines.some((line) => /^Private-key-format:/i.test(line))) {
    return refuse("a private key of dnssec-keygen must keep its file name", "name it Kname.+165+12345.private again");
  }
  const keys = lines.map(readLine);
  if (keys.every((key) => key !== null)) return success({ keys });
  return refuse("it is in no known form");
}
