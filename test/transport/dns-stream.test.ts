/** One connection for many questions: over TCP, and over TLS with everything that can be wrong with a certificate. */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { TYPE } from "../../src/dns/iana.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import type { ResolverServer } from "../../src/dns/resolver-server.ts";
import { issueCertificate } from "../../src/pki/peculiar.ts";
import type { IssuedCertificate, IssueOptions } from "../../src/pki/peculiar.ts";
import { openResolverChannel } from "../../src/transport/resolver-channel.ts";
import type { ResolverChannel } from "../../src/transport/resolver-channel.ts";
import { startDotServer } from "../fakes/dot-server.ts";
import type { DotConnection, DotServer } from "../fakes/dot-server.ts";
import { name, replyTo, startDnsServer, tlsaRecord } from "../fakes/scripted-dns.ts";
import type { FakeRequest, Script } from "../fakes/scripted-dns.ts";

const NAME = "dns.example";
const RECORD = tlsaRecord("_25._tcp.mx.example.org", 300, `3 1 1 ${"ab".repeat(32)}`);
const dates = { notBefore: instant(Date.UTC(2020, 0, 1)), notAfter: instant(Date.UTC(2040, 0, 1)) };
const issue = (options: Omit<IssueOptions, "notBefore" | "notAfter">): Promise<IssuedCertificate> =>
  issueCertificate({ ...dates, ...options });

let root: IssuedCertificate;
let leaf: IssuedCertificate;

beforeAll(async () => {
  root = await issue({ subject: "CN=Root", authority: {} });
  leaf = await issue({ subject: "CN=resolver", dnsNames: [NAME], issuer: root });
});

const running: { readonly close: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

type React = (request: FakeRequest, connection: DotConnection) => void;
const answer: React = (request, { send }) => {
  send(replyTo(request, { ra: true, answer: [RECORD] }));
};

async function startDot(react: React = answer, chain: readonly IssuedCertificate[] = [leaf]): Promise<DotServer> {
  const server = await startDotServer(chain, react);
  running.push(server);
  return server;
}

interface Place {
  readonly address: string;
  readonly port: number;
}

function overTls({ address, port }: Place, certificateName: string | null = NAME): ResolverChannel {
  const server: ResolverServer = { kind: "tls", address, port, name: certificateName };
  return openResolverChannel(server, { roots: [root.pem] });
}

function ask(channel: ResolverChannel, owner = "_25._tcp.mx.example.org", timeoutMs = 3_000): Promise<DnsMessage> {
  return channel({ name: name(owner), type: TYPE.TLSA, rd: true, cd: true, dnssecOk: true, timeoutMs });
}

async function failureOf(promise: Promise<unknown>): Promise<OperationalError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OperationalError)) throw new Error(`no failure: ${String(error)}`);
  return error;
}

