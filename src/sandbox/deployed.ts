/** What a server reads from the directory it is configured with, as Postfix and nginx do at start and reload. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import type { SecureContext } from "node:tls";

/** Reads `fullchain.pem` and `privkey.pem`. Rejects when they are missing or do not fit together. */
export async function readDeployed(directory: string): Promise<SecureContext> {
  const [cert, key] = await Promise.all([
    readFile(join(directory, "fullchain.pem")),
    readFile(join(directory, "privkey.pem")),
  ]);
  return createSecureContext({ cert, key, minVersion: "TLSv1.2" });
}
