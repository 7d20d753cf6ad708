/**
 * Which certificate files the TLS servers of a host read, and at which names and ports: out of the configuration files of
 * Postfix, Dovecot, nginx, Apache httpd and HAProxy. Read as these programs read them as far as certificates are concerned;
 * what a program would say itself (`postconf -n`, `doveconf -n`, `nginx -T`) is not asked.
 *
 * Not done: maps (`tls_server_sni_maps`), variables of nginx in file names, conditions of Apache. A server that uses those
 * is told of with the files that could be made out.
 */
import type { CertificateUse } from "./certificate-use.ts";
import { dovecotUses, postfixUses } from "./mail-servers.ts";
import type { Tree } from "./tree.ts";
import { apacheUses, haproxyUses, nginxUses } from "./web-servers.ts";

/** Every use that was found, program by program. */
export function readServices(tree: Tree): readonly CertificateUse[] {
  return [...postfixUses(tree), ...dovecotUses(tree), ...nginxUses(tree), ...apacheUses(tree), ...haproxyUses(tree)];
}