/** Waits until `condition` holds, for two seconds at most. */
async function eventually(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 2_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("it never came about");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("DNS over TLS", () => {
  test("answers a question", async () => {
    const server = await startDot();
    expect((await ask(overTls(server))).answer).toEqual([RECORD]);
    expect(server.requests[0]?.message).toMatchObject({ rd: true, cd: true, ad: false, edns: { do: true } });
  });

  test("carries many questions over one connection and takes the answers in any order, by ID", async () => {
    const held: (() => void)[] = [];
    const server = await startDot((request, { send }) => {
      const owner = request.message.question[0]?.name ?? "";
      held.push(() => {
        send(replyTo(request, { answer: [tlsaRecord(owner, 300, `3 1 1 ${"cd".repeat(32)}`)] }));
      });
      if (held.length === 20) for (const release of held.reverse()) release();
    });
    const channel = overTls(server);
    const owners = Array.from({ length: 20 }, (_, index) => `_25._tcp.mx${String(index)}.example.org`);
    const messages = await Promise.all(owners.map((owner) => ask(channel, owner)));
    expect(messages.map((message) => message.answer[0]?.name)).toEqual(owners.map(name));
    expect(server.counts.connections).toBe(1);
    expect(new Set(server.requests.map((request) => request.message.id)).size).toBe(20);
  });

  test("takes an answer in single octets", async () => {
    const server = await startDot((request, { raw }) => {
      const bytes = replyTo(request, { answer: [RECORD] });
      for (const octet of [bytes.length >>> 8, bytes.length & 0xff, ...bytes]) raw(Uint8Array.of(octet));
    });
    expect((await ask(overTls(server))).answer).toEqual([RECORD]);
  });

  test("accepts a certificate for the address when no name is known", async () => {
    const byAddress = await issue({ subject: "CN=resolver", addresses: ["127.0.0.1"], issuer: root });
    const server = await startDot(answer, [byAddress]);
    expect((await ask(overTls(server, null))).answer).toEqual([RECORD]);
  });

  test("opens a new connection, resuming the session, when the server closed an idle one", async () => {
    const server = await startDot((request, connection) => {
      answer(request, connection);
      connection.close();
    });
    const channel = overTls(server);
    await ask(channel);
    await eventually(() => server.counts.open === 0);
    expect((await ask(channel)).answer).toEqual([RECORD]);
    expect(server.counts).toMatchObject({ connections: 2, resumed: 1 });
  });

  test("keeps the connection, but not the process", async () => {
    const server = await startDot();
    const kinds = new Set(["TCPSocketWrap", "TLSWrap", "Timeout"]);
    const holding = (): readonly string[] => process.getActiveResourcesInfo().filter((kind) => kinds.has(kind));
    const before = holding();
    await ask(overTls(server));
    expect(server.counts.open).toBe(1);
    // Timers of the test runner come and go; ours would stay for as long as the connection is kept.
    await expect.poll(() => holding().length, { timeout: 2_000 }).toBeLessThanOrEqual(before.length);
  });

  test("asks once more when the connection closes in the middle of an answer", async () => {
    const server = await startDot((request, connection) => {
      if (connection.index > 0) {
        answer(request, connection);
        return;
      }
      connection.raw(replyTo(request).subarray(0, 20));
      connection.close();
    });
    expect((await ask(overTls(server))).answer).toEqual([RECORD]);
    expect(server.counts.connections).toBe(2);
  });

  test("fails by name when connections keep closing", async () => {
    const server = await startDot((_, { close }) => {
      close();
    });
    const error = await failureOf(ask(overTls(server)));
    expect(error.code).toBe("DNS_CONNECTION_LOST");
    expect(error.message).toContain(`127.0.0.1:${String(server.port)} over TLS closed the connection`);
    expect(server.requests).toHaveLength(2);
  });

  test("ignores an answer that nobody asked for, and one that comes too late", async () => {
    const server = await startDot((request, connection) => {
      const stray = replyTo(request, { id: request.message.id ^ 1, answer: [] });
      connection.send(stray);
      if (request.index === 0) return;
      const [first] = server.requests;
      if (first !== undefined) connection.send(replyTo(first, { answer: [] }));
      answer(request, connection);
    });
    const channel = overTls(server);
    expect((await failureOf(ask(channel, "late.example.org", 200))).code).toBe("DNS_TIMEOUT");
    expect((await ask(channel)).answer).toEqual([RECORD]);
  });

  test("fails when an answer has the ID of one question and the name of another", async () => {
    const server = await startDot((request, { send }) => {
      send(replyTo(request, { question: [{ name: name("other.example.org"), type: TYPE.TLSA, class: 1 }] }));
    });
    expect((await failureOf(ask(overTls(server)))).code).toBe("DNS_MESSAGE_MALFORMED");
  });

  test("gives a silent connection up for the next question", async () => {
    const server = await startDot((request, connection) => {
      if (connection.index > 0) answer(request, connection);
    });
    const channel = overTls(server);
    expect((await failureOf(ask(channel, "a.example.org", 150))).code).toBe("DNS_TIMEOUT");
    expect((await ask(channel)).answer).toEqual([RECORD]);
    expect(server.counts.connections).toBe(2);
  });
});

describe("DNS over TLS refuses, and asks nothing of,", () => {
  const later = { notBefore: instant(Date.UTC(2039, 0, 1)), notAfter: instant(Date.UTC(2040, 0, 1)) };
  const earlier = { notBefore: instant(Date.UTC(2019, 0, 1)), notAfter: instant(Date.UTC(2020, 0, 1)) };
  test.each<readonly [string, string | null, Partial<IssueOptions> | null, RegExp]>([
    ["a certificate for another name", "other.example", {}, /for another name .*other\.example/],
    ["a name where the address is wanted", null, {}, /for another name/],
    ["another address", null, { dnsNames: [], addresses: ["127.0.0.2"] }, /for another name/],
    ["a name in the subject alone", "resolver", { dnsNames: [] }, /carries no name that could be resolver/],
    ["a self-signed certificate", NAME, null, /self-signed/],
    ["a certificate from the past", NAME, earlier, /has expired/],
    ["a certificate from the future", NAME, later, /not valid yet/],
  ])("%s", async (_, wanted, how, message) => {
    const base = { ...dates, subject: "CN=resolver", dnsNames: [NAME] };
    const certificate = await issueCertificate(how === null ? base : { ...base, issuer: root, ...how });
    const server = await startDot(answer, [certificate]);
    const error = await failureOf(ask(overTls(server, wanted)));
    expect(error.code).toBe("RESOLVER_TLS_FAILED");
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`127.0.0.1:${String(server.port)} over TLS is not trusted`);
    expect(server.requests).toHaveLength(0);
  });

  test("a certificate of an authority that is not trusted here", async () => {
    const stranger = await issue({ subject: "CN=Stranger", authority: {} });
    const certificate = await issue({ subject: "CN=resolver", dnsNames: [NAME], issuer: stranger });
    const server = await startDot(answer, [certificate, stranger]);
    const error = await failureOf(ask(overTls(server)));
    expect(error).toMatchObject({ code: "RESOLVER_TLS_FAILED" });
    expect(error.message).toMatch(/ends in (no root that is|a root that is not) trusted here/);
    expect(server.requests).toHaveLength(0);
  });

  test("a trusted root by Node's own list when no roots are given: a private one is not in it", async () => {
    const server = await startDot();
    const channel = openResolverChannel({ kind: "tls", address: server.address, port: server.port, name: NAME });
    expect((await failureOf(ask(channel))).code).toBe("RESOLVER_TLS_FAILED");
    expect(server.requests).toHaveLength(0);
  });

  test("a server that speaks clear text: it never falls back", async () => {
    const asked: string[] = [];
    const plain = await startDnsServer(() => {
      asked.push("in clear");
      return [];
    });
    running.push(plain);
    // The fake cannot read a ClientHello as DNS, which its framing takes for a long message: it stays silent.
    expect((await failureOf(ask(overTls(plain), "a.example.org", 300))).code).toBe("DNS_TIMEOUT");
    expect(asked).toEqual([]);
  });

  test("a port where nothing listens", async () => {
    const server = await startDotServer([leaf], answer);
    await server.close();
    const error = await failureOf(ask(overTls(server)));
    expect(error.code).toBe("DNS_UNREACHABLE");
    expect(error.message).toContain("ECONNREFUSED");
  });
});

