/**
 * Distinguished Encoding Rules (X.690 §10.1): the tag-length-value layer, strict and without copying. Only definite
 * lengths in their shortest form are read; everything else is named as what it is, so that callers can explain it.
 */

/** One element: `start` its first octet, `body` its first content octet, `end` one past its last. */
export interface DerElement {
  /** The identifier octet, class and constructed bit included. */
  readonly tag: number;
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

/** Why no element could be read. `long-form` and `indefinite` are lawful BER, the others are damage. */
export type DerProblem = "truncated" | "long-form" | "indefinite" | "bad-tag";

export const DER_TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

const CONSTRUCTED = 0x20;

/** The element that begins at `at` and must end at or before `limit`. */
export function readElement(bytes: Uint8Array, at: number, limit: number = bytes.length): DerElement | DerProblem {
  if (at + 2 > limit) return "truncated";
  const tag = bytes[at] ?? 0;
  // X.509 has no tag number above 30; the multi-octet form only occurs in damaged files.
  if ((tag & 0x1f) === 0x1f || tag === 0) return "bad-tag";
  const first = bytes[at + 1] ?? 0;
  if (first < 0x80) {
    const end = at + 2 + first;
    return end > limit ? "truncated" : { tag, start: at, body: at + 2, end };
  }
  if (first === 0x80) return "indefinite";
  const octets = first & 0x7f;
  const body = at + 2 + octets;
  if (body > limit) return "truncated";
  const leading = bytes[at + 2] ?? 0;
  if (leading === 0 || (octets === 1 && leading < 0x80)) return "long-form";
  if (octets > 4) return "truncated";
  let length = 0;
  for (let index = at + 2; index < body; index++) length = length * 256 + (bytes[index] ?? 0);
  const end = body + length;
  return end > limit ? "truncated" : { tag, start: at, body, end };
}

/** The elements that fill `parent` exactly, in order. */
export function readChildren(bytes: Uint8Array, parent: DerElement): readonly DerElement[] | DerProblem {
  const children: DerElement[] = [];
  let at = parent.body;
  while (at < parent.end) {
    const child = readElement(bytes, at, parent.end);
    if (typeof child === "string") return child;
    children.push(child);
    at = child.end;
  }
  return children;
}

/** Walks the whole tree below `element`; null when every length in it is DER. Content of primitive elements is not looked into. */
export function findDerProblem(bytes: Uint8Array, element: DerElement, depth = 0): DerProblem | null {
  if ((element.tag & CONSTRUCTED) === 0) return null;
  if (depth > 32) return "bad-tag";
  let at = element.body;
  while (at < element.end) {
    const child = readElement(bytes, at, element.end);
    if (typeof child === "string") return child;
    const problem = findDerProblem(bytes, child, depth + 1);
    if (problem !== null) return problem;
    at = child.end;
  }
  return null;
}

/** The octets of the whole element, as sent; a view, not a copy. */
export function elementOctets(bytes: Uint8Array, element: DerElement): Uint8Array {
  return bytes.subarray(element.start, element.end);
}

/** The content octets of the element; a view, not a copy. */
export function elementBody(bytes: Uint8Array, element: DerElement): Uint8Array {
  return bytes.subarray(element.body, element.end);
}

/** Encodes one element with the shortest definite length. */
export function encodeElement(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((total, part) => total + part.length, 0);
  const header = [tag];
  if (length < 0x80) header.push(length);
  else {
    const octets: number[] = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
    header.push(0x80 | octets.length, ...octets);
  }
  const encoded = new Uint8Array(header.length + length);
  encoded.set(header);
  let at = header.length;
  for (const part of contents) {
    encoded.set(part, at);
    at += part.length;
  }
  return encoded;
}
