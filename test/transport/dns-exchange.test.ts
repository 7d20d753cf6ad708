import { afterEach, describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import { encodeMessage, queryMessage } from "../../src/dns/message.ts";
import {
  exchangeTcp,
  exchangeUdp,
  isReplyTo,
  query,
  randomMessageId,
  requireAnswer,
} from "../../src/transport/dns-exchange.ts";
import type { DnsQuery } from "../../src/transport/dns-exchange.ts";
import { name, reply, replyTo, startDnsServer, tlsaRecord } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer, FakeRequest, Reaction, Script } from "../fakes/scripted-dns.ts";

const OWNER = "_25._tcp.mx.example.org";
const RECORD = tlsaRecord(OWNER, 300, `3 1 1 ${"ab".repeat(32)}`);

const running: FakeDnsServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function start(script: Script, address?: string): Promise<FakeDnsServer> {
  const server = await startDnsServer(script, address === undefined ? {} : { address });
  running.push(server);
  return server;
}

function ask(server: { readonly address: string; readonly port: number }, more: Partial<DnsQuery> = {}): DnsQuery {
  return { server, name: name(OWNER), type: TYPE.TLSA, timeoutMs: 2_000, ...more };
}

async function failureOf(promise: Promise<unknown>): Promise<OperationalError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OperationalError)) throw new Error(`no OperationalError but ${String(error)}`);
  return error;
}

function withOctet(bytes: Uint8Array, at: number, change: (octet: number) => number): Uint8Array {
  return bytes.map((octet, index) => (index === at ? change(octet) : octet));
}

const answer = (request: FakeRequest): readonly Reaction[] => reply(request, { answer: [RECORD] });

describe("a question over UDP", () => {
  test("is answered, with the flags that were asked for", async () => {
    const server = await start(answer);
    const message = await query(ask(server, { rd: true, ad: true, dnssecOk: true }));
    expect(message.answer).toEqual([RECORD]);
    const [request] = server.requests;
    expect(request?.message).toMatchObject({ rd: true, ad: true, cd: false, edns: { udpSize: 1232, do: true } });
    expect(request?.message.question).toEqual([{ name: name(OWNER), type: TYPE.TLSA, class: 1 }]);
  });

  test("works over IPv6", async () => {
    const server = await start(answer, "::1");
    expect((await query(ask(server))).answer).toHaveLength(1);
  });

  test.each<readonly [string, (good: Uint8Array) => Uint8Array]>([
    ["a wrong ID", (good) => withOctet(good, 1, (octet) => octet ^ 1)],
    ["the QR bit clear", (good) => withOctet(good, 2, (octet) => octet & 0x7f)],
    ["another opcode", (good) => withOctet(good, 2, (octet) => octet | 0x28)],
    ["another question name", (good) => withOctet(good, 14, () => 0x39)],
    ["another question type", (good) => withOctet(good, 12 + 25 + 1, () => TYPE.A)],
    ["no question but NOERROR", (good) => withOctet(good, 5, () => 0)],
    ["too few octets for a header", (good) => good.slice(0, 11)],
  ])("ignores a datagram with %s and takes the good one after it", async (_, forge) => {
    const server = await start((request) => {
      const good = replyTo(request, { answer: [RECORD] });
      return [
        { do: "reply", bytes: forge(good) },
        { do: "reply", bytes: good },
      ];
    });
    expect((await query(ask(server))).answer).toEqual([RECORD]);
    expect(server.requests).toHaveLength(1);
  });

  test("accepts an echo in another case", async () => {
    const server = await start((request) => {
      const upper = replyTo(request, { answer: [RECORD] }).map((octet, at) =>
        at >= 13 && at < 36 && octet >= 0x61 && octet <= 0x7a ? octet - 0x20 : octet,
      );
      return [{ do: "reply", bytes: upper }];
    });
    expect((await query(ask(server))).answer).toEqual([RECORD]);
  });

  test("accepts an error that leaves the question out", async () => {
    const server = await start((request) => reply(request, { question: [], rcode: RCODE.NOTIMP, edns: null }));
    expect((await query(ask(server))).rcode).toBe(RCODE.NOTIMP);
  });

  test("is asked once more, with a new ID from a new port, when nothing comes back", async () => {
    const server = await start((request) => (request.index === 0 ? [] : answer(request)));
    expect((await query(ask(server, { timeoutMs: 500 }))).answer).toHaveLength(1);
    const [first, second] = server.requests;
    expect(server.requests).toHaveLength(2);
    expect([first?.message.id, first?.from.port]).not.toEqual([second?.message.id, second?.from.port]);
    expect(first?.from.port).not.toBe(second?.from.port);
  });

  test("fails after one retry, within the deadline, and names server and question", async () => {
    const server = await start(() => []);
    const began = performance.now();
    const error = await failureOf(query(ask(server, { timeoutMs: 200 })));
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(server.requests).toHaveLength(2);
    expect(error.code).toBe("DNS_TIMEOUT");
    expect(error.message).toContain(`127.0.0.1:${String(server.port)} over UDP`);
    expect(error.message).toContain("_25._tcp.mx.example.org TLSA");
  });

  test("is not believed when the message is damaged behind its question", async () => {
    const server = await start((request) => [
      { do: "reply", bytes: replyTo(request, { answer: [RECORD] }).slice(0, -3) },
    ]);
    const error = await failureOf(query(ask(server)));
    expect(error.code).toBe("DNS_MESSAGE_MALFORMED");
    expect(error.message).toContain(`127.0.0.1:${String(server.port)}`);
  });

  test("fails at once where nothing listens", async () => {
    const server = await startDnsServer(answer);
    await server.close();
    const error = await failureOf(query(ask(server)));
    expect(error).toMatchObject({ code: "DNS_UNREACHABLE" });
    expect(error.message).toContain("ECONNREFUSED");
  });

  test("is refused for a server that is no address", async () => {
    const error = await failureOf(query(ask({ address: "ns1.example.org", port: 53 })));
    expect(error.code).toBe("DNS_UNREACHABLE");
  });

  test("ends when the caller gives it up, before and during", async () => {
    const server = await start(() => []);
    const early = AbortSignal.abort();
    expect((await failureOf(query(ask(server, { signal: early })))).code).toBe("DNS_INTERRUPTED");
    const controller = new AbortController();
    const pending = failureOf(query(ask(server, { signal: controller.signal })));
    controller.abort();
    expect((await pending).code).toBe("DNS_INTERRUPTED");
  });
});

