/** Files and streams that the command line names: read whole, up to a limit, because `/dev/zero` has no end. */
import { createReadStream, statSync } from "node:fs";
import path from "node:path";
import type { Readable } from "node:stream";
import { concatBytes } from "../base/bytes.ts";
import { fault, OperationalError } from "../base/errors.ts";
import { MOST_CREDENTIALS, readBoundedFile } from "../config/bounded-file.ts";
import type { Io } from "./io.ts";
import { unreadable } from "./unreadable.ts";

/** Names of standard input; it may be a socket, which cannot be opened by such a name. */
const STDIN: ReadonlySet<string> = new Set(["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"]);

export function isStdin(file: string): boolean {
  return STDIN.has(file);
}

/** For messages. */
export function nameOfInput(file: string): string {
  return file === "-" ? "standard input" : file;
}

/**
 * The octets of a file with certificates, of standard input (`-`), or of a pipe or device as far as it goes. Throws
 * FILE_NOT_FOUND, PERMISSION_DENIED, FILE_UNREADABLE, and CERT_UNSUPPORTED when there is no end to it.
 */
export async function readInput(file: string, io: Io): Promise<Uint8Array> {
  if (isStdin(file)) return readStream(io.stdin, nameOfInput(file));
  const where = path.resolve(io.cwd, file);
  try {
    const found = statSync(where);
    if (found.isFile() || found.isDirectory()) return readBoundedFile(where, MOST_CREDENTIALS);
    return await readStream(createReadStream(where), file);
  } catch (error) {
    if (error instanceof OperationalError) throw error;
    if (error instanceof Error && "code" in error && error.code === "EFBIG") throw tooLong(file);
    throw unreadable(file, error);
  }
}

function tooLong(where: string): OperationalError {
  return OperationalError.of(
    fault(
      "CERT_UNSUPPORTED",
      `${where} is longer than ${String(MOST_CREDENTIALS)} octets, so it holds no certificates`,
    ),
  );
}

async function readStream(stream: Readable, where: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    const octets: unknown = part;
    if (!(octets instanceof Uint8Array)) throw new OperationalError("FILE_UNREADABLE", `${where} is not a byte stream`);
    parts.push(octets);
    length += octets.length;
    if (length > MOST_CREDENTIALS) throw tooLong(where);
  }
  return concatBytes(...parts);
}
