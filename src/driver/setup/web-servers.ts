/** Which certificate files nginx, Apache httpd and HAProxy read. */
import path from "node:path";
import { expandPath, isHostName } from "./certificate-use.ts";
import type { CertificateUse, WrittenLine } from "./certificate-use.ts";
import type { Tree } from "./tree.ts";
import { bracedWords } from "./words.ts";

// ---- nginx --------------------------------------------------------------------------------------------------------

/** One statement of a configuration with blocks: its words, and what stands between its braces. */
export interface Directive {
  readonly words: readonly string[];
  readonly line: number;
  readonly configuration: string;
  readonly block: readonly Directive[] | null;
}

/** Directives of one nginx file, blocks within blocks. Anything that is no configuration gives what can be made of it. */
export function parseNginx(text: string, configuration: string): readonly Directive[] {
  const words = bracedWords(text);
  let at = 0;
  const block = (depth: number): readonly Directive[] => {
    const found: Directive[] = [];
    let open: { words: string[]; line: number } | null = null;
    for (let token = words[at]; token !== undefined; token = words[at]) {
      at++;
      if (token.word === "}") return found;
      if (token.word === ";" || token.word === "{") {
        const inner = token.word === "{" && depth < 20 ? block(depth + 1) : null;
        found.push({ words: open?.words ?? [], line: open?.line ?? token.line, configuration, block: inner });
        open = null;
      } else {
        open ??= { words: [], line: token.line };
        open.words.push(token.word);
      }
    }
    return found;
  };
  return block(0);
}

function withIncludes(
  tree: Tree,
  folder: string,
  directives: readonly Directive[],
  depth: number,
): readonly Directive[] {
  return directives.flatMap((directive): readonly Directive[] => {
    const [name, pattern] = directive.words;
    if (name === "include" && pattern !== undefined && depth < 6) {
      return expandPath(tree, path.posix.resolve(folder, pattern)).flatMap((file) =>
        withIncludes(tree, folder, parseNginx(tree.text(file) ?? "", file), depth + 1),
      );
    }
    const { block } = directive;
    return [block === null ? directive : { ...directive, block: withIncludes(tree, folder, block, depth) }];
  });
}

export function nginxUses(tree: Tree): readonly CertificateUse[] {
  return ["/etc/nginx", "/usr/local/etc/nginx"].flatMap((folder) => {
    const main = `${folder}/nginx.conf`;
    const text = tree.text(main);
    if (text === null) return [];
    return nginxServers(withIncludes(tree, folder, parseNginx(text, main), 0), []);
  });
}

/** Certificates are inherited from the blocks around a server. */
function nginxServers(directives: readonly Directive[], inherited: readonly Directive[]): readonly CertificateUse[] {
  const own = directives.filter(({ words: [name] }) => /^ssl_certificate(?:_key)?$/.test(name ?? ""));
  const here = own.some(({ words: [name] }) => name === "ssl_certificate") ? own : inherited;
  return directives.flatMap(({ words: [name], block }) => {
    if (block === null) return [];
    return name === "server" ? nginxServer(block, here) : nginxServers(block, here);
  });
}

function nginxServer(block: readonly Directive[], inherited: readonly Directive[]): readonly CertificateUse[] {
  const named = (name: string): readonly Directive[] => block.filter(({ words }) => words[0] === name);
  const own = [...named("ssl_certificate"), ...named("ssl_certificate_key")];
  const ssl = named("ssl_certificate").length > 0 ? own : inherited;
  const ports = named("listen").flatMap(({ words: [, address = "", ...flags] }) => {
    const port = Number(/(?:^|:)(\d+)$/.exec(address)?.[1] ?? 80);
    return flags.includes("ssl") || port === 443 || flags.includes("quic") ? [port] : [];
  });
  const hosts = named("server_name").flatMap(({ words }) => words.slice(1).filter(isHostName));
  const keys = ssl.filter(({ words: [name] }) => name === "ssl_certificate_key");
  return ssl
    .filter(({ words: [name, file] }) => name === "ssl_certificate" && file?.startsWith("/") === true)
    .map((certificate, index) => {
      const { words, configuration, line } = certificate;
      const [directive = "", file = ""] = words;
      const own = keys.slice(index, index + 1);
      const companions = own.flatMap((key) => key.words[1] ?? []);
      const written = [certificate, ...own].map((one) => writtenLine(one, ";"));
      const place = { directive, configuration, line, hosts, ports: [...new Set(ports)] };
      return { program: "nginx", file, companions, ...place, written };
    });
}

function writtenLine(
  { words, line, configuration }: Pick<Directive, "words" | "line" | "configuration">,
  end = "",
): WrittenLine {
  return { configuration, line, text: `${words.join(" ")}${end}`, file: words[1] ?? "" };
}

// ---- Apache -------------------------------------------------------------------------------------------------------

interface ApacheLine {
  readonly words: readonly string[];
  readonly line: number;
  readonly configuration: string;
}

