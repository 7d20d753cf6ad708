/**
 * Where domain names stand inside RDATA. Two lists matter and they differ: types whose names may arrive compressed
 * (RFC 3597 §4) and types whose names are lower-cased for signing (RFC 4034 §6.2 as corrected by
 * RFC 6840 §5.1). Every other type is opaque octets (RFC 3597 §3).
 */
import { concatBytes } from "../base/bytes.ts";
import { failure, success } from "../base/result.ts";
import type { Failure, Result } from "../base/result.ts";
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { TYPE, typeName } from "./iana.ts";
import { decodeName, decodePlainName, lowerCase } from "./name.ts";

/** A field of RDATA: so many octets, a domain name, a character-string, or whatever is left. */
type Field = number | "name" | "string" | "rest";

const NAME: readonly Field[] = ["name"];

/** Types whose names may arrive compressed: those of RFC 1035, and the older ones that senders compressed all the same (RFC 3597 §4). */
const COMPRESSIBLE: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [TYPE.NS, NAME],
  [TYPE.MD, NAME],
  [TYPE.MF, NAME],
  [TYPE.CNAME, NAME],
  [TYPE.SOA, ["name", "name", 20]],
  [TYPE.MB, NAME],
  [TYPE.MG, NAME],
  [TYPE.MR, NAME],
  [TYPE.PTR, NAME],
  [TYPE.MINFO, ["name", "name"]],
  [TYPE.MX, [2, "name"]],
  [TYPE.RP, ["name", "name"]],
  [TYPE.AFSDB, [2, "name"]],
  [TYPE.RT, [2, "name"]],
  [TYPE.SIG, [18, "name", "rest"]],
  [TYPE.PX, [2, "name", "name"]],
  [TYPE.NXT, ["name", "rest"]],
  [TYPE.NAPTR, [4, "string", "string", "string", "name"]],
  [TYPE.SRV, [6, "name"]],
]);

/** RFC 4034 §6.2 without HINFO and NSEC, whose names (RFC 6840 §5.1) and strings keep their case. A6 is special. */
const CANONICAL: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  ...COMPRESSIBLE,
  [TYPE.KX, [2, "name"]],
  [TYPE.DNAME, NAME],
  [TYPE.RRSIG, [18, "name", "rest"]],
]);

/** A6: prefix length, the address octets that the prefix does not cover, a name unless the prefix is empty (RFC 2874 §3.1). */
function a6Layout(prefix: number): readonly Field[] {
  const address = Math.ceil((128 - Math.min(prefix, 128)) / 8);
  return prefix === 0 ? [1 + address] : [1 + address, "name"];
}

type NameReader = (
  bytes: Uint8Array,
  at: number,
) => Result<{ readonly wire: Uint8Array; readonly next: number }, Fault>;

/** Copies `bytes[start..end)` field by field, each name through `readNameAt`; the fields must fill the range exactly. */
function copyFields(
  bytes: Uint8Array,
  range: { readonly start: number; readonly end: number; readonly type: number },
  layout: readonly Field[],
  readNameAt: NameReader,
): Result<Uint8Array, Fault> {
  const parts: Uint8Array[] = [];
  let at = range.start;
  for (const field of layout) {
    if (field === "name") {
      const name = readNameAt(bytes, at);
      if (!name.ok) return name;
      parts.push(name.value.wire);
      at = name.value.next;
    } else {
      const length = field === "rest" ? range.end - at : field === "string" ? 1 + (bytes[at] ?? 0) : field;
      parts.push(bytes.subarray(at, at + Math.max(0, length)));
      at += length;
    }
    if (at > range.end) return unfit(range, "ends too early");
  }
  return at === range.end ? success(concatBytes(...parts)) : unfit(range, "has octets left over");
}

/** The fault of RDATA that does not fit its type: `DNS_MESSAGE_MALFORMED`. */
export function malformedRdata(type: number, how: string): Failure<Fault> {
  return failure(fault("DNS_MESSAGE_MALFORMED", `the RDATA of a ${typeName(type)} record ${how}`));
}

function unfit(range: { readonly start: number; readonly type: number }, how: string): Failure<Fault> {
  return malformedRdata(range.type, `${how}, at octet ${String(range.start)}`);
}

/**
 * The RDATA of a record in a message, decompressed where the type allows compression, else the very octets.
 * Faults: `DNS_MESSAGE_MALFORMED` when the fields of such a type do not fill the RDATA exactly.
 */
export function decompressRdata(
  message: Uint8Array,
  start: number,
  end: number,
  type: number,
): Result<Uint8Array, Fault> {
  const layout = COMPRESSIBLE.get(type);
  if (layout === undefined) return success(message.slice(start, end));
  return copyFields(message.subarray(0, end), { start, end, type }, layout, decodeName);
}

/** RDATA in the canonical form of RFC 4034 §6.2. Faults: `DNS_MESSAGE_MALFORMED` when a type that holds names is malformed. */
export function canonicalRdata(type: number, rdata: Uint8Array): Result<Uint8Array, Fault> {
  const layout = type === TYPE.A6 ? a6Layout(rdata[0] ?? 0) : CANONICAL.get(type);
  if (layout === undefined) return success(rdata);
  return copyFields(rdata, { start: 0, end: rdata.length, type }, layout, (bytes, at) => {
    const name = decodePlainName(bytes, at);
    return name.ok ? success({ wire: lowerCase(name.value.wire), next: name.value.next }) : name;
  });
}
