/** Which certificate files Postfix and Dovecot read. */
import path from "node:path";
import { expandPath } from "./certificate-use.ts";
import type { CertificateUse, WrittenLine } from "./certificate-use.ts";
import type { Tree } from "./tree.ts";
import { unquote } from "./words.ts";

// ---- Postfix ------------------------------------------------------------------------------------------------------

interface Setting {
  readonly value: string;
  readonly line: number;
  /** As it is written, on one line. */
  readonly text: string;
}

/** main.cf (postconf(5)): a line that begins with a blank goes on with the one before; the last value wins. */
export function parseMainCf(text: string): ReadonlyMap<string, Setting> {
  const settings = new Map<string, Setting>();
  let open: { key: string; value: string; line: number; text: string } | null = null;
  const close = (): void => {
    if (open !== null) settings.set(open.key, { value: open.value.trim(), line: open.line, text: open.text });
    open = null;
  };
  text.split(/\r?\n/).forEach((raw, index) => {
    if (raw.trim() === "" || /^\s*#/.test(raw)) return;
    if (/^\s/.test(raw)) {
      if (open !== null) {
        open.value += ` ${raw.trim()}`;
        open.text += ` ${raw.trim()}`;
      }
      return;
    }
    close();
    const at = raw.indexOf("=");
    const text = raw.trim();
    if (at > 0) open = { key: raw.slice(0, at).trim(), value: raw.slice(at + 1).trim(), line: index + 1, text };
  });
  close();
  return settings;
}

/** `$name`, `${name}` and `$(name)`; what is not set stands for nothing. */
function expand(value: string, settings: ReadonlyMap<string, Setting>, depth = 0): string {
  if (depth > 8) return value;
  return value.replace(/\$(?:\{(\w+)\}|\((\w+)\)|(\w+))/g, (_whole, ...names: readonly (string | undefined)[]) => {
    const name = names.slice(0, 3).find((one) => one !== undefined) ?? "";
    const found = settings.get(name)?.value ?? (name === "config_directory" ? "/etc/postfix" : "");
    return expand(found, settings, depth + 1);
  });
}

/** Ports of the smtpd services of master.cf (master(5)) that listen to the network, submission and the like included. */
export function parseMasterCf(text: string): readonly number[] {
  const known: Readonly<Record<string, number>> = { smtp: 25, submission: 587, submissions: 465, smtps: 465 };
  return text.split(/\r?\n/).flatMap((line) => {
    if (/^[\s#]/.test(line)) return [];
    const [service = "", type, , , , , , program] = line.trim().split(/\s+/);
    if (type !== "inet" || (program !== "smtpd" && program !== "postscreen")) return [];
    const name = service.slice(service.lastIndexOf(":") + 1);
    if (/^(?:127\.|\[::1\]|localhost)/.test(service)) return [];
    const port = known[name] ?? Number(name);
    return Number.isInteger(port) && port > 0 && port < 65_536 ? [port] : [];
  });
}

export function postfixUses(tree: Tree): readonly CertificateUse[] {
  return ["/etc/postfix", "/usr/local/etc/postfix"].flatMap((folder) => {
    const configuration = `${folder}/main.cf`;
    const text = tree.text(configuration);
    if (text === null) return [];
    const settings = parseMainCf(text);
    const value = (key: string): string => expand(settings.get(key)?.value ?? "", settings);
    const ports = parseMasterCf(tree.text(`${folder}/master.cf`) ?? "");
    const isOffered = /^(?:may|encrypt|dane.*)$/.test(value("smtpd_tls_security_level"));
    const shared = {
      program: "postfix",
      configuration,
      hosts: [value("myhostname")].filter((host) => host.includes(".")),
      ports: [...new Set(ports.length === 0 ? [25] : ports)],
      ...(isOffered ? {} : { lacks: ["smtpd_tls_security_level = may"] }),
    } as const;
    const written = (directive: string, file: string): readonly WrittenLine[] => {
      const found = settings.get(directive);
      return found === undefined ? [] : [{ configuration, line: found.line, text: found.text, file }];
    };
    const chain = settings.get("smtpd_tls_chain_files");
    if (chain !== undefined) {
      const files = value("smtpd_tls_chain_files")
        .split(/[\s,]+/)
        .filter((file) => file.startsWith("/"));
      const [file] = files.slice(-1);
      const directive = "smtpd_tls_chain_files";
      if (file === undefined) return [];
      const own = { directive, line: chain.line, written: written(directive, file) };
      return [{ ...shared, ...own, file, companions: files.slice(0, -1) }];
    }
    return ["smtpd_tls_cert_file", "smtpd_tls_eccert_file"].flatMap((directive) => {
      const file = value(directive);
      if (!file.startsWith("/")) return [];
      const keyDirective = directive.replace("cert_file", "key_file");
      const key = value(keyDirective);
      const line = settings.get(directive)?.line ?? 1;
      const lines = [...written(directive, file), ...written(keyDirective, key)];
      return [{ ...shared, file, companions: key.startsWith("/") ? [key] : [], directive, line, written: lines }];
    });
  });
}

// ---- Dovecot ------------------------------------------------------------------------------------------------------

interface DovecotSetting {
  readonly key: string;
  readonly value: string;
  readonly configuration: string;
  readonly line: number;
  /** `local_name NAME` around it. */
  readonly name: string | null;
  /** As it is written. */
  readonly text: string;
}

/** Settings of one file, blocks opened; `!include` comes as a setting of that name. */
export function parseDovecot(text: string, configuration: string): readonly DovecotSetting[] {
  const found: DovecotSetting[] = [];
  const blocks: string[] = [];
  text.split(/\r?\n/).forEach((raw, index) => {
    const line = raw.replace(/(^|\s)#.*$/, "").trim();
    if (line === "") return;
    if (line === "}") {
      blocks.pop();
      return;
    }
    if (line.endsWith("{")) {
      blocks.push(line.slice(0, -1).trim());
      return;
    }
    const [, name] =
      /^local_name\s+"?([^"\s]+)"?$/.exec(blocks.findLast((block) => block.startsWith("local_name")) ?? "") ?? [];
    const place = { configuration, line: index + 1, name: name ?? null, text: line };
    const include = /^!include(?:_try)?\s+(\S+)$/.exec(line);
    if (include !== null) found.push({ key: "!include", value: include[1] ?? "", ...place });
    const at = line.indexOf("=");
    if (include === null && at > 0) {
      found.push({ key: line.slice(0, at).trim(), value: unquote(line.slice(at + 1).trim()), ...place });
    }
  });
  return found;
}

function dovecotSettings(tree: Tree, file: string, depth: number): readonly DovecotSetting[] {
  const text = tree.text(file);
  if (text === null || depth > 4) return [];
  return parseDovecot(text, file).flatMap((setting) =>
    setting.key === "!include"
      ? expandPath(tree, path.posix.resolve(path.posix.dirname(file), setting.value)).flatMap((one) =>
          dovecotSettings(tree, one, depth + 1),
        )
      : [setting],
  );
}

const DOVECOT_PORTS: Readonly<Record<string, readonly number[]>> = {
  imap: [143, 993],
  pop3: [110, 995],
  sieve: [4190],
  submission: [587],
};

export function dovecotUses(tree: Tree): readonly CertificateUse[] {
  return ["/etc/dovecot/dovecot.conf", "/usr/local/etc/dovecot/dovecot.conf"].flatMap((main) => {
    const settings = dovecotSettings(tree, main, 0);
    const installed = tree
      .names("/usr/share/dovecot/protocols.d")
      .flatMap((name) => parseDovecot(tree.text(`/usr/share/dovecot/protocols.d/${name}`) ?? "", name));
    const protocols = [...settings, ...installed]
      .filter(({ key }) => key === "protocols")
      .flatMap(({ value }) => value.replace("$protocols", "").split(/[\s,]+/));
    const ports = [
      ...new Set((protocols.length === 0 ? ["imap"] : protocols).flatMap((one) => DOVECOT_PORTS[one] ?? [])),
    ];
    // 2.4 has ssl_server_cert_file with a plain path, earlier ones ssl_cert with the file behind "<".
    const files = settings.filter(({ key }) => /^(?:ssl_(?:alt_)?cert|ssl_server_cert_file)$/.test(key));
    return files.flatMap((setting): readonly CertificateUse[] => {
      const { key, configuration, line, name } = setting;
      const file = fileOf(setting);
      if (!file.startsWith("/")) return [];
      const keyName = key.replace("cert", "key");
      const keySetting = settings.find((one) => one.key === keyName && one.name === name);
      const lines = [setting, ...(keySetting === undefined ? [] : [keySetting])];
      const written = lines.map((one): WrittenLine => {
        return { configuration: one.configuration, line: one.line, text: one.text, file: fileOf(one) };
      });
      const hosts = name === null ? [] : [name];
      const companions = keySetting === undefined ? [] : [fileOf(keySetting)];
      return [{ program: "dovecot", file, companions, directive: key, configuration, line, hosts, ports, written }];
    });
  });
}

function fileOf({ value }: DovecotSetting): string {
  return value.replace(/^</, "").trim();
}
