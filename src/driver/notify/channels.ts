/**
 * The ways by which notices leave: mail through the sendmail interface, a program, a webhook, ntfy, and pings of a
 * healthchecks server. Each has ten seconds and fails on its own: a broken way is said on standard error by the caller
 * and keeps nothing from being done. No secret stands in a message, an address line or an argument.
 */
import { createHash, createHmac } from "node:crypto";
import { OperationalError } from "../../base/errors.ts";
import { formatInstant, formatSecond } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import type { NotifyConfig } from "../../config/notify.ts";
import { readTokenFile } from "../../config/token-file.ts";
import { describeFailure } from "../../publisher/command.ts";
import { runCommand } from "../command.ts";
import { isBad, severityOf } from "./notice.ts";
import type { Notice } from "./notice.ts";

const TIMEOUT_MS = 10_000;

/** What the process knows that a message may say. */
export interface Sender {
  /** Name of this host, for subjects and message identifiers. */
  readonly host: string;
  readonly path?: string | undefined;
}

/** A way to tell, by the name of its key in the configuration. Rejects with an OperationalError. */
export interface Channel {
  readonly name: string;
  readonly send: (notice: Notice) => Promise<void>;
}

/** The ways that are configured. Token files are read when something is sent. */
export function channelsOf(config: NotifyConfig, sender: Sender): readonly Channel[] {
  const { mail, exec, webhook, ntfy } = config;
  return [
    ...(mail.length === 0 ? [] : [{ name: "mail", send: (notice: Notice) => sendMail(notice, config, sender) }]),
    ...(exec === null ? [] : [{ name: "exec", send: (notice: Notice) => sendExec(notice, exec, sender) }]),
    ...(webhook === null
      ? []
      : [{ name: "webhook", send: (notice: Notice) => sendHook(notice, webhook, config, sender) }]),
    ...(ntfy === null ? [] : [{ name: "ntfy", send: (notice: Notice) => sendNtfy(notice, ntfy, config, sender) }]),
  ];
}

function failed(message: string, cause?: unknown): OperationalError {
  return new OperationalError("NOTIFY_FAILED", message, cause === undefined ? {} : { cause });
}

/** The notice for programs. */
export function noticeJson(notice: Notice, sender: Sender): string {
  const { event, certificate, at, title, text, codes, rollover } = notice;
  return `${JSON.stringify({
    schema: "daneward/notice/1",
    event,
    severity: severityOf(notice),
    certificate,
    at: formatInstant(at),
    host: sender.host,
    title,
    text,
    codes,
    rollover,
  })}\n`;
}

/** Header lines hold no line ends and nothing that is not printable ASCII (RFC 5322 §2.2, RFC 2047 §2). */
function headerText(text: string, most: number): string {
  const line = shortened(
    text
      .replace(/\p{Cc}+/gu, " ")
      .replaceAll("…", "...")
      .trim(),
    most,
  );
  if (/^[\x20-\x7e]*$/.test(line)) return line;
  // RFC 2047 §2: an encoded word has at most 75 characters.
  const chunks = Array.from(line).reduce<string[]>((words, letter) => {
    const last = words.at(-1) ?? "";
    const fits = words.length > 0 && new TextEncoder().encode(last + letter).length <= 45;
    return fits ? [...words.slice(0, -1), last + letter] : [...words, letter];
  }, []);
  return chunks.map((chunk) => `=?utf-8?B?${Buffer.from(chunk, "utf8").toString("base64")}?=`).join("\r\n ");
}

const NEAR = 6;

/** At most so many letters, cut at a blank where one is near; a code at the end is kept. */
function shortened(text: string, most: number): string {
  const letters = Array.from(text);
  if (letters.length <= most) return text;
  const end = / \[[A-Z0-9_]{1,40}\]$/.exec(text)?.[0] ?? "";
  const head = letters.slice(0, Math.max(0, most - end.length - 3)).join("");
  const blank = head.lastIndexOf(" ");
  return `${blank > head.length - NEAR ? head.slice(0, blank) : head}...${end}`;
}

/** RFC 5322 §2.1.1: a line should have no more than 78 characters. */
const LINE = 78;
/** Short of this much a subject says nothing. */
const LEAST = 40;

function subjectOf({ title }: Notice, { host }: Sender): string {
  const name = "Subject: ";
  const prefix = `[daneward ${host}] `;
  return `${name}${headerText(`${prefix}${title}`, Math.max(LINE - name.length, prefix.length + LEAST))}`;
}

/** The same for the same notice, and for no other: of mails with one identifier some stores keep one. */
function messageId(notice: Notice, { host }: Sender): string {
  const { certificate, event, at, title, text } = notice;
  const digest = createHash("sha256")
    .update(JSON.stringify([certificate, event, at, title, text]))
    .digest("hex");
  return `<daneward.${certificate ?? "all"}.${event}.${String(at)}.${digest.slice(0, 16)}@${host}>`;
}

/** RFC 5322 §3.3: the time zone is a number. */
function mailDate(at: Instant): string {
  return new Date(at).toUTCString().replace("GMT", "+0000");
}

