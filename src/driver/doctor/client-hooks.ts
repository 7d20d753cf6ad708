/**
 * What ACME clients still do by themselves at a renewal: reloading a server that reads the client's own files shows the new
 * certificate before its record is known, and so does copying it to where a server reads. Servers that read the deployed
 * files may be reloaded as often as one likes.
 */
import { statSync } from "node:fs";
import { advised, doubtful } from "../../base/finding.ts";
import type { Finding } from "../../base/finding.ts";
import type { CertificateConfig } from "../../config/schema.ts";
import type { CertificateUse } from "../setup/certificate-use.ts";
import { CERTBOT_ROOTS, plainCommand, readLineages } from "../setup/lineages.ts";
import type { Lineage } from "../setup/lineages.ts";
import { readServices } from "../setup/services.ts";
import { programIn } from "../setup/tree.ts";
import type { Tree } from "../setup/tree.ts";
import { iniValues, shellValues } from "../setup/words.ts";
import { CRON_FILES } from "./schedule.ts";

/** Words that a client runs at a renewal. */
export interface ClientHook {
  readonly client: string;
  /** `/etc/letsencrypt/renewal-hooks/deploy/reload:3`. */
  readonly where: string;
  /** As a shell would take it. */
  readonly command: string;
  /** As it is written there. */
  readonly written: string;
  /** What ends it; empty: to be taken out by hand. */
  readonly type: readonly string[];
}

/** For each certificate whose client is known. */
export function checkClientHooks(certificates: readonly CertificateConfig[], tree: Tree): readonly Finding[] {
  const lineages = readLineages(tree, programIn(tree));
  const uses = readServices(tree);
  const shared = scheduledHooks(tree);
  const judged = certificates.flatMap((certificate) => {
    const places = sourcePlaces(certificate);
    const own = lineages.filter((lineage) =>
      // acme.sh installs into a folder that is the source.
      places.some((place) => isIn(place, lineage.places) || lineage.places.some((one) => isIn(one, [place]))),
    );
    const deployed = uses.filter(({ file }) => isIn(file, [certificate.deploy]));
    const hooks = [
      ...own.flatMap((lineage) => hooksOf(tree, lineage)),
      ...shared.filter((hook) => own.some((one) => one.client === hook.client)),
    ];
    const elsewhere = uses.filter((use) => !deployed.includes(use));
    return [
      ...judgeHooks(certificate.name, hooks, { reload: certificate.reload, deployed, elsewhere }),
      ...hooks.flatMap((hook) => judgeOwnHook(hook, tree)),
    ];
  });
  return [...distinct(judged), ...CERTBOT_ROOTS.flatMap((root) => sleepingHooks(tree, root))];
}

/** Hooks that clients run for every certificate are judged with each. */
function distinct(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((one) => [`${one.subject} ${one.said}`, one])).values()];
}

