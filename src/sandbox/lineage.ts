/**
 * Certificates on disk as certbot keeps them: `live/NAME/{privkey,cert,chain,fullchain}.pem` are links to
 * `archive/NAME/*N.pem`, and a renewal writes the next N and then moves the links, one by one.
 */
import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { IssuedCertificate } from "../pki/peculiar.ts";

export interface Lineage {
  /** `live/NAME`, what an operator configures as `source`. */
  readonly directory: string;
  /** Writes the next version and moves the links to it. */
  readonly install: (issued: IssuedCertificate) => Promise<void>;
}

/** Prepares `live/NAME` and `archive/NAME` below `root`. */
export async function createLineage(root: string, name: string): Promise<Lineage> {
  const live = join(root, "live", name);
  const archive = join(root, "archive", name);
  await mkdir(live, { recursive: true, mode: 0o700 });
  await mkdir(archive, { recursive: true, mode: 0o700 });
  let version = 0;
  return {
    directory: live,
    install: async (issued) => {
      version += 1;
      const files = {
        privkey: issued.privateKeyPem,
        cert: issued.pem,
        chain: issued.chainPem.slice(issued.pem.length),
        fullchain: issued.chainPem,
      };
      for (const [kind, text] of Object.entries(files)) {
        await writeFile(join(archive, `${kind}${String(version)}.pem`), text, {
          mode: kind === "privkey" ? 0o600 : 0o644,
        });
      }
      for (const kind of Object.keys(files)) {
        const link = join(live, `${kind}.pem`);
        await symlink(relative(live, join(archive, `${kind}${String(version)}.pem`)), `${link}.new`);
        await rename(`${link}.new`, link);
      }
    },
  };
}
