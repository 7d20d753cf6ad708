/** From what servers read today to the deployed files: what stands where, what is to stand there, and what to type for it. */
import { reloadPreset } from "../../config/reload-presets.ts";
import type { CertificateUse, WrittenLine } from "./certificate-use.ts";
import type { InitSystem } from "./init-system.ts";

/** One server's configuration that is to read deployed files. */
export interface Pointing {
  readonly old: readonly { readonly place: string; readonly text: string }[];
  /** In place of all of them. */
  readonly now: readonly string[];
  /** Commands that do it. */
  readonly commands: readonly string[];
}

/** A use, and the folder that takes the place of what it reads. */
export interface PointedUse {
  readonly use: CertificateUse;
  readonly deploy: string;
}

/** Uses that read their folder already come to nothing. */
export function pointingsOf(all: readonly PointedUse[], init: InitSystem): readonly Pointing[] {
  const uses = all.filter(({ use, deploy }) => !use.file.startsWith(`${deploy}/`));
  const postfix = uses.filter(({ use }) => use.program === "postfix");
  const mains = [...new Set(postfix.map(({ use }) => use.configuration))];
  return [
    ...mains.map((main) => pointPostfix(all.filter(({ use }) => use.configuration === main))),
    ...uses.filter(({ use }) => use.program !== "postfix").map((one) => pointLines(one, init)),
  ];
}

/** All chains are one setting. What is deployed already stays in it. */
function pointPostfix(uses: readonly PointedUse[]): Pointing {
  const written = distinct(uses.flatMap(({ use }) => use.written));
  const chains = [...new Set(uses.map(({ deploy }) => `${deploy}/combined.pem`))].join(", ");
  const now = [`smtpd_tls_chain_files = ${chains}`, ...new Set(uses.flatMap(({ use }) => use.lacks ?? []))];
  const old = written.map(({ text }) => text.split("=")[0]?.trim() ?? "").filter((name) => !now[0]?.startsWith(name));
  return {
    old: written.map(placed),
    now,
    commands: [
      [
        `postconf -e ${now.map((one) => `'${one}'`).join(" ")}`,
        ...(old.length === 0 ? [] : [`postconf -X ${old.join(" ")}`]),
      ].join(" && "),
      "postfix reload",
    ],
  };
}

function pointLines({ use, deploy }: PointedUse, init: InitSystem): Pointing {
  const pairs = use.written.map((line, at) => {
    const role = use.program === "haproxy" ? "both" : at === 0 ? "certificate" : "key";
    return { line, file: `${deploy}/${deployedName(line.file, role)}` };
  });
  const reload = reloadPreset(use.program, "linux")?.argv ?? [];
  return {
    old: pairs.map(({ line }) => placed(line)),
    now: pairs.map(({ line, file }) => line.text.replace(line.file, file)),
    // FreeBSD's sed knows no --follow-symlinks, and sites-enabled is made of links.
    commands:
      init === "freebsd"
        ? []
        : [
            ...pairs.map(({ line, file }) => {
              const change = `${String(line.line)}s|${line.file}|${file}|`;
              return `sed -i --follow-symlinks '${change}' ${line.configuration}`;
            }),
            ...(reload.length === 0 ? [] : [reload.join(" ")]),
          ],
  };
}

/** What the deployed folder has in place of a client's file. */
function deployedName(file: string, role: "certificate" | "key" | "both"): string {
  if (role === "key") return "privkey.pem";
  if (role === "both") return "combined.pem";
  return /(?:^|\/)cert\.pem$/.test(file) ? "cert.pem" : "fullchain.pem";
}

function placed({ configuration, line, text }: WrittenLine): Pointing["old"][number] {
  return { place: `${configuration}:${String(line)}`, text };
}

function distinct(lines: readonly WrittenLine[]): readonly WrittenLine[] {
  return [...new Map(lines.map((one) => [`${one.configuration}:${String(one.line)}`, one])).values()];
}