/**
 * One thread for each rollover, and one before the first: an identifier that all its mails name (RFC 5322 §3.6.4),
 * whichever of them are told and arrive. What is not about a certificate stands alone.
 */
function threadHeaders({ certificate, rollover }: Notice, { host }: Sender): readonly string[] {
  if (certificate === null) return [];
  const thread = `<daneward.${certificate}.${rollover?.slice(0, 16) ?? "first"}@${host}>`;
  return [`In-Reply-To: ${thread}`, `References: ${thread}`];
}

/** RFC 5322 §2.2.3 and RFC 3834 §5: nobody's vacation program answers it. */
export function mailMessage(notice: Notice, config: NotifyConfig, sender: Sender): string {
  const headers = [
    `Date: ${mailDate(notice.at)}`,
    // RFC 5322 §3.6.2 asks for it; sendmail adds it, with the domain that this host's mail really comes from.
    ...(config.mailFrom === null ? [] : [`From: daneward on ${sender.host} <${config.mailFrom}>`]),
    `To: ${config.mail.join(", ")}`,
    subjectOf(notice, sender),
    `Message-ID: ${messageId(notice, sender)}`,
    ...threadHeaders(notice, sender),
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
    `X-Daneward-Event: ${notice.event}`,
  ];
  return `${headers.join("\n")}\n\n${bodyOf(notice)}\n\n-- \n${footOf(notice, sender)}\n`;
}

function bodyOf({ text }: Notice): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, " ").trimEnd();
}

/** It may be told late. */
function footOf({ at }: Notice, { host }: Sender): string {
  return `daneward on ${host}, ${formatSecond(at).replace("T", " ")}`;
}

async function sendMail(notice: Notice, config: NotifyConfig, sender: Sender): Promise<void> {
  // -i: a line with a single dot does not end the message. -t: the addresses stand in it.
  await run([config.sendmail, "-t", "-i"], mailMessage(notice, config, sender), sender, {});
}

async function sendExec(notice: Notice, argv: readonly string[], sender: Sender): Promise<void> {
  await run(argv, noticeJson(notice, sender), sender, {
    DANEWARD_EVENT: notice.event,
    DANEWARD_SEVERITY: severityOf(notice),
    DANEWARD_CERTIFICATE: notice.certificate ?? "",
  });
}

async function run(
  argv: readonly string[],
  input: string,
  sender: Sender,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const result = await runCommand(argv, { timeoutMs: TIMEOUT_MS, input, env }, sender.path);
  const problem = describeFailure(argv, result, TIMEOUT_MS);
  if (problem !== null) throw failed(problem);
}

async function sendHook(notice: Notice, url: string, config: NotifyConfig, sender: Sender): Promise<void> {
  const body = noticeJson(notice, sender);
  const secret = config.webhookSecretFile === null ? null : readTokenFile(config.webhookSecretFile);
  const signature = secret === null ? null : createHmac("sha256", secret.reveal()).update(body).digest("hex");
  await post(url, body, {
    "content-type": "application/json",
    ...(signature === null ? {} : { "x-daneward-signature": `sha256=${signature}` }),
  });
}

/** Of five: 5 rings through, 2 makes no sound. */
function ntfyPriority(notice: Notice): string {
  if (notice.event === "recovered") return "3";
  return { critical: "5", warning: "4", info: "2" }[severityOf(notice)];
}

async function sendNtfy(notice: Notice, url: string, config: NotifyConfig, sender: Sender): Promise<void> {
  const token = config.ntfyTokenFile === null ? null : readTokenFile(config.ntfyTokenFile);
  await post(url, `${bodyOf(notice)}\n\n${footOf(notice, sender)}\n`, {
    title: headerText(`${notice.certificate ?? "daneward"}: ${notice.event} (${sender.host})`, LINE),
    priority: ntfyPriority(notice),
    tags: isBad(notice.event) ? "warning" : "white_check_mark",
    ...(token === null ? {} : { authorization: `Bearer ${new TextDecoder().decode(token.reveal())}` }),
  });
}

/** A word at the end of the path, in front of a query. */
function belowAddress(url: string, word: string): string {
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/+$/, "")}/${word}`;
  return address.href;
}

/** Tells a healthchecks server that work has begun, that all is well, or that a failure stands. Rejects as channels do. */
export async function ping(url: string, what: "start" | "well" | "fail", text: string): Promise<void> {
  await post(what === "well" ? url : belowAddress(url, what), text, { "content-type": "text/plain; charset=utf-8" });
}

async function post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<void> {
  let response: Response;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    response = await fetch(url, { method: "POST", body, headers: { ...headers }, redirect: "error", signal });
  } catch (cause) {
    // Such an address is often a secret itself: only its host is named.
    const why = cause instanceof Error && cause.name === "TimeoutError" ? "no answer in 10 s" : "no connection";
    throw failed(`${new URL(url).host}: ${why}${reasonOf(cause)}`, cause);
  }
  await response.body?.cancel();
  if (!response.ok) throw failed(`${new URL(url).host} answered ${String(response.status)}`);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? ` (${cause.code})` : "";
}