describe("questions that are truncated over UDP", () => {
  const truncated: Script = (request) =>
    request.transport === "udp"
      ? [{ do: "reply", bytes: replyTo(request, { tc: true, answer: [RECORD] }) }]
      : [{ do: "dribble", bytes: replyTo(request, { answer: [RECORD] }) }];

  test("share one TCP connection", async () => {
    const server = await startDnsServer(truncated);
    running.push(server);
    const channel = openResolverChannel({ kind: "plain", ...server });
    for (let round = 0; round < 3; round++) expect((await ask(channel)).answer).toEqual([RECORD]);
    const streams = server.requests.filter((request) => request.transport === "tcp");
    expect(streams).toHaveLength(3);
    expect(new Set(streams.map((request) => request.from.port)).size).toBe(1);
  });

  test("share it with questions that are being shot at over UDP", async () => {
    const server = await startDnsServer((request) => {
      const good = { do: "reply" as const, bytes: replyTo(request, { answer: [RECORD] }) };
      if (request.transport === "tcp") return [good];
      return Array.from({ length: 40 }, (_, index) => ({
        do: "reply" as const,
        bytes: replyTo(request, { id: (request.message.id + 1 + index) & 0xffff }),
      }));
    });
    running.push(server);
    expect((await ask(openResolverChannel({ kind: "plain", ...server }))).answer).toEqual([RECORD]);
    expect(server.requests.map((request) => request.transport)).toEqual(["udp", "tcp"]);
  });

  test("end in a failure, never in the truncated answer, when TCP is refused", async () => {
    const server = await startDnsServer((request) =>
      request.transport === "udp" ? truncated(request) : [{ do: "close" }],
    );
    running.push(server);
    const error = await failureOf(ask(openResolverChannel({ kind: "plain", ...server })));
    expect(error.code).toBe("DNS_CONNECTION_LOST");
  });
});
