/**
 * TSIG keys in the files that people already have. The forms: `key "n" { algorithm …; secret "…"; };` (tsig-keygen,
 * ddns-confgen, session.key), the legacy pair `Kn.+165+12345.{key,private}`, one line `algorithm:name:secret` (nsupdate
 * -y, knsupdate -k), `name algorithm secret` (pdnsutil list-tsig-keys), the YAML of keymgr -t, certbot's `rfc2136.ini`,
 * lego's `RFC2136_…` variables and LetsDNS's JSON. The form is recognised by what stands in the file, the pair by its file
 * name. Two forms do not say the algorithm (`name:secret`, JSON): it must be given, for a guess would be found out as
 * BADKEY only. `algorithm hmac-sha256-128` in a key clause means what BIND means: wire name hmac-sha256, MACs cut to 128 bits.
 *
 * Decided: an unreadable key stops the program (nsupdate goes on and sends the update unsigned, which the server then
 * refuses for a reason that nobody understands). A file that strangers can read is refused. With several keys in one
 * file one must be named. The usual mistakes have messages of their own, and none of them repeats what may be a secret.
 *
 * Not done: GSS-TSIG and SIG(0) keys, and keys in environment variables, which every child process can read.
 */
import path from "node:path";
import { decodeBase64 } from "../base/base64.ts";
import { fault, OperationalError } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Failure, Result } from "../base/result.ts";
import { Secret } from "../base/secret.ts";
import { displayName, parseName } from "../dns/name.ts";
import type { DomainName } from "../dns/name.ts";
import { tsigAlgorithmFromName, tsigMacLength } from "../dns/tsig.ts";
import type { TsigAlgorithm, TsigKey } from "../dns/tsig.ts";
import { checkMode, ownGroups, readGuarded } from "./guarded-file.ts";
import { looksLikeSecret, mayHoldSecret, readKeyStatements } from "./key-text.ts";
import type { RawKey, RawKeys } from "./key-text.ts";

/** A key, and what else its file says. */
export interface TsigKeyFile extends TsigKey {
  /** Outdated algorithm, short secret: worth telling, no reason to refuse. */
  readonly warnings: readonly Fault[];
  /** certbot's file also names the update server. */
  readonly server: { readonly host: string; readonly port: number } | null;
  /** certbot's `sign_query`. */
  readonly signQueries: boolean;
}

export interface ParseKeyOptions {
  /** Where the text comes from, for messages. */
  readonly source: string;
  /** Which key, when the text holds several. */
  readonly name?: DomainName | null;
  /** In place of what the text says, or does not. */
  readonly algorithm?: TsigAlgorithm | null;
}

export interface ReadKeyOptions {
  /** Groups whose members may read the file; those of this process unless told. */
  readonly groups?: readonly number[];
  /** In place of what the file says, or does not. */
  readonly algorithm?: TsigAlgorithm | null;
}

/** RFC 8945 §8 advises secrets as long as the hash; below this they can be guessed. */
const SHORTEST_SECRET = 16;

/** `Kname.+165+12345`, with or without extension. */
const PAIR = /^K(?<name>.+)\.\+(?<algorithm>\d{3})\+(?<tag>\d{5})(?:\.(?:key|private))?$/;

/** Numbers of dnssec-keygen for HMAC keys; they never were in the registry of DNSSEC algorithms. */
const PAIR_ALGORITHMS: Readonly<Record<string, string>> = {
  157: "hmac-md5",
  161: "hmac-sha1",
  162: "hmac-sha224",
  163: "hmac-sha256",
  164: "hmac-sha384",
  165: "hmac-sha512",
};

function refuse(code: Fault["code"], source: string, what: string, hint?: string): Failure<Fault> {
  return failure(fault(code, `${source}: ${what}`, hint));
}

function swapped(source: string): Failure<Fault> {
  return refuse("KEY_FILE_SWAPPED", source, "what stands in the place of the key name looks like the secret");
}

interface CheckedAlgorithm {
  readonly algorithm: TsigAlgorithm;
  readonly macLength?: number;
}

