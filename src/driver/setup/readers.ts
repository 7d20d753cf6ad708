/**
 * Who on this host is configured to read which certificate files: the deployed ones, as it should be, or the ACME
 * client's own. Whoever reads those presents a renewal before its record is known (DEPLOY_BYPASSED).
 */
import path from "node:path";
import type { CertificateConfig } from "../../config/schema.ts";
import type { CertificateUse } from "./certificate-use.ts";
import type { Tree } from "./tree.ts";

export interface Readers {
  readonly deployed: readonly CertificateUse[];
  readonly source: readonly CertificateUse[];
}

/** Of all uses those that concern this certificate: at other ports than its services' nobody looks for TLSA records. */
export function readersOf(
  { source, deploy, services }: Pick<CertificateConfig, "source" | "deploy" | "services">,
  tree: Tree,
  uses: readonly CertificateUse[],
): Readers {
  const places =
    source.kind === "directory" ? [source.path] : [source.cert, source.key].filter((file) => file !== null);
  // certbot's links lead into its archive, one file at a time.
  const archive = places.flatMap((place) => {
    const found = tree.real(`${place}/fullchain.pem`);
    return found === `${place}/fullchain.pem` ? [] : [path.dirname(found)];
  });
  const clients = [...places, ...places.map((place) => tree.real(place)), ...archive];
  const ports = new Set(services.map(({ port }) => port));
  const concerned = uses.filter((use) => use.ports.length === 0 || use.ports.some((port) => ports.has(port)));
  const deployed = concerned.filter((use) => isIn(use.file, [deploy]));
  const reads = (use: CertificateUse): boolean =>
    [use.file, ...use.companions].some((file) => isIn(file, clients) || isIn(tree.real(file), clients));
  return { deployed, source: concerned.filter((use) => !deployed.includes(use) && reads(use)) };
}

function isIn(file: string, folders: readonly string[]): boolean {
  return folders.some((folder) => file === folder || file.startsWith(`${folder}/`));
}
