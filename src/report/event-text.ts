/** One event of the journal in plain words, for a person who watches a tick. */
import { displayName, parseName } from "../dns/name.ts";
import type { TimelineEvent } from "./timeline-text.ts";
import { onOneLine, shortenDigests } from "./words.ts";

/** `mx: published 3 1 1 9a590dfa1b2c… at _25._tcp.mx.example.org`, ending with a newline. */
export function renderEvent({ certificate, event, detail }: TimelineEvent): string {
  const who = certificate === null ? "" : `${certificate}: `;
  const { result, code, detail: sentence } = detail;
  const failed = result === "failed" ? ` failed: ${textOf(sentence)} [${textOf(code)}]` : null;
  return `${onOneLine(shortenDigests(`${who}${failed === null ? doneWords(event, detail) : doing(event, detail) + failed}`))}\n`;
}

type Detail = TimelineEvent["detail"];

function doneWords(event: string, detail: Detail): string {
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
      return "removed old versions from the deployment store";
    default: {
      const sentence = textOf(detail["detail"]);
      return sentence === "" ? event.replaceAll("-", " ") : `${event.replaceAll("-", " ")}: ${sentence}`;
    }
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

/** What the publisher had to say about a change that went well. */
function notes({ notes: said }: Detail): string {
  return Array.isArray(said) && said.length > 0 ? `; note: ${said.map(String).join("; ")}` : "";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