/** BIND's `hmac-sha256-128`: RFC 8945 §5.2.2.1 allows no MAC of less than ten octets, or of less than half. */
function bindTruncation(text: string, source: string): Result<CheckedAlgorithm, Fault> | null {
  const parts = /^(?<name>hmac-(?:md5|sha\d+))-(?<bits>\d+)\.?$/i.exec(text)?.groups;
  const algorithm = tsigAlgorithmFromName(parts?.["name"] ?? "");
  if (algorithm === null) return null;
  const bits = Number(parts?.["bits"]);
  const full = tsigMacLength(algorithm);
  if (bits % 8 === 0 && bits / 8 <= full && bits / 8 >= Math.max(10, full / 2)) {
    return success(bits / 8 === full ? { algorithm } : { algorithm, macLength: bits / 8 });
  }
  const hint = `write ${algorithm} on both sides`;
  return refuse(
    "KEY_FILE_ALGORITHM",
    source,
    `signatures cut to ${String(bits)} bits are not allowed with ${algorithm}`,
    hint,
  );
}

function checkAlgorithm(raw: RawKey, source: string, override: TsigAlgorithm | null): Result<CheckedAlgorithm, Fault> {
  if (override !== null) return success({ algorithm: override });
  const text = raw.algorithm.trim();
  if (text === "") {
    const hint = 'add it: "algorithm:name:secret", or key_algorithm in the configuration, or --key-algorithm';
    return refuse(
      "KEY_FILE_ALGORITHM",
      source,
      "it names no algorithm, and the servers differ in what they take for granted",
      hint,
    );
  }
  const truncated = raw.bindLength === true ? bindTruncation(text, source) : null;
  if (truncated !== null) return truncated;
  const algorithm = tsigAlgorithmFromName(text);
  if (algorithm !== null) return success({ algorithm });
  const dashed = tsigAlgorithmFromName(text.replaceAll("_", "-"));
  if (dashed !== null) {
    const what = `the algorithm "${text}" is written with an underscore`;
    return refuse("KEY_FILE_ALGORITHM", source, what, `write ${dashed}`);
  }
  // Anything that is not plainly an algorithm may be the secret in the wrong place.
  const shown = /^hmac[-_.a-z0-9]{0,30}$/i.test(text)
    ? `"${text}" is no known algorithm`
    : "no known algorithm is named";
  return refuse("KEY_FILE_ALGORITHM", source, shown);
}

function checkName(raw: RawKey, source: string): Result<DomainName, Fault> {
  const name = parseName(raw.name.trim());
  if (name.ok) return name;
  return looksLikeSecret(raw.name)
    ? swapped(source)
    : refuse("KEY_FILE_NAME", source, "the key name is not a domain name");
}

/** Name, algorithm and secret checked; the secret goes into a {@link Secret} and nowhere else. */
function checkKey(raw: RawKey, source: string, override: TsigAlgorithm | null | undefined): Result<TsigKeyFile, Fault> {
  const algorithm = checkAlgorithm(raw, source, override ?? null);
  if (!algorithm.ok) return algorithm;
  const name = checkName(raw, source);
  const secret = decodeBase64(raw.secret);
  if (!name.ok) return name;
  const who = displayName(name.value);
  if (looksLikeSecret(raw.name) && (secret === null || !looksLikeSecret(raw.secret))) return swapped(source);
  if (secret === null) return refuse("KEY_FILE_SECRET", source, `the secret of key "${who}" is not base64`);
  if (secret.length === 0) return refuse("KEY_FILE_SECRET", source, `the secret of key "${who}" is empty`);
  const warnings: Fault[] = [];
  const used = algorithm.value.algorithm;
  if (used === "hmac-md5" || used === "hmac-sha1") {
    warnings.push(fault("KEY_ALGORITHM_WEAK", `${source}: key "${who}" uses ${used}`));
  }
  if (secret.length < SHORTEST_SECRET) {
    const what = `the secret of key "${who}" has only ${String(secret.length)} octets`;
    warnings.push(fault("KEY_SECRET_SHORT", `${source}: ${what}`));
  }
  return success({
    name: name.value,
    ...algorithm.value,
    secret: new Secret(secret),
    warnings,
    server: raw.server ?? null,
    signQueries: raw.signQueries === true,
  });
}

/** Case and final dot do not matter. */
function isNamed(key: RawKey, wanted: DomainName): boolean {
  const name = parseName(key.name.trim());
  return name.ok && name.value === wanted;
}

/** The names in a file for a message; one that may hold a secret is not shown. */
function listNames(keys: readonly RawKey[]): string {
  return keys.map((key) => (mayHoldSecret(key.name) ? "(not shown)" : `"${key.name}"`)).join(", ");
}

