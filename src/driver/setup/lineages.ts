/**
 * The certificates that ACME clients keep: certbot's lineages, dehydrated's folders, acme.sh's and lego's files, each with
 * what the client is going to do with the key at the next renewal and with the way to call our hook.
 */
import path from "node:path";
import { decodeBase64 } from "../../base/base64.ts";
import type { Tree } from "./tree.ts";
import { iniValues, shellValues } from "./words.ts";

/** Where clients put their files when the administrator runs them without further words. */
const HOME_OF_ROOT = "/root";

export type AcmeClient = "certbot" | "dehydrated" | "acme.sh" | "lego";

/** One certificate of an ACME client. */
export interface Lineage {
  readonly client: AcmeClient;
  /** As the client calls it. */
  readonly name: string;
  /** What daneward is to read: a folder with the usual names, or the files. */
  readonly source: { readonly folder: string } | { readonly cert: string; readonly key: string };
  /** A file with the certificate as it is now; null: there is none yet. */
  readonly certificate: string | null;
  /** Folders and files of the client through which a service may read it. */
  readonly places: readonly string[];
  /** Whether a renewal keeps the key. */
  readonly keepsKey: boolean;
  /** certbot's file with the TSIG key for dns-01; null: another kind of challenge. */
  readonly credentials: string | null;
  /** What to type once so that a renewal is noticed at once. */
  readonly hook: readonly string[];
  /** A hook or a reload of the client's own that would now come too early; null: none was seen. */
  readonly ownHook: string | null;
}

/** Every certificate that was found, client by client. `program`: how hooks call us. */
export function readLineages(tree: Tree, program: string): readonly Lineage[] {
  return [
    ...certbotLineages(tree, program),
    ...dehydratedLineages(tree, program),
    ...acmeShLineages(tree, program),
    ...legoLineages(tree, program),
  ];
}

/** certbot's folders on Linux and on FreeBSD. */
export const CERTBOT_ROOTS = ["/etc/letsencrypt", "/usr/local/etc/letsencrypt"];

function certbotLineages(tree: Tree, program: string): readonly Lineage[] {
  return CERTBOT_ROOTS.flatMap((root) =>
    tree
      .names(`${root}/renewal`)
      .filter((name) => name.endsWith(".conf"))
      .flatMap((file): readonly Lineage[] => {
        const text = tree.text(`${root}/renewal/${file}`);
        if (text === null) return [];
        const name = file.slice(0, -".conf".length);
        const found = parseCertbotRenewal(text);
        const live = found.fullchain === null ? `${root}/live/${name}` : path.posix.dirname(found.fullchain);
        const hook = `${root}/renewal-hooks/deploy/daneward`;
        return [
          {
            client: "certbot",
            name,
            source: { folder: live },
            certificate: `${live}/fullchain.pem`,
            places: [live, `${root}/archive/${name}`],
            keepsKey: found.reuseKey,
            credentials: found.credentials,
            hook: [String.raw`printf '#!/bin/sh\nexec ${program} hook certbot\n' > ${hook}`, `chmod 0755 ${hook}`],
            ownHook: found.hook,
          },
        ];
      }),
  );
}

/** What certbot noted for the renewal of one lineage. */
export interface CertbotRenewal {
  readonly fullchain: string | null;
  readonly reuseKey: boolean;
  readonly keyType: string | null;
  readonly authenticator: string | null;
  readonly credentials: string | null;
  readonly hook: string | null;
}

/** A hook that is not ours alone; null: there is none. */
function others(command: string | null): string | null {
  const isOurs = /^(?:exec\s+)?\S*\bdaneward(?:\.m?js)?\s+hook\s[^;&|]*$/.test(command ?? "");
  // It is shown in a comment, which must end where its line does.
  return command === null || command === "" || isOurs ? null : command.replace(/\p{Cc}+/gu, " ");
}

/** `renewal/NAME.conf`. */
export function parseCertbotRenewal(text: string): CertbotRenewal {
  const values = iniValues(text);
  const option = (key: string): string | null => {
    const value = values.get(`renewalparams.${key}`) ?? "None";
    return value === "None" || value === "" ? null : value;
  };
  const fullchain = values.get("fullchain") ?? "";
  const authenticator = option("authenticator");
  return {
    fullchain: fullchain.startsWith("/") ? fullchain : null,
    reuseKey: option("reuse_key")?.toLowerCase() === "true",
    keyType: option("key_type"),
    authenticator,
    credentials: authenticator === "dns-rfc2136" ? option("dns_rfc2136_credentials") : null,
    // certbot calls its deploy hook renew_hook; what it did at an installation comes as an installer.
    hook: others(option("renew_hook")) ?? option("installer"),
  };
}

