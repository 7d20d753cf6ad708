import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import type { Fault } from "../../src/base/errors.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { createUpstream } from "../../src/resolver/upstream.ts";
import type { Ask } from "../../src/resolver/upstream.ts";
import { name, replyTo, startDnsServer, tlsaRecord } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer, FakeRequest, Reaction, Script } from "../fakes/scripted-dns.ts";

const OWNER = name("_25._tcp.mx.example.org");
const RECORD = tlsaRecord(OWNER, 300, `3 1 1 ${"ab".repeat(32)}`);

const running: FakeDnsServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function start(script: Script): Promise<FakeDnsServer> {
  const server = await startDnsServer(script);
  running.push(server);
  return server;
}

/** A server that is gone: its port answers with "nothing listens". */
async function gone(): Promise<FakeDnsServer> {
  const server = await startDnsServer(() => []);
  await server.close();
  return server;
}

const react = (request: FakeRequest, fields: Partial<DnsMessage>): readonly Reaction[] => [
  { do: "reply", bytes: replyTo(request, { ra: true, ...fields }) },
];
const good: Script = (request) => react(request, { answer: [RECORD] });
const silent: Script = () => [];
const rcode =
  (code: number): Script =>
  (request) =>
    react(request, { rcode: code });

function upstream(
  servers: readonly { readonly address: string; readonly port: number }[],
  timeoutMs = 2_000,
  signal?: AbortSignal,
): Ask {
  return createUpstream({ servers: servers.map((one) => ({ kind: "plain", ...one })), timeoutMs, signal });
}

async function answerOf(ask: Ask, owner: DomainName = OWNER): Promise<DnsMessage> {
  const outcome = await ask(owner, TYPE.TLSA);
  if (!outcome.ok) throw new Error(outcome.fault.message);
  return outcome.value;
}

async function faultOf(ask: Ask): Promise<Fault> {
  const outcome = await ask(OWNER, TYPE.TLSA);
  if (outcome.ok) throw new Error("an answer came");
  return outcome.fault;
}

describe("one resolver", () => {
  test("is asked with RD, CD and DO, without AD; its AD and AA say nothing", async () => {
    const server = await start((request) => react(request, { ad: true, aa: true, answer: [RECORD] }));
    expect((await answerOf(upstream([server]))).answer).toEqual([RECORD]);
    expect(server.requests[0]?.message).toMatchObject({ rd: true, cd: true, ad: false });
    expect(server.requests[0]?.message.edns).toMatchObject({ udpSize: 1232, do: true });
  });

  test("may say NXDOMAIN: that is an answer", async () => {
    const server = await start(rcode(RCODE.NXDOMAIN));
    expect((await answerOf(upstream([server]))).rcode).toBe(RCODE.NXDOMAIN);
  });

  test.each(["SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"] as const)("that says %s has no answer", async (word) => {
    const server = await start(rcode(RCODE[word]));
    const fault = await faultOf(upstream([server]));
    expect(fault.code).toBe("DNS_RCODE");
    expect(fault.message).toContain(`127.0.0.1:${String(server.port)} answered ${word}`);
    expect(fault.message).toMatch(/given up after \d+ ms$/);
  });

  test("has its extended error shown", async () => {
    const options = [{ code: 15, data: Uint8Array.of(0, 22) }];
    const server = await start((request) =>
      react(request, { rcode: RCODE.SERVFAIL, edns: { udpSize: 1232, do: true, options } }),
    );
    expect((await faultOf(upstream([server]))).message).toContain("EDE 22 (no reachable authority)");
  });

  test("that offers no recursion is none", async () => {
    const server = await start((request) => react(request, { ra: false, answer: [RECORD] }));
    expect((await faultOf(upstream([server]))).code).toBe("RESOLVER_NOT_RECURSIVE");
  });

  test("that answers another question only is not believed", async () => {
    const server = await start((request) =>
      react(request, { question: [{ name: name("evil.example"), type: TYPE.TLSA, class: 1 }], answer: [RECORD] }),
    );
    expect((await faultOf(upstream([server], 200))).code).toBe("DNS_TIMEOUT");
  });

  test("is asked once more; an answer to the first question that comes after that changes nothing", async () => {
    const late: Reaction[] = [];
    const server = await start((request) => {
      if (request.index === 0) {
        late.push(...react(request, { answer: [] }));
        return [];
      }
      return [...late, ...good(request)];
    });
    expect((await answerOf(upstream([server], 500))).answer).toEqual([RECORD]);
    expect(server.requests).toHaveLength(2);
  });

  test("that truncates and refuses TCP has no answer", async () => {
    const socket = createSocket("udp4");
    socket.on("message", (bytes, from) => {
      const reply = new Uint8Array(bytes);
      reply.set([0x82 | 0x01, 0x80], 2);
      socket.send(reply, from.port, from.address);
    });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const fault = await faultOf(upstream([{ address: "127.0.0.1", port: socket.address().port }]));
    socket.close();
    expect(fault.code).toBe("DNS_UNREACHABLE");
    expect(fault.message).toContain("over TCP cannot be reached: nothing listens there");
  });

  test("that sends a damaged message has no answer", async () => {
    const server = await start((request) => [
      { do: "reply", bytes: replyTo(request, { ra: true, answer: [RECORD] }).slice(0, -2) },
    ]);
    expect((await faultOf(upstream([server]))).code).toBe("DNS_MESSAGE_MALFORMED");
  });

  test("is waited for as long as was said, and the fault says how long", async () => {
    const server = await start(silent);
    const began = performance.now();
    const fault = await faultOf(upstream([server], 250));
    const spent = performance.now() - began;
    expect(spent).toBeGreaterThan(200);
    expect(spent).toBeLessThan(1_000);
    expect(fault.code).toBe("DNS_TIMEOUT");
    expect(Number(/given up after (\d+) ms$/.exec(fault.message)?.[1])).toBeGreaterThan(200);
  });
});

