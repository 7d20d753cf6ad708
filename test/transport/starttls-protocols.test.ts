/** Each STARTTLS protocol against a server that does it right, and against servers that do not. */
import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import type { Dialogue } from "../../src/transport/starttls/dialogue.ts";
import { FTP } from "../../src/transport/starttls/ftp.ts";
import { LDAP } from "../../src/transport/starttls/ldap.ts";
import { MYSQL } from "../../src/transport/starttls/mysql.ts";
import { NNTP } from "../../src/transport/starttls/nntp.ts";
import { POSTGRES } from "../../src/transport/starttls/postgres.ts";
import { SIEVE } from "../../src/transport/starttls/sieve.ts";
import { xmppClient, xmppServer } from "../../src/transport/starttls/xmpp.ts";
import { openTls } from "../../src/transport/tls.ts";
import { fakeConversation } from "../fakes/conversation.ts";
import { startScriptedServer } from "../fakes/scripted-server.ts";
import type { Answer, Script, ScriptedServer } from "../fakes/scripted-server.ts";

let issued: IssuedCertificate;
const running: ScriptedServer[] = [];

beforeAll(async () => {
  issued = await issueCertificate({
    subject: "CN=host.example.org",
    dnsNames: ["host.example.org"],
    notBefore: instant(Date.UTC(2020, 0, 1)),
    notAfter: instant(Date.UTC(2040, 0, 1)),
  });
});

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

/** What a server says in turn: first unasked, then for each message of the client. */
interface Turns {
  readonly greeting: string | null;
  readonly answers: readonly string[];
}

interface Wrong extends Partial<Turns> {
  readonly name: string;
  readonly code: string;
  readonly says?: RegExp;
}

interface Protocol extends Turns {
  readonly dialogue: Dialogue;
  readonly frame?: (buffered: string) => number | null;
  /** What the client says, in the clear. */
  readonly sends: readonly string[];
  /** Inside TLS. */
  readonly goodbye: string;
  readonly wrong: readonly Wrong[];
}

function bytes(...octets: readonly number[]): string {
  return String.fromCharCode(...octets);
}

/** BER with a short length. */
function ber(tag: number, content: string): string {
  return bytes(tag, content.length) + content;
}

function ldapResponse(code: number, { id = 1, optional = "", words = "" } = {}): string {
  const operation = ber(0x0a, bytes(code)) + ber(0x04, "") + ber(0x04, words) + optional;
  return ber(0x30, ber(0x02, bytes(id)) + ber(0x78, operation));
}

const START_TLS = "1.3.6.1.4.1.1466.20037";

function mysqlGreeting(capabilities: number, version = 10): string {
  const payload =
    bytes(version) + "10.11.19-MariaDB\0" + "\0".repeat(13) + bytes(capabilities & 0xff, capabilities >> 8) + "\x2d";
  return bytes(payload.length & 0xff, payload.length >> 8, 0, 0) + payload;
}

const SSL_REQUEST = bytes(0, 0, 0, 8, 4, 210, 22, 47);
const STREAMS = "xmlns:stream='http://etherx.jabber.org/streams'";
const XMPP_TLS = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
const opening = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' ${STREAMS} id="a>b" from='example.org' version='1.0'>`;
const features = `<stream:features><starttls ${XMPP_TLS}><required/></starttls><m xmlns='x'>text</m></stream:features>`;

