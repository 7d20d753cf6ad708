/**
 * `[import.NAME]`: many certificates from a map file, one line each, for sites where a table per certificate would be
 * too many:
 *
 *     # certificate      host,port[/protocol] …
 *     mx1.example.org    mx1.example.org,25  mx1.example.org,587
 *
 * as in Postfix maps: `#` begins a comment line, a line that begins with blanks continues the one before. A certificate
 * may stand on several lines. Everything else that a certificate may say stands once in the `[import.NAME]`, `{cert}` in
 * its paths being the name of the certificate. What comes out is a document as if somebody had written the tables, so
 * that every rule of `[certificate.NAME]` holds, with the lines of the map as places.
 */
import { dirname, resolve } from "node:path";
import { MOST_CONFIGURATION, readBoundedFile } from "./bounded-file.ts";
import { CERTIFICATE_KEYS, deployPath } from "./decode-certificate.ts";
import { pathKey } from "./locate.ts";
import type { KeyPath } from "./locate.ts";
import { optional, readTable, refuse, refuseUnknownKeys, required } from "./table.ts";
import type { Decode, Item, Problems, Table } from "./table.ts";
import type { TomlDocument } from "./toml.ts";
import { path, text } from "./values.ts";

/** Keys whose values are paths, in which `{cert}` stands for the name of the certificate. */
const PATH_KEYS = ["source", "deploy", "hold_file"] as const;
const KEYS = ["map", ...CERTIFICATE_KEYS.filter((key) => key !== "services")];

/** The tables of certificates that the `[import.NAME]` of these documents make; faults are noted. */
export function expandImports(
  documents: readonly TomlDocument[],
  problems: Problems,
  beforeRead: (path: string) => void = () => undefined,
): readonly TomlDocument[] {
  const items = documents.flatMap((document): readonly Item[] => {
    const value = document.root["import"];
    return value === undefined ? [] : [{ value, path: ["import"], document }];
  });
  const tables = items.flatMap((item) => [...(readTable(item, problems) ?? [])]);
  return tables.flatMap(([, one]) => expand(one, problems, beforeRead));
}

function expand(item: Item, problems: Problems, beforeRead: (path: string) => void): readonly TomlDocument[] {
  const table = readTable(item, problems);
  if (table === null) return [];
  refuseUnknownKeys(table, KEYS, problems);
  const map = required(item, table, "map", path, problems);
  const source = required(item, table, "source", withName, problems);
  // What is no path must not become one by being taken from this folder.
  if (table.has("deploy") && optional(table, "deploy", deployPath, null, problems) === null) return [];
  const mapItem = table.get("map");
  if (map === null || source === null || mapItem === undefined) return [];
  let written: string;
  beforeRead(map);
  try {
    written = new TextDecoder("utf-8", { ignoreBOM: true }).decode(readBoundedFile(map, MOST_CONFIGURATION));
  } catch (cause) {
    refuse(problems, mapItem, `cannot read ${map}: ${cause instanceof Error ? cause.message : String(cause)}`);
    return [];
  }
  return [documentOf(map, rowsOf(written), table)];
}

/** A path of which each certificate has its own. */
const withName: Decode<string> = (item, problems) => {
  const written = text(item, problems);
  if (written === null || written.includes("{cert}")) return written;
  return refuse(problems, item, "does not tell the certificates apart", "write {cert} where the name belongs");
};

interface Word {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

interface Row {
  readonly name: Word;
  readonly services: readonly Word[];
}

/** The rows of a map, those of one certificate put together. */
function rowsOf(written: string): readonly Row[] {
  const rows = new Map<string, Row>();
  let name: Word | null = null;
  for (const [index, line] of written.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const words = [...line.matchAll(/\S+/g)].map((found): Word => {
      return { text: found[0], line: index + 1, column: found.index + 1 };
    });
    const continued = /^\s/.test(line) && name !== null;
    if (!continued) name = words.shift() ?? null;
    if (name === null) continue;
    const known = rows.get(name.text);
    rows.set(name.text, { name: known?.name ?? name, services: [...(known?.services ?? []), ...words] });
  }
  return [...rows.values()];
}

function documentOf(map: string, rows: readonly Row[], table: Table): TomlDocument {
  const positions = new Map<string, { readonly line: number; readonly column: number }>();
  const place = (at: KeyPath, { line, column }: Word): void => void positions.set(pathKey(at), { line, column });
  const certificates = rows.map(({ name, services }): readonly [string, unknown] => {
    const at = ["certificate", name.text];
    place(at, name);
    for (const [index, service] of services.entries()) place([...at, "services", index], service);
    // The comma is what Postfix maps are written with: a colon would do as well.
    const written = services.map((service) => service.text.replace(",", ":"));
    return [name.text, { ...sharedFor(name.text, table), services: written }];
  });
  return { file: map, root: { certificate: Object.fromEntries(certificates) }, positions };
}

/** What the import says for each certificate; paths are taken from where the import stands, not from the map. */
function sharedFor(name: string, table: Table): Readonly<Record<string, unknown>> {
  const shared = [...table].filter(([key]) => key !== "map");
  return Object.fromEntries(shared.map(([key, item]): readonly [string, unknown] => [key, valueFor(name, key, item)]));
}

function valueFor(name: string, key: string, { value, document }: Item): unknown {
  if (key === "renew" && Array.isArray(value)) {
    const words: readonly unknown[] = value;
    return words.map((word) => (typeof word === "string" ? word.replaceAll("{cert}", () => name) : word));
  }
  if (typeof value !== "string") return value;
  const named = value.replaceAll("{cert}", () => name);
  if (PATH_KEYS.some((one) => one === key)) return resolve(dirname(document.file), named);
  // The first is taken from the source's folder, which is done for each certificate.
  return key === "next_key" || key === "renew" ? named : value;
}
