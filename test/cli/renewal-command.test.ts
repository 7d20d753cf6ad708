import { expect, test } from "vitest";
import { renewalCommandOf } from "../../src/cli/renewal-command.ts";
import type { SourceConfig } from "../../src/config/schema.ts";
import { createFakeWorld } from "../fakes/driver-world.ts";

const directory = (path: string): SourceConfig => ({ kind: "directory", path });
const file = (cert: string): SourceConfig => ({ kind: "files", cert, key: cert.replace(/crt$/, "key"), chain: null });

const CASES: readonly (readonly [source: SourceConfig, command: string])[] = [
  [directory("/etc/letsencrypt/live/mx.example.org"), "certbot renew --cert-name mx.example.org --force-renewal"],
  [directory("/etc/letsencrypt/live/it's"), String.raw`certbot renew --cert-name 'it'\''s' --force-renewal`],
  [file("/etc/letsencrypt/live/mx-0001/cert.pem"), "certbot renew --cert-name mx-0001 --force-renewal"],
  [directory("/var/lib/dehydrated/certs/mx.example.org"), "dehydrated --cron --force --domain mx.example.org"],
  [
    directory("/home/acme/.acme.sh/mail.example.org_ecc"),
    "acme.sh --renew -d mail.example.org --ecc --force --always-force-new-domain-key",
  ],
  [
    directory("/home/acme/.acme.sh/mail.example.org"),
    "acme.sh --renew -d mail.example.org --force --always-force-new-domain-key",
  ],
  [
    directory("/etc/daneward/acme.sh/mx"),
    "acme.sh --renew -d mx.example.org --ecc --force --always-force-new-domain-key",
  ],
  [
    file("/var/lib/lego/certificates/mx.example.org.crt"),
    "lego --path /var/lib/lego --domains mx.example.org … renew --days 9999",
  ],
  [{ kind: "files", cert: "/srv/signed/mx.pem", key: null, chain: null }, "daneward csr mx --output mx.csr"],
  [directory("/srv/tls/mx"), "have your ACME client issue a certificate with a new key for mx.example.org"],
];

test.each(CASES)("%o: %s", (source, command) => {
  const world = createFakeWorld();
  world.remove();
  expect(renewalCommandOf({ ...world.certificate, source }).command).toBe(command);
});
