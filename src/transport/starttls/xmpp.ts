/**
 * XMPP (RFC 6120 §5.4): each side opens a stream, the server names its features, then starttls and proceed. `to` is the
 * domain that the client wants, which behind an SRV record is not the name of the host (RFC 6120 §4.7.2): a server of
 * many domains turns away whoever asks for another one.
 *
 * What is expected is two stanzas, so there is no XML library: a reader of tags with bounds, which takes the
 * XML that RFC 6120 §11.1 allows (no comment, no processing instruction, no document type) and refuses the rest.
 */
import { OperationalError } from "../../base/errors.ts";
import { malformed, quoteLine } from "./conversation.ts";
import type { Conversation } from "./conversation.ts";
import { notOffered } from "./dialogue.ts";
import type { Dialogue } from "./dialogue.ts";

const STREAMS = "http://etherx.jabber.org/streams";
const TLS = "urn:ietf:params:xml:ns:xmpp-tls";

/** Most tags accepted before TLS, and how deep they may stand in each other. */
const MAX_TAGS = 256;
const MAX_DEPTH = 8;

/** The dialogue of a client of `domain`, a name without a final dot. */
export function xmppClient(domain: string): Dialogue {
  return xmppDialogue("xmpp-client", "jabber:client", domain);
}

/** The dialogue of a server that wants to talk to `domain`, a name without a final dot. */
export function xmppServer(domain: string): Dialogue {
  return xmppDialogue("xmpp-server", "jabber:server", domain);
}

function xmppDialogue(protocol: string, content: string, domain: string): Dialogue {
  const speak = async (talk: Conversation): Promise<void> => {
    const attributes = `to='${escapeAttribute(domain)}' version='1.0' xmlns='${content}' xmlns:stream='${STREAMS}'`;
    talk.send(`<?xml version='1.0'?><stream:stream ${attributes}>`);
    const next = readElements(talk);
    const stream = await next();
    if (stream.kind !== "open" || !isElement(stream, STREAMS, "stream")) throw unexpected(talk, stream);
    // RFC 6120 §4.7.5: without a version the server knows no features, and so no STARTTLS.
    if (!/^[1-9]\d*\.\d+$/.test(stream.version ?? "")) throw notOffered(talk, "the server speaks XMPP before 1.0");
    if (!(await readFeatures(talk, next))) throw notOffered(talk);
    // White space may follow here. Anything else that came too soon is read as the answer, and no TLS comes after it.
    talk.send(`<starttls xmlns='${TLS}'/>`);
    await readProceed(talk, next);
  };
  // Inside TLS a new stream would have to be opened before it could be closed.
  return { protocol, speak, goodbye: "" };
}

/** Whether STARTTLS is among the features. */
async function readFeatures(talk: Conversation, next: () => Promise<Tag>): Promise<boolean> {
  const features = await next();
  if (isElement(features, STREAMS, "error")) throw await streamError(talk, next);
  if (features.kind !== "open" || !isElement(features, STREAMS, "features")) throw unexpected(talk, features);
  let offered = false;
  for (;;) {
    const tag = await next();
    if (tag.kind === "close" && tag.depth === features.depth) return offered;
    if (tag.kind === "open" && tag.depth === features.depth + 1 && isElement(tag, TLS, "starttls")) offered = true;
  }
}

async function readProceed(talk: Conversation, next: () => Promise<Tag>): Promise<void> {
  const reply = await next();
  if (isElement(reply, STREAMS, "error")) throw await streamError(talk, next);
  if (reply.kind === "open" && isElement(reply, TLS, "failure")) {
    throw new OperationalError("STARTTLS_REFUSED", `${talk.where}: starttls was answered with failure`);
  }
  if (reply.kind !== "open" || !isElement(reply, TLS, "proceed")) throw unexpected(talk, reply);
  const end = await next();
  if (end.kind !== "close" || end.depth !== reply.depth) throw unexpected(talk, end);
}

async function streamError(talk: Conversation, next: () => Promise<Tag>): Promise<OperationalError> {
  const condition = await next();
  const hint =
    "a server knows the domains it serves, not always its own name: write HOST:PORT/xmpp-client/DOMAIN or srv:_xmpp-client._tcp.DOMAIN";
  return new OperationalError(
    "SERVICE_REFUSED",
    `${talk.where}: the server closed the stream: ${quoteLine(condition.local)}`,
    condition.local === "host-unknown" ? { hint } : {},
  );
}