function chooseKey(found: RawKeys, options: ParseKeyOptions): Result<RawKey, Fault> {
  const { source, name = null } = options;
  const [first, ...more] = found.keys;
  if (first === undefined) return refuse("KEY_FILE_FORMAT", source, "no TSIG key is in it");
  if (name === null) {
    if (more.length === 0) return success(first);
    return refuse("KEY_FILE_SEVERAL", source, `${String(found.keys.length)} keys are in it: ${listNames(found.keys)}`);
  }
  const wanted = found.keys.filter((key) => isNamed(key, name));
  const [key] = wanted;
  if (key === undefined) {
    return refuse(
      "KEY_FILE_NO_SUCH_KEY",
      source,
      `no key "${displayName(name)}" is in it, only ${listNames(found.keys)}`,
    );
  }
  if (wanted.length > 1)
    return refuse("KEY_FILE_SEVERAL", source, `the key "${displayName(name)}" is in it more than once`);
  return success(key);
}

/**
 * Reads the text of a key file in any of the forms above but the legacy pair. Faults: `KEY_FILE_FORMAT`,
 * `KEY_FILE_ALGORITHM`, `KEY_FILE_NAME`, `KEY_FILE_SECRET`, `KEY_FILE_SWAPPED`, `KEY_FILE_SEVERAL`, `KEY_FILE_NO_SUCH_KEY`.
 */
export function parseTsigKey(text: string, options: ParseKeyOptions): Result<TsigKeyFile, Fault> {
  const found = readKeyStatements(text);
  if (!found.ok) return refuse("KEY_FILE_FORMAT", options.source, found.fault.what, found.fault.hint);
  const raw = chooseKey(found.value, options);
  return raw.ok ? checkKey(raw.value, options.source, options.algorithm) : raw;
}

/** The secret stands in both files of a pair; the name only in the file name, the algorithm in file name and `.private`. */
function readPair(file: string, wanted: DomainName | null, groups: readonly number[]): Result<TsigKeyFile, Fault> {
  const parts = PAIR.exec(path.basename(file))?.groups;
  const stem = file.replace(/\.(key|private)$/, "");
  const source = `${stem}.private`;
  const number = parts?.["algorithm"] ?? "";
  const text = readGuarded(source, groups);
  try {
    checkMode(`${stem}.key`, groups);
  } catch (error) {
    // The .private file alone is enough; only an exposed .key beside it matters.
    if (error instanceof OperationalError && error.code === "KEY_FILE_EXPOSED") throw error;
  }
  const field = (name: string): string | undefined => new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(text)?.[1]?.trim();
  const inside = /^\d+/.exec(field("Algorithm") ?? "")?.[0];
  const secret = field("Key");
  if (inside === undefined || secret === undefined) {
    return refuse("KEY_FILE_FORMAT", source, "the lines Algorithm: and Key: of a private HMAC key are missing");
  }
  if (inside !== number) {
    return refuse("KEY_FILE_ALGORITHM", source, `the file name says algorithm ${number}, the file itself ${inside}`);
  }
  const algorithm = PAIR_ALGORITHMS[number];
  if (algorithm === undefined) {
    const hint = "a DNSSEC key signs zones; for updates make a TSIG key with tsig-keygen";
    return refuse("KEY_FILE_ALGORITHM", source, `algorithm ${number} is not an HMAC, so this is no TSIG key`, hint);
  }
  const raw = { name: parts?.["name"] ?? "", algorithm, secret };
  const chosen = chooseKey({ keys: [raw] }, { source, name: wanted });
  return chosen.ok ? checkKey(chosen.value, source, null) : chosen;
}

/**
 * Reads a key file, or either file or the stem of a legacy pair; `name` says which of several keys. Throws
 * `KEY_FILE_UNREADABLE`, `KEY_FILE_EXPOSED`, and the faults of {@link parseTsigKey}.
 */
export function readTsigKeyFile(
  file: string,
  name: DomainName | null = null,
  options: ReadKeyOptions = {},
): TsigKeyFile {
  const groups = options.groups ?? ownGroups();
  const read = PAIR.test(path.basename(file))
    ? readPair(file, name, groups)
    : parseTsigKey(readGuarded(file, groups), { source: file, name, algorithm: options.algorithm ?? null });
  if (!read.ok) throw OperationalError.of(read.fault);
  return read.value;
}
