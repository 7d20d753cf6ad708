/** IP addresses as octets and as text, for A and AAAA RDATA. */
import { readUint16, uint16 } from "./wire.ts";

/** Four octets of dotted text, or null. Leading zeros are refused: some programs read them as octal. */
export function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return null;
  return Uint8Array.from(parts, Number);
}

/** Sixteen octets of RFC 4291 §2.2 text (without zone index), or null. */
export function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  // Only the last group of all may be a dotted IPv4 address.
  const groups = halves.map((half, index) => parseGroups(half, index === halves.length - 1));
  const [head, tail] = groups;
  if (head === null || head === undefined || tail === null) return null;
  const missing = 16 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 2) return null;
  return Uint8Array.from([...head, ...Array.from({ length: missing }, () => 0), ...(tail ?? [])]);
}

/** Octets of colon-separated groups; a dotted IPv4 address may stand last where `dottedLast` says so. */
function parseGroups(text: string, dottedLast: boolean): readonly number[] | null {
  if (text === "") return [];
  const octets: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    const dotted = dottedLast && index === groups.length - 1 ? parseIpv4(group) : null;
    if (dotted !== null) octets.push(...dotted);
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) octets.push(...uint16(Number.parseInt(group, 16)));
    else return null;
  }
  return octets;
}

/** Dotted text of four octets. */
export function formatIpv4(octets: Uint8Array): string {
  return octets.join(".");
}

/** RFC 5952 text of sixteen octets: lower case, the longest run of two or more zero groups as `::`. */
export function formatIpv6(octets: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => readUint16(octets, index * 2));
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.length < 2) return hex.join(":");
  return `${hex.slice(0, best.start).join(":")}::${hex.slice(best.start + best.length).join(":")}`;
}