const CALLS_US = /(?:^|[\s;&|'"(])(\/[^\s;&|'"]*\/daneward(?:\.m?js)?)\s+hook\b/;

/** A hook of ours that cannot run only costs time: a tick finds the certificate. */
function judgeOwnHook({ client, where, command }: ClientHook, tree: Tree): readonly Finding[] {
  const [, called] = CALLS_US.exec(command) ?? [];
  if (called === undefined) return [];
  const program = programIn(tree);
  const [, file] = /^(.*):\d+$/.exec(where) ?? [];
  const subject = `hook of ${client}`;
  if (!tree.has(called)) {
    const said = `${where} runs ${called}, which is not there: ${client} reports a failure at each renewal`;
    const finding = doubtful(subject, said);
    if (file === undefined || called === program) return [advised(finding, `have it run ${program}`)];
    return [{ ...finding, type: [`sed -i 's|${called}|${program}|' ${file}`] }];
  }
  if (isExecutable(tree, called)) return [];
  return [doubtful(subject, `${where} runs ${called}, which is not executable`, `chmod 0755 ${called}`)];
}

/** certbot passes over files in its folders that are not executable. */
function sleepingHooks(tree: Tree, root: string): readonly Finding[] {
  const folder = `${root}/renewal-hooks/deploy`;
  const files = tree.names(folder).map((name) => `${folder}/${name}`);
  const ours = files.filter((file) => !file.endsWith("~") && /\bdaneward\s+hook\b/.test(tree.text(file) ?? ""));
  return ours
    .filter((file) => !isExecutable(tree, file))
    .map((file) =>
      doubtful("hook of certbot", `${file} is not executable: certbot passes over it`, `chmod 0755 ${file}`),
    );
}

function sourcePlaces({ source }: CertificateConfig): readonly string[] {
  return source.kind === "directory" ? [source.path] : [source.cert];
}

function isIn(file: string, folders: readonly string[]): boolean {
  return folders.some((folder) => file === folder || file.startsWith(`${folder}/`));
}

// ---- judgement ----------------------------------------------------------------------------------------------------

/** What is known of the servers of one certificate. */
export interface ServersView {
  /** Reload actions of its section: what servers it has. */
  readonly reload: readonly (readonly string[])[];
  /** Uses of its deployed files. */
  readonly deployed: readonly CertificateUse[];
  /** Uses of other files, of whatever certificate. */
  readonly elsewhere: readonly CertificateUse[];
}

/** Pure. Nothing is said of hooks that do no harm. */
export function judgeHooks(name: string, hooks: readonly ClientHook[], servers: ServersView): readonly Finding[] {
  const { reload, deployed, elsewhere } = servers;
  const ours = new Set([
    ...reload.flatMap((argv) => serversIn(argv.join(" "))),
    ...deployed.map(({ program }) => program),
  ]);
  const isSafe = (server: string): boolean => deployed.some(({ program }) => program === server);
  return hooks.flatMap(({ client, where, command, written, type }): readonly Finding[] => {
    const early = reloadsIn(command).filter((server) => ours.has(server) && !isSafe(server));
    const copied = copiesIn(command, elsewhere);
    if (early.length === 0 && copied === null) return [];
    const what = copied === null ? `reloads ${early.join(", ")}` : `writes ${copied.file} for ${copied.program}`;
    const said = `${client} ${what} at each renewal, before its record is known (${where}: ${shortened(written)})`;
    const finding = doubtful(`hooks of ${name}`, said, ...type);
    return [type.length > 0 ? finding : advised(finding, `take what ${what} out of ${where}`)];
  });
}

function shortened(command: string): string {
  return command.length > 80 ? `${command.slice(0, 77)}…` : command;
}

const VERBS = "reload|restart|try-restart|force-reload|reload-or-restart|condrestart|graceful";

/** The servers that a line of a shell reloads or restarts, by the names that this program has for them. */
function reloadsIn(line: string): readonly string[] {
  const patterns = [
    new RegExp(String.raw`\bsystemctl\s+(?:-\S+\s+)*(?:${VERBS})\s+([^;&|'"]+)`, "g"),
    new RegExp(String.raw`\b(?:service|rc-service|invoke-rc\.d)\s+(\S+)\s+(?:${VERBS})\b`, "g"),
    new RegExp(String.raw`/(?:init|rc)\.d/(\S+)\s+(?:${VERBS})\b`, "g"),
    new RegExp(String.raw`\b(postfix|doveadm|apachectl|apache2ctl|httpd)\s+(?:-k\s+)?(?:${VERBS})\b`, "g"),
    /\b(nginx)\s+-s\s+reload\b/g,
  ];
  const named = patterns.flatMap((pattern) =>
    [...line.matchAll(pattern)].flatMap(([, units]) => serversIn(units ?? "")),
  );
  return [...new Set(named)];
}

const OTHER_NAMES: Readonly<Record<string, string>> = {
  apache2: "apache",
  apache24: "apache",
  httpd: "apache",
  apachectl: "apache",
  apache2ctl: "apache",
  doveadm: "dovecot",
};

/** Words that may be servers: units without their ending and instance, programs by their server. */
function serversIn(text: string): readonly string[] {
  const names = text.split(/\s+/).filter((word) => /^[\w./@-]+$/.test(word) && !word.startsWith("-"));
  return names.map((word) => {
    const name = word.slice(word.lastIndexOf("/") + 1).replace(/\.service$|@.*$/, "");
    return OTHER_NAMES[name] ?? name;
  });
}

/** A file that a server reads as its certificate, where a command that writes files names it or its folder. */
function copiesIn(line: string, uses: readonly CertificateUse[]): CertificateUse | null {
  if (
    !/\b(?:cp|mv|install|rsync|cat|tee|ln|openssl)\b/.test(line) ||
    !/RENEWED_LINEAGE|\.(?:pem|crt|key|cer)\b/.test(line)
  ) {
    return null;
  }
  const mentions = (file: string): boolean =>
    line.includes(file) || line.includes(`${file.slice(0, file.lastIndexOf("/"))}/`);
  // Read from there it is the source of a copy, which `services of` says.
  return uses.find(({ file }) => mentions(file) && !/^\/etc\/letsencrypt\//.test(file)) ?? null;
}

// ---- looking ------------------------------------------------------------------------------------------------------

/** As adopt has it made. */
const DEHYDRATED_HOOKS = ["/etc/dehydrated/daneward-hook", "/usr/local/etc/dehydrated/daneward-hook"];

function hooksOf(tree: Tree, lineage: Lineage): readonly ClientHook[] {
  switch (lineage.client) {
    case "certbot":
      return certbotHooks(tree, lineage);
    case "dehydrated":
      return [lineage.ownHook, ...DEHYDRATED_HOOKS].flatMap((file) =>
        file === null ? [] : scriptHooks(tree, "dehydrated", file),
      );
    case "acme.sh":
      return acmeShHooks(tree, lineage);
    case "lego":
      return [];
  }
}

function certbotHooks(tree: Tree, { name }: Lineage): readonly ClientHook[] {
  return CERTBOT_ROOTS.filter((root) => tree.has(`${root}/renewal/${name}.conf`)).flatMap((root) => [
    ...notedHooks(tree, `${root}/renewal/${name}.conf`),
    ...sharedHooks(tree, root),
  ]);
}

/** What certbot noted for one lineage. */
function notedHooks(tree: Tree, file: string): readonly ClientHook[] {
  const values = iniValues(tree.text(file) ?? "");
  const option = (key: string): string | null => {
    const value = values.get(`renewalparams.${key}`) ?? "None";
    return value === "None" || value === "" ? null : value;
  };
  const noted = ["renew_hook", "post_hook"].flatMap((key): readonly ClientHook[] => {
    const command = option(key);
    const type = [`sed -i '/^${key} *=/d' ${file}`];
    return command === null
      ? []
      : withScript(tree, { client: "certbot", where: file, command, written: `${key} = ${command}`, type });
  });
  const installer = option("installer");
  const reloading =
    installer === null || installer === "webroot"
      ? []
      : [
          {
            client: "certbot",
            where: file,
            command: `service ${installer} reload`,
            written: `installer = ${installer}`,
            type: [`sed -i '/^installer *=/d' ${file}`],
          },
        ];
  return [...noted, ...reloading];
}

/** What it runs for every lineage. */
function sharedHooks(tree: Tree, root: string): readonly ClientHook[] {
  const ini = iniValues(tree.text(`${root}/cli.ini`) ?? "");
  const general = ["deploy-hook", "renew-hook", "post-hook"].flatMap((key): readonly ClientHook[] => {
    const command = ini.get(key);
    return command === undefined
      ? []
      : withScript(tree, {
          client: "certbot",
          where: `${root}/cli.ini`,
          command,
          written: `${key} = ${command}`,
          type: [],
        });
  });
  const folders = ["deploy", "post"].map((folder) => `${root}/renewal-hooks/${folder}`);
  const files = folders.flatMap((folder) => tree.names(folder).map((one) => `${folder}/${one}`));
  const run = files.filter((one) => !one.endsWith("~") && isExecutable(tree, one));
  return [...general, ...run.flatMap((one) => scriptHooks(tree, "certbot", one))];
}

function isExecutable(tree: Tree, file: string): boolean {
  const stat = statSync(tree.place(file), { throwIfNoEntry: false });
  return stat?.isFile() === true && (stat.mode & 0o111) !== 0;
}

/** Each line of a script that is no comment. */
function scriptHooks(tree: Tree, client: string, file: string): readonly ClientHook[] {
  return (tree.text(file) ?? "").split("\n").flatMap((line, at): readonly ClientHook[] => {
    const command = line.trim();
    if (command === "" || command.startsWith("#")) return [];
    return [{ client, where: `${file}:${String(at + 1)}`, command, written: command, type: [] }];
  });
}

/** A command that is a script is what the script says. */
function withScript(tree: Tree, hook: ClientHook): readonly ClientHook[] {
  const [program = ""] = hook.command.split(/\s+/);
  const isScript = program.startsWith("/") && tree.text(program)?.startsWith("#!") === true;
  return isScript ? [hook, ...scriptHooks(tree, hook.client, program)] : [hook];
}

function acmeShHooks(tree: Tree, { name, places, hook }: Lineage): readonly ClientHook[] {
  const file = `${places[0] ?? ""}/${name}.conf`;
  const values = shellValues(tree.text(file) ?? "");
  return ["Le_ReloadCmd", "Le_RenewHook", "Le_PostHook"].flatMap((key): readonly ClientHook[] => {
    const command = plainCommand(values.get(key) ?? "");
    if (command === "") return [];
    const written = `${key} ${command}`;
    return withScript(tree, {
      client: "acme.sh",
      where: file,
      command,
      written,
      type: key === "Le_ReloadCmd" ? hook : [],
    });
  });
}

/** Lines of cron and of units that run a client with a hook among its flags, or with something after it. */
function scheduledHooks(tree: Tree): readonly ClientHook[] {
  const units = "/etc/systemd/system";
  const files = [
    ...new Set([...CRON_FILES, ...tree.names("/etc/cron.d").map((name) => `/etc/cron.d/${name}`)]),
    ...tree.names(units).flatMap((name) => (name.endsWith(".service") ? [`${units}/${name}`] : [])),
  ];
  return files.flatMap((file) =>
    (tree.text(file) ?? "").split("\n").flatMap((line, at): readonly ClientHook[] => {
      const [, client] = /^[^#]*\b(certbot|lego|acme\.sh|dehydrated)\b/.exec(line) ?? [];
      const command = line.trim();
      return client === undefined
        ? []
        : [{ client, where: `${file}:${String(at + 1)}`, command, written: command, type: [] }];
    }),
  );
}
