/** Words that people write for keys, out of other programs and earlier plans, and what they are called here. */

/** Key by word; the first that is known where it stands counts. */
const CALLED: Readonly<Record<string, readonly string[]>> = {
  after: ["reload"],
  api_key: ["api_key_file"],
  credentials: ["key_file", "token_file", "api_key_file"],
  deploy_hook: ["reload"],
  dir: ["source"],
  domains: ["services"],
  email: ["mail"],
  events: ["on"],
  group: ["key_group"],
  hold: ["hold_file"],
  hook: ["reload"],
  hosts: ["services"],
  key: ["key_file"],
  lineage: ["source"],
  params: ["tlsa"],
  path: ["source", "file"],
  ports: ["services"],
  post_hook: ["reload"],
  primary: ["server"],
  publisher: ["publish"],
  records: ["tlsa"],
  restart: ["reload"],
  secret: ["key_file"],
  secret_file: ["key_file", "webhook_secret_file"],
  to: ["mail"],
  token: ["token_file"],
  tsig: ["key_file"],
  tsig_key: ["key_file"],
  url: ["webhook"],
};

/** What nobody has to say. */
const NEEDLESS: Readonly<Record<string, string>> = {
  foreign: "leave it out: records that daneward did not publish are always kept",
};

/** Where keys of other tables stand. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  check_ns: "in [publish.NAME]",
  exclude_ns: "in [publish.NAME]",
  hidden_primary: "in [publish.NAME]",
  map: "in [import.NAME]",
  services: "in [certificate.NAME]",
  source: "in [certificate.NAME] or [import.NAME]",
  hold_file: "in [certificate.NAME]",
  trust: "in [dnssec]",
  trust_anchors: "in [dnssec]",
  resolver: "at the top of the file, before all [tables]",
  deploy_root: "at the top of the file, before all [tables]",
  prometheus_textfile: "at the top of the file, before all [tables]",
};

/** What to do about an unknown key where more is known of it than that; null: nothing is. */
export function hintForUnknownKey(word: string, known: readonly string[]): string | null {
  const key = word.toLowerCase().replaceAll("-", "_");
  const called = entryOf(CALLED, key)?.find((name) => known.includes(name));
  if (called !== undefined) return `it is called ${called} here`;
  const needless = entryOf(NEEDLESS, key);
  if (needless !== undefined) return needless;
  const place = entryOf(ELSEWHERE, key);
  return place === undefined ? null : `it belongs ${place}`;
}

/** What users write may also be the name of something that every object has. */
function entryOf<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