describe("several resolvers", () => {
  test("are asked in order of preference, and the first that answers is enough", async () => {
    const [first, second] = [await start(good), await start(good)];
    await answerOf(upstream([first, second]));
    expect([first.requests.length, second.requests.length]).toEqual([1, 0]);
  });

  test.each<readonly [string, Script]>([
    ["SERVFAIL", rcode(RCODE.SERVFAIL)],
    ["REFUSED", rcode(RCODE.REFUSED)],
    ["no recursion", (request) => react(request, { ra: false })],
    ["nothing", silent],
    ["a damaged message", (request) => [{ do: "reply", bytes: replyTo(request, { ra: true }).slice(0, -3) }]],
  ])("the next one is asked when the first says %s", async (_, script) => {
    const [first, second] = [await start(script), await start(good)];
    expect((await answerOf(upstream([first, second], 800))).answer).toEqual([RECORD]);
    expect(second.requests).toHaveLength(1);
  });

  test("a dead one costs its time once: it is asked last from then on", async () => {
    const [dead, second] = [await start(silent), await start(good)];
    const ask = upstream([dead, second], 600);
    await answerOf(ask);
    const asked = dead.requests.length;
    const began = performance.now();
    for (let round = 0; round < 5; round++) await answerOf(ask);
    expect(performance.now() - began).toBeLessThan(300);
    expect(dead.requests).toHaveLength(asked);
  });

  test("one that merely says SERVFAIL keeps its place", async () => {
    const [first, second] = [await start(rcode(RCODE.SERVFAIL)), await start(good)];
    const ask = upstream([first, second]);
    await answerOf(ask);
    await answerOf(ask);
    expect(first.requests).toHaveLength(2);
  });

  test("that failed are asked all the same when none is left", async () => {
    const server = await start((request) =>
      request.index === 0 ? react(request, { rcode: RCODE.REFUSED }) : good(request),
    );
    const ask = upstream([server, await gone()]);
    expect((await faultOf(ask)).code).toBe("DNS_RCODE");
    expect((await answerOf(ask)).answer).toEqual([RECORD]);
  });

  test("all by name, with what each had to say, when none answers within the deadline", async () => {
    const [first, second, third] = [await start(silent), await gone(), await start(rcode(RCODE.SERVFAIL))];
    const fault = await faultOf(upstream([first, second, third], 600));
    expect(fault.code).toBe("DNS_RCODE");
    expect(fault.message).toContain("none of 3 resolvers answered _25._tcp.mx.example.org TLSA");
    expect(fault.message).toContain(`127.0.0.1:${String(first.port)} over UDP did not answer within`);
    expect(fault.message).toContain(`127.0.0.1:${String(second.port)} over UDP cannot be reached`);
    expect(fault.message).toContain(`127.0.0.1:${String(third.port)} answered SERVFAIL`);
  });

  test("none at all is a fault, too", async () => {
    expect((await faultOf(upstream([]))).code).toBe("DNS_UNREACHABLE");
  });
});

describe("many questions", () => {
  test("at most 64 are under way; the others wait, and their deadline has not begun", async () => {
    const server = await start((request) => (request.index < 64 ? [] : good(request)));
    const ask = upstream([server], 400);
    const outcomes = Promise.all(Array.from({ length: 100 }, () => ask(OWNER, TYPE.TLSA)));
    const deadline = performance.now() + 1_000;
    while (server.requests.length < 64 && performance.now() < deadline) await new Promise((go) => setTimeout(go, 2));
    await new Promise((go) => setTimeout(go, 20));
    expect(server.requests).toHaveLength(64);
    expect((await outcomes).every((outcome) => outcome.ok)).toBe(true);
  });

  test("all end when the caller gives up: under way, in line, and asked later", async () => {
    const server = await start(silent);
    const controller = new AbortController();
    const ask = upstream([server], 5_000, controller.signal);
    const outcomes = Array.from({ length: 80 }, () => ask(OWNER, TYPE.TLSA).catch((error: unknown) => error));
    const began = performance.now();
    controller.abort();
    for (const outcome of [
      ...(await Promise.all(outcomes)),
      await ask(OWNER, TYPE.TLSA).catch((error: unknown) => error),
    ]) {
      expect(outcome).toBeInstanceOf(OperationalError);
      expect(outcome).toMatchObject({ code: "DNS_INTERRUPTED" });
    }
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

test("sockets that are kept do not keep the process: once answered, none of them counts", async () => {
  const server = await start(good);
  const ask = upstream([server]);
  await Promise.all(Array.from({ length: 20 }, () => answerOf(ask)));
  // The server's own one is left; sockets of earlier tests may still be closing.
  const holding = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "UDPWrap").length;
  const deadline = performance.now() + 500;
  while (holding() > 1 && performance.now() < deadline) await new Promise((go) => setTimeout(go, 5));
  expect(holding()).toBe(1);
});