describe("a truncated answer", () => {
  const truncated: Script = (request) =>
    request.transport === "udp"
      ? [{ do: "reply", bytes: replyTo(request, { tc: true, answer: [RECORD] }).slice(0, 60) }]
      : answer(request);

  test("is asked for again over TCP, and never looked into", async () => {
    const server = await start(truncated);
    expect((await query(ask(server))).answer).toEqual([RECORD]);
    expect(server.requests.map((request) => request.transport)).toEqual(["udp", "tcp"]);
  });
});

describe("a question over TCP", () => {
  const tcp = (server: FakeDnsServer, more: Partial<DnsQuery> = {}): DnsQuery =>
    ask(server, { transport: "tcp", ...more });

  test("is answered octet by octet, framed by its length, whatever follows", async () => {
    const server = await start((request) => [
      { do: "dribble", bytes: replyTo(request, { answer: [RECORD] }) },
      { do: "raw", bytes: Uint8Array.of(1, 2, 3) },
    ]);
    expect((await query(tcp(server))).answer).toEqual([RECORD]);
    expect(server.requests.map((request) => request.transport)).toEqual(["tcp"]);
  });

  test.each<readonly [string, Script, string]>([
    ["is closed at once", () => [{ do: "close" }], "DNS_CONNECTION_LOST"],
    [
      "is closed in the middle of the reply",
      (request) => {
        const whole = replyTo(request, { answer: [RECORD] });
        return [{ do: "raw", bytes: Uint8Array.of(0, whole.length, ...whole.slice(0, 20)) }, { do: "close" }];
      },
      "DNS_CONNECTION_LOST",
    ],
    [
      "brings a reply with a wrong ID",
      (request) => [{ do: "reply", bytes: withOctet(replyTo(request), 0, (octet) => octet ^ 0x80) }],
      "DNS_MESSAGE_MALFORMED",
    ],
    ["brings an empty message", () => [{ do: "reply", bytes: new Uint8Array(0) }], "DNS_MESSAGE_MALFORMED"],
    ["is never answered", () => [], "DNS_TIMEOUT"],
    ["brings a length and no more", () => [{ do: "raw", bytes: Uint8Array.of(0x40, 0) }], "DNS_TIMEOUT"],
  ])("fails by name when it %s", async (_, script, code) => {
    const server = await start(script);
    const error = await failureOf(query(tcp(server, { timeoutMs: 300 })));
    expect(error.code).toBe(code);
    expect(error.message).toContain(`127.0.0.1:${String(server.port)} over TCP`);
  });

  test("tells a refused connection from a lost one: nothing was sent", async () => {
    const server = await startDnsServer(answer);
    await server.close();
    expect((await failureOf(query(tcp(server)))).code).toBe("DNS_UNREACHABLE");
  });
});