/** Lines of one Apache httpd file, those that end with a backslash joined to the next. */
export function parseApache(text: string, configuration: string): readonly ApacheLine[] {
  const found: ApacheLine[] = [];
  let begun: { text: string; line: number } | null = null;
  text.split(/\r?\n/).forEach((raw, index) => {
    const whole: string = (begun?.text ?? "") + raw.trim();
    const line: number = begun?.line ?? index + 1;
    begun = null;
    if (whole.endsWith("\\")) {
      begun = { text: `${whole.slice(0, -1)} `, line };
      return;
    }
    if (whole === "" || whole.startsWith("#")) return;
    const words = [...whole.matchAll(/"([^"]*)"|([^\s"]+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
    found.push({ words, line, configuration });
  });
  return found;
}

function apacheLines(tree: Tree, folder: string, file: string, depth: number): readonly ApacheLine[] {
  const text = tree.text(file);
  if (text === null || depth > 6) return [];
  return parseApache(text, file).flatMap((line) => {
    const [name = "", pattern] = line.words;
    if (!/^include(?:optional)?$/i.test(name) || pattern === undefined) return [line];
    return expandPath(tree, path.posix.resolve(folder, pattern)).flatMap((one) =>
      apacheLines(tree, folder, one, depth + 1),
    );
  });
}

export function apacheUses(tree: Tree): readonly CertificateUse[] {
  const mains = [
    ["/etc/apache2", "/etc/apache2/apache2.conf"],
    ["/etc/httpd", "/etc/httpd/conf/httpd.conf"],
    ["/usr/local/etc/apache24", "/usr/local/etc/apache24/httpd.conf"],
  ] as const;
  return mains.flatMap(([folder, main]) => apacheHosts(apacheLines(tree, folder, main, 0)));
}

function apacheHosts(lines: readonly ApacheLine[]): readonly CertificateUse[] {
  const uses: CertificateUse[] = [];
  let open: { ports: number[]; hosts: string[]; files: ApacheLine[]; keys: ApacheLine[] } | null = null;
  for (const line of lines) {
    const [name = "", ...args] = line.words;
    if (/^<virtualhost$/i.test(name)) {
      const ports = args.flatMap((arg) => Number(/:(\d+)>?$/.exec(arg)?.[1] ?? 443));
      open = { ports, hosts: [], files: [], keys: [] };
    } else if (/^<\/virtualhost>$/i.test(name)) {
      const { ports, hosts, files, keys } = open ?? { ports: [], hosts: [], files: [], keys: [] };
      open = null;
      files.forEach((certificate, index) => {
        const { words, configuration } = certificate;
        const [directive = "", file = ""] = words;
        const own = keys.slice(index, index + 1);
        const companions = own.flatMap((key) => key.words[1] ?? []);
        const written = [certificate, ...own].map((one) => writtenLine(one));
        const place = { directive, configuration, line: certificate.line, hosts, ports };
        uses.push({ program: "apache", file, companions, ...place, written });
      });
    } else if (open !== null) {
      if (/^server(?:name|alias)$/i.test(name))
        open.hosts.push(...args.map((arg) => arg.replace(/:\d+$/, "")).filter(isHostName));
      if (/^sslcertificatefile$/i.test(name) && args[0]?.startsWith("/") === true) open.files.push(line);
      if (/^sslcertificatekeyfile$/i.test(name) && args[0] !== undefined) open.keys.push(line);
    }
  }
  return uses;
}

// ---- HAProxy ------------------------------------------------------------------------------------------------------

/** `bind` lines with `ssl crt` of one file, and the files of their `crt-list`. */
export function parseHaproxy(
  text: string,
  configuration: string,
  list: (file: string) => string | null,
): readonly CertificateUse[] {
  return text.split(/\r?\n/).flatMap((raw, index) => {
    const words = raw
      .replace(/(^|\s)#.*$/, "")
      .trim()
      .split(/\s+/);
    if (words[0] !== "bind" || !words.includes("ssl")) return [];
    const ports = (words[1] ?? "").split(",").flatMap((address) => {
      const port = Number(/:(\d+)$/.exec(address)?.[1]);
      return Number.isInteger(port) ? [port] : [];
    });
    const after = (keyword: string): readonly string[] => words.filter((_word, at) => words[at - 1] === keyword);
    const listed = after("crt-list").flatMap((file) =>
      (list(file) ?? "").split(/\r?\n/).flatMap((line) => /^\s*(\/[^\s[#]+)/.exec(line)?.[1] ?? []),
    );
    const files = [...after("crt"), ...listed].filter((file) => file.startsWith("/"));
    return files.map((file) => {
      const place = { configuration, line: index + 1 };
      const written = [{ ...place, text: words.join(" "), file }];
      return {
        program: "haproxy",
        file,
        companions: [],
        directive: "crt",
        ...place,
        hosts: [],
        ports,
        written,
      } as const;
    });
  });
}

export function haproxyUses(tree: Tree): readonly CertificateUse[] {
  const mains = ["/etc/haproxy/haproxy.cfg", "/usr/local/etc/haproxy.conf"];
  return mains.flatMap((main) => parseHaproxy(tree.text(main) ?? "", main, tree.text));
}
