/**
 * PEM as administrators really have it: CRLF, comments and bag attributes between the blocks, several blocks in any
 * order (RFC 7468 §2 has parsers cope with it). Text outside of blocks is skipped; what is inside a block must be whole
 * and clean, else the whole file is refused: a chain of which half was read would give records for half of the chain.
 */
import { fault } from "../base/errors.ts";
import type { Fault } from "../base/errors.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";

/** One block. `headers` are the RFC 1421 header lines of old encrypted keys (`Proc-Type`, `DEK-Info`). */
export interface PemBlock {
  readonly label: string;
  readonly bytes: Uint8Array;
  readonly headers: readonly string[];
  /** Line of the BEGIN, from 1. */
  readonly line: number;
}

const BEGIN = /^-----BEGIN ([\x20-\x2c\x2e-\x7e](?:-?[\x20-\x2c\x2e-\x7e])*)-----$/;
const LOOKS_LIKE_BORDER = /-----\s*(BEGIN|END)\b/;

/** All blocks in file order; none at all is an empty list. `CERT_DAMAGED` when a border or the base64 is broken. */
export function parsePem(text: string): Result<readonly PemBlock[], Fault> {
  const lines = text.split(/\r\n|\n|\r/);
  const blocks: PemBlock[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = (lines[at] ?? "").trim();
    const label = BEGIN.exec(line)?.[1];
    if (label === undefined) {
      if (LOOKS_LIKE_BORDER.test(line)) return failure(damaged(at, `"${clip(line)}" stands where no block is open`));
      at += 1;
      continue;
    }
    const block = readBlock(lines, at, label);
    if (!block.ok) return block;
    blocks.push(block.value.block);
    at = block.value.next;
  }
  return success(blocks);
}

function readBlock(
  lines: readonly string[],
  begin: number,
  label: string,
): Result<{ readonly block: PemBlock; readonly next: number }, Fault> {
  const headers: string[] = [];
  let base64 = "";
  for (let at = begin + 1; at < lines.length; at++) {
    const line = (lines[at] ?? "").trim();
    if (line === `-----END ${label}-----`) {
      const bytes = decodeBase64(base64);
      if (bytes === null) return failure(damaged(begin, `the base64 of this ${label} block is incomplete`));
      return success({ block: { label, bytes, headers, line: begin + 1 }, next: at + 1 });
    }
    if (LOOKS_LIKE_BORDER.test(line)) {
      return failure(damaged(begin, `the ${label} block is not closed before line ${String(at + 1)}`));
    }
    if (base64 === "" && (line.includes(":") || (headers.length > 0 && /^[ \t]/.test(lines[at] ?? "")))) {
      headers.push(line);
      continue;
    }
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(line)) {
      // The line itself is not shown: it may be part of a private key.
      return failure(damaged(at, `this line of the ${label} block is not base64`));
    }
    base64 += line;
  }
  return failure(damaged(begin, `the ${label} block has no END line: the file is cut off`));
}

/** Strict: only the alphabet, padding only at the end and complete, no left-over bits' worth of characters. */
function decodeBase64(text: string): Uint8Array | null {
  if (text === "" || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** One PEM block with lines of 64 characters. */
export function formatPemBlock(label: string, bytes: Uint8Array): string {
  const base64 = Buffer.from(bytes).toString("base64");
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function damaged(at: number, what: string): Fault {
  return fault("CERT_DAMAGED", `line ${String(at + 1)}: ${what}`);
}

function clip(line: string): string {
  const printable = line.replace(/[^\x20-\x7e]/g, "?");
  return printable.length > 40 ? `${printable.slice(0, 40)}…` : printable;
}