describe("plain exchanges", () => {
  const request = encodeMessage(queryMessage({ id: 4711, name: name(OWNER), type: TYPE.TLSA }));

  test("carry any octets both ways", async () => {
    const server = await start(answer);
    for (const exchange of [exchangeUdp, exchangeTcp]) {
      const bytes = await exchange(request, server, { timeoutMs: 2_000 });
      expect(isReplyTo(request, bytes)).toBe(true);
    }
  });

  test("do not ask an update for its zone section back", () => {
    const update = withOctet(request, 2, () => 0x28);
    const bare = Uint8Array.of(0x12, 0x67, 0xa8, 4, 0, 0, 0, 0, 0, 0, 0, 0);
    expect(isReplyTo(update, bare)).toBe(true);
    expect(isReplyTo(request, bare)).toBe(false);
  });

  test("fold the case of letters in names and of nothing else", () => {
    const asked = encodeMessage(queryMessage({ id: 1, name: name(String.raw`a\064\091z.example`), type: TYPE.A }));
    const replied = withOctet(asked, 2, (octet) => octet | 0x80);
    expect(isReplyTo(asked, replied)).toBe(true);
    const labelAt = 13;
    expect(
      isReplyTo(
        asked,
        withOctet(replied, labelAt, () => 0x41),
      ),
    ).toBe(true);
    expect(
      isReplyTo(
        asked,
        withOctet(replied, labelAt + 1, () => 0x60),
      ),
    ).toBe(false);
    expect(
      isReplyTo(
        asked,
        withOctet(replied, labelAt + 2, () => 0x7b),
      ),
    ).toBe(false);
    expect(
      isReplyTo(
        asked,
        withOctet(replied, labelAt + 3, () => 0x5a),
      ),
    ).toBe(true);
    expect(isReplyTo(asked, replied.slice(0, 20))).toBe(false);
  });

  test("use IDs of the whole range", () => {
    const ids = Array.from({ length: 200 }, randomMessageId);
    expect(new Set(ids).size).toBeGreaterThan(190);
    expect(Math.max(...ids)).toBeGreaterThan(0x8000);
  });
});

describe("error answers", () => {
  test("become DNS_RCODE with the extended error as information; NXDOMAIN is an answer", async () => {
    const text = new TextEncoder().encode("no DNSKEY\u0007 matches");
    const options = [{ code: 15, data: Uint8Array.of(0, 9, ...text) }];
    const server = await start((request) =>
      reply(request, { rcode: RCODE.SERVFAIL, edns: { udpSize: 1232, do: true, options } }),
    );
    const question = ask(server, { dnssecOk: true });
    const message = await query(question);
    const error = await failureOf(Promise.resolve().then(() => requireAnswer(message, question)));
    expect(error.code).toBe("DNS_RCODE");
    expect(error.message).toContain("SERVFAIL");
    expect(error.message).toContain('EDE 9 (DNSKEY missing: "no DNSKEY matches")');
    const nothing = { ...message, rcode: RCODE.NXDOMAIN };
    expect(requireAnswer(nothing, question)).toBe(nothing);
  });
});
