/**
 * What to type to have a certificate issued at once, for the ACME client that the path of the source betrays: certbot,
 * dehydrated, acme.sh and lego keep their files where nobody else does. With a new key, since that is what a rollover is
 * wanted for.
 */
import { basename, dirname } from "node:path";
import type { CertificateConfig } from "../config/schema.ts";
import { displayName } from "../dns/name.ts";

/** A line to be typed; `note` says what must be added or known, empty: nothing. */
export interface RenewalCommand {
  readonly command: string;
  readonly note: string;
}

/** Names that are safe to paste into a shell as they are. */
function word(text: string): string {
  return /^[A-Za-z0-9._/@%+=:-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** The command for the client that the path of the source betrays; for any other, words. */
export function renewalCommandOf({ name: certificate, source, services }: CertificateConfig): RenewalCommand {
  if (source.kind === "files" && source.key === null) {
    return { command: `daneward csr ${certificate} --output ${certificate}.csr`, note: "(and have that signed)" };
  }
  const folder = source.kind === "directory" ? source.path : dirname(source.cert);
  const file = source.kind === "directory" ? null : basename(source.cert);
  const [first] = services;
  const host = first === undefined ? "NAME" : displayName(first.host);
  const last = word(basename(folder));
  if (basename(dirname(folder)) === "live" && /letsencrypt|certbot/.test(folder)) {
    const note = "(a lineage with reuse_key keeps its key, unless you add --new-key)";
    return { command: `certbot renew --cert-name ${last} --force-renewal`, note };
  }
  if (/(^|\/)\.?acme\.sh(\/|$)/.test(folder)) {
    // Its own folders are called after the first name; one that it installs into may be called anything.
    const isOwn = folder.includes("/.acme.sh/");
    const name = isOwn ? word(basename(folder).replace(/_ecc$/, "")) : word(host);
    const ecc = !isOwn || folder.endsWith("_ecc") ? " --ecc" : "";
    const note = isOwn || ecc === "" ? "" : "(without --ecc for an RSA certificate)";
    return { command: `acme.sh --renew -d ${name}${ecc} --force --always-force-new-domain-key`, note };
  }
  if (folder.includes("dehydrated")) {
    const note = "(every name of its line in domains.txt as a further --domain)";
    return { command: `dehydrated --cron --force --domain ${last}`, note };
  }
  if (file?.endsWith(".crt") === true && basename(folder) === "certificates") {
    const name = word(file.slice(0, -".crt".length));
    const note = "(… stands for your usual options but --reuse-key; from lego 5 on: lego run … --renew-days 9999)";
    return { command: `lego --path ${word(dirname(folder))} --domains ${name} … renew --days 9999`, note };
  }
  return { command: `have your ACME client issue a certificate with a new key for ${host}`, note: "" };
}
