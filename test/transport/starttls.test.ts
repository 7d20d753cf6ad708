import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../src/pki/peculiar.ts";
import { MAX_TOTAL_OCTETS, MAX_UNIT_OCTETS } from "../../src/transport/starttls/conversation.ts";
import type { Dialogue } from "../../src/transport/starttls/dialogue.ts";
import { IMAP } from "../../src/transport/starttls/imap.ts";
import { MAX_REPLY_LINES } from "../../src/transport/starttls/lines.ts";
import { POP3 } from "../../src/transport/starttls/pop3.ts";
import { LMTP, SMTP } from "../../src/transport/starttls/smtp.ts";
import { openTls } from "../../src/transport/tls.ts";
import { smtpScript, startScriptedServer } from "../fakes/scripted-server.ts";
import type { Answer, Script, ScriptedServer } from "../fakes/scripted-server.ts";

let issued: IssuedCertificate;
const running: ScriptedServer[] = [];

beforeAll(async () => {
  issued = await issueCertificate({
    subject: "CN=mx.example.org",
    dnsNames: ["mx.example.org"],
    notBefore: instant(Date.UTC(2020, 0, 1)),
    notAfter: instant(Date.UTC(2040, 0, 1)),
  });
});

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function start(script: Script): Promise<ScriptedServer> {
  const server = await startScriptedServer(script);
  running.push(server);
  return server;
}

async function attempt(script: Script, dialogue: Dialogue, timeoutMs = 5000): Promise<ScriptedServer> {
  const server = await start(script);
  const session = await openTls({ ...server, dialogue, serverName: "mx.example.org", timeoutMs });
  expect(session.certificates).toEqual([issued.der]);
  session.close();
  return server;
}

async function refusal(script: Script, dialogue: Dialogue, timeoutMs = 5000): Promise<OperationalError> {
  const outcome: unknown = await attempt(script, dialogue, timeoutMs).catch((error: unknown) => error);
  if (!(outcome instanceof OperationalError)) throw new Error(`not refused: ${String(outcome)}`);
  return outcome;
}

const imap = (
  overrides: Readonly<Record<string, Answer>> = {},
  greeting = "* OK [CAPABILITY IMAP4rev1] hi\r\n",
): Script => ({
  greeting,
  certificates: issued,
  answers: Object.entries({
    CAPABILITY: { send: "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\nd1 OK done\r\n" },
    STARTTLS: { send: "d2 OK begin\r\n", then: "tls" } satisfies Answer,
    ...overrides,
  }).map(([word, answer]) => [new RegExp(` ${word}$`), answer] as const),
});

const pop3 = (overrides: Readonly<Record<string, Answer>> = {}, greeting = "+OK ready\r\n"): Script => ({
  greeting,
  certificates: issued,
  answers: Object.entries({
    CAPA: { send: "+OK\r\nTOP\r\nSTLS\r\n.\r\n" },
    STLS: { send: "+OK begin\r\n", then: "tls" } satisfies Answer,
    ...overrides,
  }).map(([word, answer]) => [new RegExp(`^${word}$`), answer] as const),
});

describe("a dialogue that works", () => {
  test("SMTP announces an address literal and says QUIT inside TLS", async () => {
    const server = await attempt(smtpScript(issued), SMTP);
    expect(server.received).toEqual(["EHLO [127.0.0.1]", "STARTTLS"]);
    await expect.poll(() => server.receivedInTls.join("")).toBe("QUIT\r\n");
    expect(server.serverNames).toEqual(["mx.example.org"]);
  });

  test("LMTP says LHLO", async () => {
    const server = await attempt(smtpScript(issued), LMTP);
    expect(server.received).toEqual(["LHLO [127.0.0.1]", "STARTTLS"]);
  });

  test("IMAP, with a line that nobody asked for in between", async () => {
    const capability = { send: "* CAPABILITY IMAP4rev1 STARTTLS\r\nd1 OK done\r\n* OK still here\r\n" };
    const server = await attempt(imap({ CAPABILITY: capability }), IMAP);
    expect(server.received).toEqual(["d1 CAPABILITY", "d2 STARTTLS"]);
    await expect.poll(() => server.receivedInTls.join("")).toBe("d3 LOGOUT\r\n");
  });

  test("POP3", async () => {
    const server = await attempt(pop3(), POP3);
    expect(server.received).toEqual(["CAPA", "STLS"]);
  });

  test("a multi-line greeting, lower-case keywords and bare line feeds are accepted", async () => {
    const ehlo = { send: "250-mx\n250-starttls\n250 SIZE\n" };
    await attempt(smtpScript(issued, { EHLO: ehlo }, "220-mx welcomes\r\n220 you\r\n"), SMTP);
  });
});