function dehydratedLineages(tree: Tree, program: string): readonly Lineage[] {
  return ["/etc/dehydrated", "/usr/local/etc/dehydrated"].flatMap((root) => {
    const main = tree.text(`${root}/config`);
    if (main === null) return [];
    const first = shellValues(main);
    const extra = first.get("CONFIG_D") ?? "";
    const more = extra === "" ? [] : tree.names(extra).filter((name) => name.endsWith(".sh"));
    const values = shellValues([main, ...more.map((name) => tree.text(`${extra}/${name}`) ?? "")].join("\n"));
    const base = values.get("BASEDIR") ?? root;
    const certs = values.get("CERTDIR") ?? `${base}/certs`;
    const hookFile = values.get("HOOK") ?? "";
    const script = `${root}/daneward-hook`;
    const line = String.raw`${program} hook dehydrated "$@" || :`;
    const hook =
      hookFile === ""
        ? [
            String.raw`printf '#!/bin/sh\n${line}\n' > ${script}`,
            `chmod 0755 ${script}`,
            `echo 'HOOK=${script}' >> ${root}/config`,
          ]
        : [`# at the top of ${hookFile}:`, line];
    return tree
      .names(certs)
      .filter((name) => tree.has(`${certs}/${name}/fullchain.pem`))
      .map((name): Lineage => ({
        client: "dehydrated",
        name,
        source: { folder: `${certs}/${name}` },
        certificate: `${certs}/${name}/fullchain.pem`,
        places: [`${certs}/${name}`],
        keepsKey: values.get("PRIVATE_KEY_RENEW") === "no",
        credentials: null,
        hook,
        ownHook: hookFile === "" || hookFile === script ? null : hookFile,
      }));
  });
}

function acmeShLineages(tree: Tree, program: string): readonly Lineage[] {
  return [`${HOME_OF_ROOT}/.acme.sh`, "/var/db/acme/.acme.sh", "/etc/acme.sh"].flatMap((root) =>
    tree.names(root).flatMap((folder): readonly Lineage[] => {
      const name = folder.replace(/_ecc$/, "");
      const text = tree.text(`${root}/${folder}/${name}.conf`);
      if (text === null) return [];
      const values = shellValues(text);
      const real = ["Le_RealFullChainPath", "Le_RealCertPath", "Le_RealKeyPath"].flatMap(
        (key) => values.get(key) ?? [],
      );
      const own = `/etc/daneward/acme.sh/${name}`;
      const ecc = folder.endsWith("_ecc") ? " --ecc" : "";
      return [
        {
          client: "acme.sh",
          name,
          source: { folder: own },
          certificate: `${root}/${folder}/fullchain.cer`,
          places: [`${root}/${folder}`, own, ...real.filter((file) => file.startsWith("/"))],
          keepsKey: values.get("Le_ForceNewDomainKey") !== "1",
          credentials: null,
          hook: [
            `install -d -m 0700 ${own}`,
            `acme.sh --install-cert -d ${name}${ecc} --key-file ${own}/privkey.pem --fullchain-file ${own}/fullchain.pem --reloadcmd '${program} hook acme.sh'`,
          ],
          ownHook: others(plainCommand(values.get("Le_ReloadCmd") ?? "")),
        },
      ];
    }),
  );
}

/** acme.sh keeps commands in base64 between marks. */
export function plainCommand(value: string): string {
  const [, encoded] = /^__ACME_BASE64__START_(.*)__ACME_BASE64__END_$/.exec(value) ?? [];
  const bytes = encoded === undefined ? null : decodeBase64(encoded);
  return bytes === null ? value : new TextDecoder().decode(bytes);
}

function legoLineages(tree: Tree, program: string): readonly Lineage[] {
  return ["/var/lib/lego", "/etc/lego", `${HOME_OF_ROOT}/.lego`].flatMap((root) => {
    const folder = `${root}/certificates`;
    const files = tree.names(folder).filter((name) => name.endsWith(".crt") && !name.endsWith(".issuer.crt"));
    return files.map((file): Lineage => {
      const stem = `${folder}/${file.slice(0, -".crt".length)}`;
      return {
        client: "lego",
        name: file.slice(0, -".crt".length),
        source: { cert: `${stem}.crt`, key: `${stem}.key` },
        certificate: `${stem}.crt`,
        places: [`${stem}.crt`, `${stem}.key`, `${stem}.pem`],
        keepsKey: false,
        credentials: null,
        hook: [`lego --path ${root} … renew --renew-hook '${program} hook lego'`],
        ownHook: null,
      };
    });
  });
}
