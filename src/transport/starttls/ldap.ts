/**
 * LDAP (RFC 4511 §4.14): one extended request, one response, both BER. Nothing announces that TLS can be started; a
 * server that cannot says protocolError (RFC 4511 §4.14.2). Lengths may have leading zeros (RFC 4511 §5.1 asks for the
 * definite form only), and Active Directory makes use of that.
 */
import { OperationalError } from "../../base/errors.ts";
import { malformed, octetsOf, quoteLine } from "./conversation.ts";
import type { Conversation } from "./conversation.ts";
import { notOffered } from "./dialogue.ts";
import type { Dialogue } from "./dialogue.ts";

const START_TLS = "1.3.6.1.4.1.1466.20037";

/** LDAPMessage 1 with ExtendedRequest [APPLICATION 23] and requestName [0]. */
const REQUEST = octetsOf(`\x30\x1d\x02\x01\x01\x77\x18\x80\x16${START_TLS}`);

const TAG = {
  integer: 0x02,
  octetString: 0x04,
  enumerated: 0x0a,
  sequence: 0x30,
  extendedResponse: 0x78,
  responseName: 0x8a,
  responseValue: 0x8b,
  controls: 0xa0,
  referral: 0xa3,
} as const;

/** Result codes of RFC 4511 §4.1.9. */
const RESULT = { success: 0, protocolError: 2 } as const;

interface Response {
  readonly messageId: number;
  readonly code: number;
  readonly diagnostic: string;
  readonly name: string | null;
}

async function speak(talk: Conversation): Promise<void> {
  talk.send(REQUEST);
  const message = await talk.take("a message", (buffered) => measureMessage(buffered, talk));
  const response = parseResponse(message);
  if (response === null) throw malformed(talk.where, "the reply to StartTLS is not an extended response");
  const { messageId, code, name } = response;
  const said = `result ${String(code)}${response.diagnostic === "" ? "" : ` "${quoteLine(response.diagnostic)}"`}`;
  // Message 0 is the server's own: the notice of disconnection (RFC 4511 §4.4.1).
  if (messageId === 0) {
    throw new OperationalError("SERVICE_REFUSED", `${talk.where}: the server disconnects with ${said}`);
  }
  if (messageId !== 1) throw malformed(talk.where, `StartTLS was answered by message ${String(messageId)}`);
  if (code === RESULT.protocolError) {
    throw notOffered(talk, `the server does not offer STARTTLS: StartTLS was answered with ${said}`);
  }
  if (code !== RESULT.success) {
    throw new OperationalError("STARTTLS_REFUSED", `${talk.where}: StartTLS was answered with ${said}`);
  }
  if (name !== null && name !== START_TLS) {
    throw malformed(talk.where, `StartTLS was answered with the response "${quoteLine(name)}"`);
  }
}

export const LDAP: Dialogue = {
  protocol: "ldap",
  speak,
  // UnbindRequest (RFC 4511 §4.3).
  goodbye: "\x30\x05\x02\x01\x02\x42\x00",
};

/** Octets of the message that starts `buffered`; null when its header is not complete. */
function measureMessage(buffered: string, talk: Conversation): number | null {
  if (buffered === "") return null;
  if (buffered.charCodeAt(0) !== TAG.sequence) throw malformed(talk.where, "the server does not answer in LDAP");
  if (buffered.length < 2) return null;
  const first = buffered.charCodeAt(1);
  if (first < 0x80) return 2 + first;
  const count = first - 0x80;
  if (count < 1 || count > 4)
    throw malformed(talk.where, "the reply to StartTLS has a length that LDAP does not allow");
  if (buffered.length < 2 + count) return null;
  return 2 + count + number(buffered.slice(2, 2 + count));
}

function number(octets: string): number {
  return octetsOf(octets).reduce((value, octet) => value * 256 + octet, 0);
}

interface Element {
  readonly tag: number;
  readonly content: string;
}

/** The elements that fill `text` exactly; null when they do not. */
function elementsOf(text: string): readonly Element[] | null {
  const elements: Element[] = [];
  for (let at = 0; at < text.length;) {
    if (at + 2 > text.length) return null;
    const tag = text.charCodeAt(at);
    const first = text.charCodeAt(at + 1);
    const count = first < 0x80 ? 0 : first - 0x80;
    if (first === 0x80 || count > 4 || at + 2 + count > text.length) return null;
    const start = at + 2 + count;
    const end = start + (first < 0x80 ? first : number(text.slice(at + 2, start)));
    if (end > text.length) return null;
    elements.push({ tag, content: text.slice(start, end) });
    at = end;
  }
  return elements;
}

function parseResponse(text: string): Response | null {
  const [message, ...behind] = elementsOf(text) ?? [];
  if (message === undefined || behind.length > 0) return null;
  const [id, operation, controls, ...rest] = elementsOf(message.content) ?? [];
  if (id?.tag !== TAG.integer || id.content.length < 1 || id.content.length > 4) return null;
  if (operation?.tag !== TAG.extendedResponse || rest.length > 0) return null;
  if (controls !== undefined && controls.tag !== TAG.controls) return null;
  const [code, matched, diagnostic, ...optional] = elementsOf(operation.content) ?? [];
  if (code?.tag !== TAG.enumerated || code.content.length !== 1) return null;
  if (matched?.tag !== TAG.octetString || diagnostic?.tag !== TAG.octetString) return null;
  if (!isInOrder(optional, [TAG.referral, TAG.responseName, TAG.responseValue])) return null;
  return {
    messageId: number(id.content),
    code: number(code.content),
    diagnostic: diagnostic.content,
    name: optional.find(({ tag }) => tag === TAG.responseName)?.content ?? null,
  };
}

/** Whether the elements are some of these, each at most once, in this order. */
function isInOrder(elements: readonly Element[], order: readonly number[]): boolean {
  const places = elements.map(({ tag }) => order.indexOf(tag));
  return places.every((place, index) => place >= 0 && (index === 0 || place > (places[index - 1] ?? -1)));
}
