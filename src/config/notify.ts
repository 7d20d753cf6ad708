/** `[notify]`: who is told of what, and by which ways. */
import { parseApiUrl } from "../base/api-url.ts";
import { command } from "./commands.ts";
import { suggestion } from "./nearest.ts";
import { listOf, optional, readTable, refuse, refuseUnknownKeys } from "./table.ts";
import type { Decode, Item, Problems } from "./table.ts";
import { path, text } from "./values.ts";

/** What can be told; the first six stand for as long as they last and are told again once a day. */
export const NOTIFY_EVENTS = [
  "mismatch",
  "stuck",
  "expiring",
  "publish-failed",
  "reload-failed",
  "failed",
  "recovered",
  "foreign-change",
  "renewed-seen",
  "published",
  "ready",
  "flipped",
  "verified",
  "withdrawn",
] as const;

export type NotifyEvent = (typeof NOTIFY_EVENTS)[number];

/** What a person must see, and that it is over: told unless `on` says otherwise. */
const USUAL: readonly NotifyEvent[] = NOTIFY_EVENTS.slice(0, 8);

export interface NotifyConfig {
  /** Addresses; empty: no mail. */
  readonly mail: readonly string[];
  /** Address in the From line; null: sendmail's own choice. */
  readonly mailFrom: string | null;
  readonly sendmail: string;
  /** Program and words; the notice comes as JSON on its standard input. */
  readonly exec: readonly string[] | null;
  readonly webhook: string | null;
  /** File of the key for the HMAC of a webhook's body. */
  readonly webhookSecretFile: string | null;
  /** Address of a topic of an ntfy server. */
  readonly ntfy: string | null;
  readonly ntfyTokenFile: string | null;
  /** Ping address of a healthchecks server: a dead man's switch for the driver itself. */
  readonly healthchecks: string | null;
  readonly on: readonly NotifyEvent[];
}

const KEYS = [
  "mail",
  "mail_from",
  "sendmail",
  "exec",
  "webhook",
  "webhook_secret_file",
  "ntfy",
  "ntfy_token_file",
  "healthchecks",
  "on",
];

/** Null: nobody is to be told anything. */
export function decodeNotify(item: Item | undefined, problems: Problems): NotifyConfig | null {
  const table = item === undefined ? null : readTable(item, problems);
  if (item === undefined || table === null) return null;
  refuseUnknownKeys(table, KEYS, problems);
  const config: NotifyConfig = {
    mail: optional(table, "mail", oneOrMore(mailAddress), [], problems),
    mailFrom: optional(table, "mail_from", mailAddress, null, problems),
    sendmail: optional(table, "sendmail", path, "/usr/sbin/sendmail", problems),
    exec: optional(table, "exec", command([]), null, problems),
    webhook: optional(table, "webhook", address, null, problems),
    webhookSecretFile: optional(table, "webhook_secret_file", path, null, problems),
    ntfy: optional(table, "ntfy", address, null, problems),
    ntfyTokenFile: optional(table, "ntfy_token_file", path, null, problems),
    healthchecks: optional(table, "healthchecks", address, null, problems),
    on: optional(table, "on", oneOrMore(event), USUAL, problems),
  };
  for (const [key, needed, value] of [
    ["mail_from", "mail", config.mail.length > 0],
    ["sendmail", "mail", config.mail.length > 0],
    ["webhook_secret_file", "webhook", config.webhook !== null],
    ["ntfy_token_file", "ntfy", config.ntfy !== null],
  ] as const) {
    const idle = table.get(key);
    if (idle !== undefined && !value && !table.has(needed)) {
      refuse(problems, idle, `means nothing without ${needed}`, `set ${needed}, or remove it`);
    }
  }
  return config;
}

/** One, or an array of them. */
function oneOrMore<T>(decode: Decode<T>): Decode<readonly T[]> {
  return (item, problems) => {
    if (Array.isArray(item.value)) return listOf(decode)(item, problems);
    const only = decode(item, problems);
    return only === null ? null : [only];
  };
}

/** RFC 5321 §4.1.2, the plain forms: what stands in a header line and on nobody's command line. */
const mailAddress: Decode<string> = (item, problems) => {
  const written = text(item, problems);
  if (written === null || /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}(?:@[\w.-]{1,253})?$/.test(written)) return written;
  return refuse(problems, item, `"${written}" is no mail address`, "write hostmaster@example.org");
};

/** The rules of an API's address, but for the query: it is part of many an address that notices go to. */
const address: Decode<string> = (item, problems) => {
  const written = text(item, problems)?.trim();
  if (written === undefined) return null;
  const [, place = "", query = ""] = /^([^?#]*)(\?[^#]*)?$/.exec(written) ?? [];
  if (place === "") return refuse(problems, item, "an address with # is not sent as it is written", "leave # out");
  const parsed = parseApiUrl(place);
  return parsed.ok ? new URL(`${place}${query}`).href : refuse(problems, item, parsed.fault);
};

const event: Decode<NotifyEvent> = (item, problems) => {
  const written = text(item, problems);
  if (written === null) return null;
  const known = NOTIFY_EVENTS.find((one) => one === written);
  const hint = `known: ${NOTIFY_EVENTS.join(", ")}`;
  return known ?? refuse(problems, item, `there is no event "${written}"${suggestion(written, NOTIFY_EVENTS)}`, hint);
};
