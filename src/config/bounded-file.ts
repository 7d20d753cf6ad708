/**
 * Reading files that somebody else names or makes: whole, up to a limit, and nothing that a read could wait for. A named
 * pipe without a writer would hold the program, and with it the lock, for ever; a device may have no end.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import type { Stats } from "node:fs";

/** A key, a certificate with its chain, a bundle of all roots there are: none is larger. In octets. */
export const MOST_CREDENTIALS = 16_777_216;

/** A hundred thousand certificates with a table each take a third of it. In octets. */
export const MOST_CONFIGURATION = 134_217_728;

/** What the shell hands over already open: `<(command)`, `/dev/stdin`. Whoever is behind it writes. */
const HANDED_OVER = /^\/(?:dev\/(?:stdin|fd\/\d+)|proc\/(?:self|\d+)\/fd\/\d+)$/;

/**
 * The octets of a regular file, or of a pipe that the shell handed over. Throws the system's own errors, EISDIR for a
 * directory, ENOTSUP for pipes, sockets and devices, EFBIG above `most` octets; each names the path.
 */
export function readBoundedFile(path: string, most: number): Uint8Array {
  const isHandedOver = HANDED_OVER.test(path) && statSync(path).isFIFO();
  const file = openSync(path, constants.O_RDONLY | (isHandedOver ? 0 : constants.O_NONBLOCK));
  try {
    const found = fstatSync(file);
    if (!found.isFile() && !isHandedOver)
      throw refusal(path, kindOf(found), found.isDirectory() ? "EISDIR" : "ENOTSUP");
    if (found.size > most) throw tooLong(path, most);
    // Files of /proc and pipes do not tell their size.
    if (found.isFile() && found.size > 0) return readFileSync(file);
    return readUpTo(file, path, most);
  } finally {
    closeSync(file);
  }
}

function readUpTo(file: number, path: string, most: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let total = 0; total <= most;) {
    const part = new Uint8Array(65_536);
    const got = readSync(file, part);
    if (got === 0) return Buffer.concat(parts);
    parts.push(part.subarray(0, got));
    total += got;
  }
  throw tooLong(path, most);
}

function tooLong(path: string, most: number): Error {
  return refusal(path, `longer than ${String(most)} octets`, "EFBIG");
}

/** With code and path, as the system's own errors are. */
function refusal(path: string, what: string, code: string): Error {
  return Object.assign(new Error(`it is ${what}`), { code, path });
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a directory";
  if (found.isFIFO()) return "a pipe, not a file";
  return found.isSocket() ? "a socket, not a file" : "a device, not a file";
}
