/**
 * A certificate authority made with openssl (root, intermediate) and a lineage as certbot keeps it:
 * `live/NAME/{cert,chain,fullchain,privkey}.pem -> ../../archive/NAME/*N.pem`, the links flipped one by one.
 */
import { X509Certificate, createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "./process.ts";
import { program } from "./programs.ts";

export interface Authority {
  readonly folder: string;
  /** `2 1 1` association data of the intermediate, which every served chain holds. */
  readonly intermediateSpki: string;
}

export interface Lineage {
  readonly name: string;
  /** The `live/NAME` folder. */
  readonly live: string;
  readonly version: () => number;
  /** SHA-256 of the public key of version `n` (default: the newest), lower-case hex: the data of its `3 1 1` record. */
  readonly spki: (n?: number) => string;
  /**
   * Issues the next version, with a new key unless `reuseKey`, and flips the four links as certbot does. An `issuer`
   * stays the issuer of later versions.
   */
  readonly renew: (options?: { readonly reuseKey?: boolean; readonly issuer?: Authority }) => Promise<void>;
}

/** SHA-256 over the SubjectPublicKeyInfo of a certificate (PEM or DER), lower-case hex. */
export function spkiSha256(certificate: string | Uint8Array): string {
  const spki = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"] as const;

export async function makeAuthority(folder: string): Promise<Authority> {
  mkdirSync(folder, { recursive: true });
  const openssl = program("openssl");
  const at = { cwd: folder };
  const ca = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"];
  await must(
    openssl,
    [
      "req",
      "-x509",
      ...NEW_KEY,
      "-keyout",
      "root.key",
      "-out",
      "root.pem",
      "-days",
      "30",
      "-subj",
      "/CN=Lab Root",
      ...ca,
    ],
    at,
  );
  await must(
    openssl,
    [
      "req",
      "-x509",
      ...NEW_KEY,
      "-keyout",
      "intermediate.key",
      "-out",
      "intermediate.pem",
      "-days",
      "30",
      "-subj",
      "/CN=Lab Intermediate",
      "-CA",
      "root.pem",
      "-CAkey",
      "root.key",
      ...ca,
    ],
    at,
  );
  return { folder, intermediateSpki: spkiSha256(readFileSync(join(folder, "intermediate.pem"), "utf8")) };
}

const PARTS = ["cert", "chain", "fullchain", "privkey"] as const;

const KEY_OPTIONS = {
  ecdsa: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
  rsa: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
} as const;

/** The first version is issued at once. */
export async function makeLineage(
  folder: string,
  authority: Authority,
  name: string,
  dnsNames: readonly string[],
  kind: keyof typeof KEY_OPTIONS = "ecdsa",
): Promise<Lineage> {
  const archive = join(folder, "archive", name);
  const live = join(folder, "live", name);
  mkdirSync(archive, { recursive: true, mode: 0o700 });
  mkdirSync(live, { recursive: true, mode: 0o700 });
  const openssl = program("openssl");
  let newest = 0;
  let issuedBy = authority;
  const file = (part: string, version: number): string => join(archive, `${part}${String(version)}.pem`);

  const issue = async (version: number, reuseKey: boolean): Promise<void> => {
    const key = file("privkey", version);
    if (reuseKey) writeFileSync(key, readFileSync(file("privkey", version - 1)), { mode: 0o600 });
    else await must(openssl, ["genpkey", ...KEY_OPTIONS[kind], "-out", key]);
    const issuer = [
      "-CA",
      join(issuedBy.folder, "intermediate.pem"),
      "-CAkey",
      join(issuedBy.folder, "intermediate.key"),
    ];
    const names = `subjectAltName=${dnsNames.map((dnsName) => `DNS:${dnsName}`).join(",")}`;
    const leaf = [
      "-addext",
      "basicConstraints=critical,CA:FALSE",
      "-addext",
      "extendedKeyUsage=serverAuth",
      "-addext",
      names,
    ];
    await must(openssl, [
      "req",
      "-x509",
      "-key",
      key,
      "-out",
      file("cert", version),
      "-days",
      "7",
      "-subj",
      `/CN=${name}`,
      ...issuer,
      ...leaf,
    ]);
    const chain = readFileSync(join(issuedBy.folder, "intermediate.pem"));
    writeFileSync(file("chain", version), chain);
    writeFileSync(file("fullchain", version), Buffer.concat([readFileSync(file("cert", version)), chain]));
  };

  const renew: Lineage["renew"] = async ({ reuseKey = false, issuer = issuedBy } = {}) => {
    issuedBy = issuer;
    await issue(newest + 1, reuseKey);
    newest += 1;
    for (const part of PARTS) {
      const link = join(live, `${part}.pem`);
      if (existsSync(link)) unlinkSync(link);
      symlinkSync(`../../archive/${name}/${part}${String(newest)}.pem`, link);
    }
  };
  await renew();
  return {
    name,
    live,
    version: () => newest,
    spki: (version = newest) => spkiSha256(readFileSync(file("cert", version), "utf8")),
    renew,
  };
}