function xmpp(dialogue: Dialogue, content: string): Protocol {
  const header = `<?xml version='1.0'?><stream:stream to='im.example.org' version='1.0' xmlns='${content}' ${STREAMS}>`;
  return {
    dialogue,
    frame: (buffered) => (buffered.endsWith(">") ? buffered.length : null),
    greeting: null,
    answers: [opening + features, `<proceed ${XMPP_TLS}/>`],
    sends: [header, `<starttls ${XMPP_TLS}/>`],
    goodbye: "",
    wrong: [
      {
        name: "features without starttls",
        answers: [`${opening}<stream:features/>`],
        code: "STARTTLS_NOT_OFFERED",
      },
      {
        name: "starttls of another namespace",
        answers: [`${opening}<stream:features><starttls xmlns='urn:other'/></stream:features>`],
        code: "STARTTLS_NOT_OFFERED",
      },
      {
        name: "starttls inside of another feature",
        answers: [`${opening}<stream:features><x xmlns='y'><starttls ${XMPP_TLS}/></x></stream:features>`],
        code: "STARTTLS_NOT_OFFERED",
      },
      {
        name: "a stream without a version",
        answers: [`<stream:stream xmlns='jabber:client' ${STREAMS}>`],
        code: "STARTTLS_NOT_OFFERED",
        says: /before 1\.0/,
      },
      {
        name: "failure",
        answers: [opening + features, `<failure ${XMPP_TLS}/></stream:stream>`],
        code: "STARTTLS_REFUSED",
      },
      {
        name: "an unknown domain",
        answers: [
          `${opening}<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
        ],
        code: "SERVICE_REFUSED",
        says: /host-unknown/,
      },
      { name: "garbage", answers: ["HTTP/1.1 400 Bad Request\r\n\r\n<html>"], code: "STARTTLS_MALFORMED" },
      { name: "another root", answers: ["<html>"], code: "STARTTLS_MALFORMED", says: /<html>/ },
      { name: "a prefix out of nowhere", answers: ["<stream:stream version='1.0'>"], code: "STARTTLS_MALFORMED" },
      { name: "a comment", answers: [`${opening}<!-- x -->${features}`], code: "STARTTLS_MALFORMED" },
      { name: "a document type", answers: [`<!DOCTYPE x>${opening}`], code: "STARTTLS_MALFORMED" },
      { name: "text between the stanzas", answers: [`${opening}text${features}`], code: "STARTTLS_MALFORMED" },
      { name: "a tag that closes another", answers: [`${opening}<a></b>`], code: "STARTTLS_MALFORMED" },
      { name: "tags without end", answers: [opening + "<a>".repeat(300)], code: "STARTTLS_MALFORMED" },
      {
        name: "many tags",
        answers: [`${opening}<stream:features>${"<a/>".repeat(300)}`],
        code: "STARTTLS_MALFORMED",
        says: /256 tags/,
      },
      {
        name: "an overlong tag",
        answers: [`<stream:stream id='${"x".repeat(5000)}'>`],
        code: "STARTTLS_MALFORMED",
        says: /4096/,
      },
      {
        name: "injected stanzas",
        answers: [opening + features, `<proceed ${XMPP_TLS}/><stream:features/>`],
        code: "STARTTLS_INJECTION",
      },
    ],
  };
}

const protocols: readonly Protocol[] = [
  {
    dialogue: SIEVE,
    greeting: '"IMPLEMENTATION" "x"\r\n"SIEVE" {9}\r\nfile\r\nbar\r\n"STARTTLS"\r\nOK "ready"\r\n',
    answers: ['OK "Begin TLS negotiation now."\r\n'],
    sends: ["STARTTLS"],
    goodbye: "LOGOUT\r\n",
    wrong: [
      { name: "no capability", greeting: '"SASL" "STARTTLS"\r\nOK\r\n', code: "STARTTLS_NOT_OFFERED" },
      {
        name: "the capability inside of a literal",
        greeting: '"X" {10}\r\n"STARTTLS"\r\nOK\r\n',
        code: "STARTTLS_NOT_OFFERED",
      },
      { name: "NO", answers: ['NO "later"\r\n'], code: "STARTTLS_REFUSED", says: /NO "later"/ },
      { name: "BYE as a greeting", greeting: 'BYE "too many"\r\n', code: "SERVICE_REFUSED" },
      { name: "garbage", greeting: "220 mx\r\n", code: "STARTTLS_MALFORMED" },
      { name: "an overlong literal", greeting: '"X" {99999}\r\n', code: "STARTTLS_MALFORMED", says: /4096/ },
      { name: "injected capabilities", answers: ['OK\r\n"SIEVE" "x"\r\nOK\r\n'], code: "STARTTLS_INJECTION" },
    ],
  },
  {
    dialogue: NNTP,
    greeting: "201 news.example.org\r\n",
    answers: ["101 capabilities\r\nVERSION 2\r\nSTARTTLS\r\nREADER\r\n.\r\n", "382 go ahead\r\n"],
    sends: ["CAPABILITIES", "STARTTLS"],
    goodbye: "QUIT\r\n",
    wrong: [
      { name: "no capability", answers: ["101 x\r\nREADER STARTTLS\r\n.\r\n"], code: "STARTTLS_NOT_OFFERED" },
      { name: "no CAPABILITIES", answers: ["500 what?\r\n"], code: "STARTTLS_NOT_OFFERED" },
      { name: "580", answers: ["101 x\r\nSTARTTLS\r\n.\r\n", "580 no\r\n"], code: "STARTTLS_REFUSED" },
      { name: "400 as a greeting", greeting: "400 later\r\n", code: "SERVICE_REFUSED" },
      { name: "garbage", greeting: "+OK\r\n", code: "STARTTLS_MALFORMED" },
      { name: "an overlong line", greeting: `200 ${"x".repeat(5000)}\r\n`, code: "STARTTLS_MALFORMED", says: /4096/ },
      { name: "a list without end", answers: ["101 x\r\n" + "A\r\n".repeat(200)], code: "STARTTLS_MALFORMED" },
      {
        name: "an injected line",
        answers: ["101 x\r\nSTARTTLS\r\n.\r\n", "382 go\r\n200 hi\r\n"],
        code: "STARTTLS_INJECTION",
      },
    ],
  },
  {
    dialogue: FTP,
    greeting: "220-Welcome\r\n 220 free text\r\n220 ready\r\n",
    answers: ["211-Features:\r\n AUTH SSL;TLS\r\n SIZE\r\n211 End\r\n", "234 go\r\n"],
    sends: ["FEAT", "AUTH TLS"],
    goodbye: "QUIT\r\n",
    wrong: [
      { name: "FEAT without AUTH TLS", answers: ["211-x\r\n AUTH SSL\r\n211 End\r\n"], code: "STARTTLS_NOT_OFFERED" },
      { name: "neither FEAT nor AUTH", answers: ["500 what?\r\n", "502 no\r\n"], code: "STARTTLS_NOT_OFFERED" },
      { name: "431", answers: ["500 what?\r\n", "431 later\r\n"], code: "STARTTLS_REFUSED", says: /431 later/ },
      { name: "421 as a greeting", greeting: "421 too many\r\n", code: "SERVICE_REFUSED" },
      { name: "garbage", greeting: "SSH-2.0-x\r\n", code: "STARTTLS_MALFORMED" },
      { name: "an overlong line", greeting: `220 ${"x".repeat(5000)}`, code: "STARTTLS_MALFORMED", says: /4096/ },
      { name: "an injected line", answers: ["500 what?\r\n", "234 go\r\n331 hi\r\n"], code: "STARTTLS_INJECTION" },
    ],
  },
  {
    dialogue: LDAP,
    frame: (buffered) => (buffered.length < 2 ? null : 2 + buffered.charCodeAt(1)),
    greeting: null,
    answers: [ldapResponse(0, { optional: ber(0x8a, START_TLS) })],
    sends: [ber(0x30, ber(0x02, bytes(1)) + ber(0x77, ber(0x80, START_TLS)))],
    goodbye: bytes(0x30, 5, 2, 1, 2, 0x42, 0),
    wrong: [
      { name: "protocolError", answers: [ldapResponse(2, { words: "?" })], code: "STARTTLS_NOT_OFFERED", says: /"\?"/ },
      { name: "unavailable", answers: [ldapResponse(52)], code: "STARTTLS_REFUSED", says: /result 52/ },
      { name: "a notice of disconnection", answers: [ldapResponse(52, { id: 0 })], code: "SERVICE_REFUSED" },
      { name: "the answer to something else", answers: [ldapResponse(0, { id: 7 })], code: "STARTTLS_MALFORMED" },
      {
        name: "another response name",
        answers: [ldapResponse(0, { optional: ber(0x8a, "1.2.3") })],
        code: "STARTTLS_MALFORMED",
      },
      {
        name: "fields out of order",
        answers: [ldapResponse(0, { optional: ber(0x8b, "") + ber(0x8a, START_TLS) })],
        code: "STARTTLS_MALFORMED",
      },
      { name: "garbage", answers: ["220 mx\r\n"], code: "STARTTLS_MALFORMED", says: /LDAP/ },
      { name: "an indefinite length", answers: [bytes(0x30, 0x80, 0, 0)], code: "STARTTLS_MALFORMED" },
      {
        name: "an overlong message",
        answers: [bytes(0x30, 0x82, 0xff, 0xff)],
        code: "STARTTLS_MALFORMED",
        says: /4096/,
      },
      { name: "a bind response", answers: [ber(0x30, ber(2, bytes(1)) + ber(0x61, ""))], code: "STARTTLS_MALFORMED" },
      { name: "an injected message", answers: [ldapResponse(0) + ldapResponse(0)], code: "STARTTLS_INJECTION" },
    ],
  },
  {
    dialogue: POSTGRES,
    frame: () => 8,
    greeting: null,
    answers: ["S"],
    sends: [SSL_REQUEST],
    goodbye: "",
    wrong: [
      { name: "N", answers: ["N"], code: "STARTTLS_NOT_OFFERED" },
      {
        name: "an error",
        answers: [`E${bytes(0, 0, 0, 4 + 15)}SFATAL\0Mfull\0\0\0\0`],
        code: "SERVICE_REFUSED",
        says: /"full"/,
      },
      { name: "garbage", answers: ["x"], code: "STARTTLS_MALFORMED" },
      { name: "an overlong error", answers: ["Esomething else"], code: "STARTTLS_MALFORMED", says: /4096/ },
      { name: "an octet behind the S", answers: ["SR"], code: "STARTTLS_INJECTION" },
    ],
  },
  {
    dialogue: MYSQL,
    frame: () => 36,
    greeting: mysqlGreeting(0xf7ff | 0x800),
    answers: [""],
    sends: [bytes(32, 0, 0, 1, 0, 0x8a, 0, 0, 0, 0, 0, 1, 45) + "\0".repeat(23)],
    goodbye: "",
    wrong: [
      { name: "no capability", greeting: mysqlGreeting(0xf7ff), code: "STARTTLS_NOT_OFFERED" },
      {
        name: "a blocked host",
        greeting: `${bytes(3 + 7, 0, 0, 0, 0xff, 0x69, 4)}blocked`,
        code: "SERVICE_REFUSED",
        says: /"blocked"/,
      },
      { name: "another version", greeting: mysqlGreeting(0xffff, 9), code: "STARTTLS_MALFORMED" },
      { name: "garbage", greeting: "220 mx.example.org ESMTP\r\n", code: "STARTTLS_MALFORMED" },
      { name: "a short packet", greeting: bytes(2, 0, 0, 0, 10, 0), code: "STARTTLS_MALFORMED", says: /MySQL/ },
      {
        name: "a second packet",
        greeting: `${mysqlGreeting(0xffff)}${bytes(1, 0, 0, 1, 0)}`,
        code: "STARTTLS_INJECTION",
      },
    ],
  },
  xmpp(xmppClient("im.example.org"), "jabber:client"),
  xmpp(xmppServer("im.example.org"), "jabber:server"),
];

/** Whatever the client says must be what is expected of it, or the script has no answer. */
function scriptOf(protocol: Protocol, wrong: Partial<Turns> = {}, then: Answer["then"] = "tls"): Script {
  const { frame, sends } = protocol;
  const answers = wrong.answers ?? protocol.answers;
  return {
    greeting: wrong.greeting ?? protocol.greeting,
    certificates: issued,
    ...(frame === undefined ? {} : { frame }),
    answers: sends.map((message, index) => {
      const isLast = index === Math.min(answers.length, sends.length) - 1;
      const exactly = new RegExp(`^${message.replace(/[^A-Za-z0-9]/g, (other) => hex(other))}$`);
      return [exactly, { send: answers[index] ?? "", ...(isLast ? { then } : {}) }] as const;
    }),
  };
}

function hex(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

async function attempt({ dialogue }: Protocol, script: Script, timeoutMs = 5000): Promise<ScriptedServer> {
  const server = await startScriptedServer(script);
  running.push(server);
  const session = await openTls({ ...server, dialogue, serverName: "host.example.org", timeoutMs });
  expect(session.certificates).toEqual([issued.der]);
  session.close();
  return server;
}

async function refusal(protocol: Protocol, script: Script, timeoutMs?: number): Promise<OperationalError> {
  const outcome: unknown = await attempt(protocol, script, timeoutMs).catch((error: unknown) => error);
  if (!(outcome instanceof OperationalError)) throw new Error(`not refused: ${String(outcome)}`);
  return outcome;
}

describe.each(protocols.map((protocol) => [protocol.dialogue.protocol, protocol] as const))("%s", (_, protocol) => {
  const { dialogue, greeting, answers, sends, goodbye } = protocol;

  test("comes to TLS, and says goodbye inside", async () => {
    const server = await attempt(protocol, scriptOf(protocol));
    expect(server.received).toEqual(sends);
    expect(server.serverNames).toEqual(["host.example.org"]);
    await expect.poll(() => server.receivedInTls.join("")).toBe(goodbye);
  });

  test.each(protocol.wrong)("$name: $code", async ({ code, says, ...wrong }) => {
    const error = await refusal(protocol, scriptOf(protocol, wrong));
    expect({ code: error.code, message: error.message }).toEqual({
      code,
      message: expect.stringMatching(says ?? /^127\.0\.0\.1:\d+: /) as string,
    });
  });

  test("a server that hangs up", async () => {
    const script = scriptOf(protocol, { answers: sends.map(() => "") }, "close");
    const error = await refusal(protocol, {
      ...script,
      answers: script.answers.map(([pattern]) => [pattern, { send: "", then: "close" }]),
    });
    // MySQL has no reply that could be missing.
    expect(error.code).toBe(dialogue === MYSQL ? "TLS_FAILED" : "SERVICE_REFUSED");
  });

  test("a server that says nothing", async () => {
    const script = { ...scriptOf(protocol), greeting: null };
    const answers = script.answers.map(([pattern]) => [pattern, { send: "", then: "silence" }] as const);
    const error = await refusal(protocol, { ...script, answers }, 100);
    expect(error.code).toBe("CONNECT_TIMEOUT");
  });

  test("octets that trickle in without end", async () => {
    const start = greeting === null ? (answers[0] ?? "") : greeting;
    const first = start.slice(0, Math.floor(start.length / 2));
    const script = scriptOf(protocol, { greeting: greeting === null ? null : first, answers: [first] }, "trickle");
    const slow = greeting === null ? script : { ...script, greetingThen: "trickle" as const };
    const error = await refusal(protocol, slow, 150);
    expect(["TLS_TIMEOUT", "CONNECT_TIMEOUT", "STARTTLS_MALFORMED"]).toContain(error.code);
  });

  const said = (greeting ?? "") + answers.join("");

  test("cut off at each octet, it is never taken for complete", async () => {
    for (let length = 0; length < said.length; length += 1) {
      const spoken = dialogue.speak(fakeConversation(said.slice(0, length)).talk);
      await expect(spoken, `${String(length)} octets`).rejects.toBeInstanceOf(OperationalError);
    }
  });

  test("whatever octets come, it ends with a code of ours or not at all", async () => {
    const damaged = fc
      .tuple(fc.nat(said.length), fc.nat(said.length), fc.string({ unit: "binary" }))
      .map(([from, to, other]) => said.slice(0, Math.min(from, to)) + other + said.slice(Math.max(from, to)));
    await fc.assert(
      fc.asyncProperty(damaged, async (text) => {
        const outcome: unknown = await dialogue.speak(fakeConversation(text).talk).catch((error: unknown) => error);
        expect(outcome === undefined || outcome instanceof OperationalError).toBe(true);
      }),
    );
  });
});