const long = "x".repeat(MAX_UNIT_OCTETS);
const refusals: readonly {
  readonly name: string;
  readonly script: () => Script;
  readonly dialogue?: Dialogue;
  readonly code: string;
  readonly says?: RegExp;
}[] = [
  {
    name: "a 554 greeting",
    script: () => smtpScript(issued, {}, "554 go away\r\n"),
    code: "SERVICE_REFUSED",
    says: /554 go away/,
  },
  {
    name: "a 421 reply to EHLO",
    script: () => smtpScript(issued, { EHLO: { send: "421 busy\r\n", then: "close" } }),
    code: "SERVICE_REFUSED",
  },
  {
    name: "EHLO without STARTTLS",
    script: () => smtpScript(issued, { EHLO: { send: "250-mx\r\n250 NOSTARTTLS\r\n" } }),
    code: "STARTTLS_NOT_OFFERED",
    says: /does not offer/,
  },
  {
    name: "454 to STARTTLS",
    script: () => smtpScript(issued, { STARTTLS: { send: "454 4.7.0 TLS not available\r\n" } }),
    code: "STARTTLS_REFUSED",
    says: /454 4\.7\.0 TLS not available/,
  },
  {
    name: "250 instead of 220 to STARTTLS",
    script: () => smtpScript(issued, { STARTTLS: { send: "250 fine\r\n" } }),
    code: "STARTTLS_REFUSED",
  },
  {
    name: "a greeting of another protocol",
    script: () => smtpScript(issued, {}, "SSH-2.0-x\r\n"),
    code: "STARTTLS_MALFORMED",
  },
  {
    name: "a code that changes within a reply",
    script: () => smtpScript(issued, { EHLO: { send: "250-mx\r\n220 STARTTLS\r\n" } }),
    code: "STARTTLS_MALFORMED",
  },
  {
    name: "a line that never ends",
    script: () => smtpScript(issued, {}, `220 ${long}`),
    code: "STARTTLS_MALFORMED",
    says: /4096/,
  },
  {
    name: "a line that is too long but ends",
    script: () => smtpScript(issued, {}, `220 ${long}\r\n`),
    code: "STARTTLS_MALFORMED",
  },
  {
    name: "a reply of too many lines",
    script: () => smtpScript(issued, { EHLO: { send: "250-STARTTLS\r\n".repeat(MAX_REPLY_LINES + 1) } }),
    code: "STARTTLS_MALFORMED",
    says: /more than 128 lines/,
  },
  {
    name: "replies that are long together",
    script: () => smtpScript(issued, { EHLO: { send: `250-${"x".repeat(2000)}\r\n`.repeat(40) } }),
    code: "STARTTLS_MALFORMED",
    says: new RegExp(String(MAX_TOTAL_OCTETS)),
  },
  {
    name: "plain text behind the reply to STARTTLS",
    script: () => smtpScript(issued, { STARTTLS: { send: "220 go\r\n250 injected\r\n", then: "tls" } }),
    code: "STARTTLS_INJECTION",
    says: /14 octets/,
  },
  {
    name: "an EHLO reply that comes with the greeting",
    script: () => smtpScript(issued, {}, "220 mx\r\n250 STARTTLS\r\n"),
    code: "STARTTLS_INJECTION",
  },
  {
    name: "a connection closed after the greeting",
    script: () => smtpScript(issued, { EHLO: { send: "", then: "close" } }),
    code: "SERVICE_REFUSED",
    says: /closed the connection/,
  },
  {
    name: "a connection closed instead of the handshake",
    script: () => smtpScript(issued, { STARTTLS: { send: "220 go\r\n", then: "close" } }),
    code: "TLS_FAILED",
  },
  {
    name: "terminal escapes in a reply, which do not come through",
    script: () => smtpScript(issued, {}, "554 \x1b[2J\x07\r\n"),
    code: "SERVICE_REFUSED",
    says: /"554 \?\[2J\?"/,
  },
  {
    name: "IMAP PREAUTH",
    dialogue: IMAP,
    script: () => imap({}, "* PREAUTH hello\r\n"),
    code: "SERVICE_REFUSED",
  },
  {
    name: "IMAP without the capability",
    dialogue: IMAP,
    script: () => imap({ CAPABILITY: { send: "* CAPABILITY IMAP4rev1 XSTARTTLS\r\nd1 OK done\r\n" } }),
    code: "STARTTLS_NOT_OFFERED",
  },
  {
    name: "IMAP NO to STARTTLS",
    dialogue: IMAP,
    script: () => imap({ STARTTLS: { send: "d2 NO later\r\n" } }),
    code: "STARTTLS_REFUSED",
  },
  {
    name: "an IMAP line behind the reply to STARTTLS",
    dialogue: IMAP,
    script: () => imap({ STARTTLS: { send: "d2 OK go\r\n* OK more\r\n", then: "tls" } }),
    code: "STARTTLS_INJECTION",
  },
  {
    name: "POP3 without STLS",
    dialogue: POP3,
    script: () => pop3({ CAPA: { send: "+OK\r\nTOP\r\n.\r\n" } }),
    code: "STARTTLS_NOT_OFFERED",
  },
  {
    name: "POP3 -ERR to STLS",
    dialogue: POP3,
    script: () => pop3({ STLS: { send: "-ERR no\r\n" } }),
    code: "STARTTLS_REFUSED",
  },
];

describe("a dialogue that is refused", () => {
  test.each(refusals)("$name: $code", async ({ script, dialogue, code, says }) => {
    const error = await refusal(script(), dialogue ?? SMTP);
    expect(error.message).toMatch(says ?? /^127\.0\.0\.1:\d+: /);
    expect(error.code).toBe(code);
  });

  test("silence before the greeting is a server that does not answer", async () => {
    const error = await refusal(smtpScript(issued, {}, null), SMTP, 150);
    expect(error.code).toBe("CONNECT_TIMEOUT");
    expect(error.message).toMatch(/0\.15 s/);
  });

  test("silence after STARTTLS is a handshake that does not finish", async () => {
    const silent = smtpScript(issued, { STARTTLS: { send: "220 go\r\n", then: "silence" } });
    const error = await refusal({ ...silent, answers: [...silent.answers, [/./, { send: "" }]] }, SMTP, 150);
    expect(error.code).toBe("TLS_TIMEOUT");
  });

  test("a server that drips one octet at a time runs into the deadline of the whole probe", async () => {
    const error = await refusal(smtpScript(issued, { EHLO: { send: "250-" } }), SMTP, 150);
    expect(error.code).toBe("TLS_TIMEOUT");
  });
});
