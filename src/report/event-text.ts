/** One event of the journal in plain words: for a person who watches a tick, for logs and for notices. */
import { displayName, parseName } from "../dns/name.ts";
import type { TimelineEvent } from "./timeline-text.ts";
import { onOneLine, plainTimes, shortenDigests } from "./words.ts";

/** `mx: published 3 1 1 9a590dfa1b2c… at _25._tcp.mx.example.org`, ending with a newline. */
export function renderEvent(event: TimelineEvent): string {
  const who = event.certificate === null ? "" : `${event.certificate}: `;
  return `${onOneLine(plainTimes(shortenDigests(`${who}${wordsOf(event)}`)))}\n`;
}

/** Whether an event tells of something that did not go well. */
export function isFailure({ event, detail }: Pick<TimelineEvent, "event" | "detail">): boolean {
  return detail["result"] === "failed" || event === "mismatch";
}

type Detail = TimelineEvent["detail"];

function wordsOf({ event, detail }: TimelineEvent): string {
  const { result, code, detail: sentence } = detail;
  const codes = typeof code === "string" ? ` [${code}]` : "";
  if (result === "failed") return `${doing(event, detail)} failed: ${textOf(sentence)}${codes}`;
  const name = event.replaceAll("-", " ");
  const said = textOf(sentence) === "" ? name : `${name}: ${textOf(sentence)}`;
  return doneWords(event, detail) ?? `${said}${codes}`;
}

/** What was done, where the name of the event alone does not say it; null: it does. */
export function doneWords(event: string, detail: Detail): string | null {
  switch (event) {
    case "store":
      return "copied the certificate and its key into the deployment store";
    case "deploy":
      return "swapped the files and reloaded the services";
    case "publish":
      return `published ${records(detail)}${notes(detail)}`;
    case "withdraw":
      return `withdrew ${records(detail)}${notes(detail)}`;
    case "prune":
      return `removed old versions from the deployment store${versions(detail)}`;
    default:
      return null;
  }
}

function doing(event: string, detail: Detail): string {
  switch (event) {
    case "store":
      return "copying the certificate";
    case "deploy":
      return "swapping the files";
    case "publish":
      return `publishing ${records(detail)}`;
    case "withdraw":
      return `withdrawing ${records(detail)}`;
    case "prune":
      return "removing old versions";
    default:
      return event.replaceAll("-", " ");
  }
}

function records({ records, owner }: Detail): string {
  const texts = Array.isArray(records) ? records.map(String).join(", ") : "";
  const name = parseName(textOf(owner));
  return `${texts} at ${name.ok ? displayName(name.value) : textOf(owner)}`;
}

function versions({ versions: names }: Detail): string {
  return Array.isArray(names) && names.length > 0 ? `: ${names.map(String).join(", ")}` : "";
}

/** What the publisher had to say about a change that went well. */
function notes({ notes: said }: Detail): string {
  return Array.isArray(said) && said.length > 0 ? `; note: ${said.map(String).join("; ")}` : "";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