/** A tag with its namespace. An empty element is an open and a close. */
interface Tag {
  readonly kind: "open" | "close";
  readonly namespace: string;
  readonly local: string;
  /** 0 for the stream itself. */
  readonly depth: number;
  readonly version: string | null;
}

interface Open {
  readonly name: string;
  readonly tag: Tag;
  readonly prefixes: ReadonlyMap<string, string>;
}

function isElement(tag: Tag, namespace: string, local: string): boolean {
  return tag.namespace === namespace && tag.local === local;
}

function unexpected(talk: Conversation, { kind, local }: Tag): OperationalError {
  return malformed(talk.where, `the server sent <${kind === "close" ? "/" : ""}${quoteLine(local)}> out of place`);
}

const NAME = /[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?/y;
const ATTRIBUTE = /\s+([A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;

/** Gives one tag after another; text is skipped inside of features, and refused elsewhere unless it is white space. */
function readElements(talk: Conversation): () => Promise<Tag> {
  const open: Open[] = [];
  const pending: Tag[] = [];
  let count = 0;
  const close = (): Tag => {
    const top = open.pop();
    if (top === undefined) throw malformed(talk.where, "the server closed more tags than it had opened");
    return { ...top.tag, kind: "close" };
  };
  return async () => {
    const waiting = pending.shift();
    if (waiting !== undefined) return waiting;
    for (;;) {
      const token = await talk.take("a tag", measureToken);
      const bad = (): OperationalError => malformed(talk.where, `the server sent "${quoteLine(token)}"`);
      if (!token.startsWith("<")) {
        if (open.length < 2 && token.trim() !== "") throw bad();
        continue;
      }
      count += 1;
      if (count > MAX_TAGS) throw malformed(talk.where, `the server sent more than ${String(MAX_TAGS)} tags`);
      if (count === 1 && /^<\?xml\s[^<>]*\?>$/.test(token)) continue;
      if (token.startsWith("</")) {
        const name = /^<\/([^\s>]+)\s*>$/.exec(token)?.[1];
        if (name === undefined || name !== open.at(-1)?.name) throw bad();
        return close();
      }
      const opened = parseOpen(token, open);
      if (opened === null) throw bad();
      open.push(opened);
      if (open.length > MAX_DEPTH) throw malformed(talk.where, `the server nests more than ${String(MAX_DEPTH)} tags`);
      if (token.endsWith("/>")) pending.push(close());
      return opened.tag;
    }
  };
}

/** A tag up to its `>`, which may stand inside an attribute; or the text before the next tag. */
function measureToken(buffered: string): number | null {
  if (buffered === "") return null;
  if (!buffered.startsWith("<")) {
    const next = buffered.indexOf("<");
    return next < 0 ? null : next;
  }
  const tag = /^<(?:[^"'>]|"[^"]*"|'[^']*')*>/.exec(buffered);
  return tag === null ? null : tag[0].length;
}

function parseOpen(token: string, open: readonly Open[]): Open | null {
  const name = matchAt(NAME, token, 1)?.[0];
  if (name === undefined) return null;
  const prefixes = new Map(open.at(-1)?.prefixes ?? []);
  let version: string | null = null;
  let at = 1 + name.length;
  for (let found = matchAt(ATTRIBUTE, token, at); found !== null; found = matchAt(ATTRIBUTE, token, at)) {
    const [text, attribute = "", double, single] = found;
    const value = double ?? single ?? "";
    if (attribute === "xmlns") prefixes.set("", value);
    else if (attribute.startsWith("xmlns:")) prefixes.set(attribute.slice(6), value);
    else if (attribute === "version") version = value;
    at += text.length;
  }
  if (!/^\s*\/?>$/.test(token.slice(at))) return null;
  const [prefix, local] = name.includes(":") ? name.split(":") : ["", name];
  const namespace = prefixes.get(prefix ?? "");
  if (local === undefined || (namespace === undefined && prefix !== "")) return null;
  return {
    name,
    tag: { kind: "open", namespace: namespace ?? "", local, depth: open.length, version },
    prefixes,
  };
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  const sticky = new RegExp(pattern);
  sticky.lastIndex = at;
  return sticky.exec(text);
}

function escapeAttribute(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => `&#${String(character.charCodeAt(0))};`);
}
