import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { OperationalError } from "../../src/base/errors.ts";
import { TYPE } from "../../src/dns/iana.ts";
import { encodeMessage, queryMessage } from "../../src/dns/message.ts";
import { isReplyTo, randomMessageId } from "../../src/transport/dns-exchange.ts";
import type { Carry } from "../../src/transport/dns-exchange.ts";
import { relayInterruption } from "../../src/transport/settle.ts";
import type { Interruption } from "../../src/transport/settle.ts";
import { createUdpPool } from "../../src/transport/udp-pool.ts";
import { name, replyTo, startDnsServer } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer, Reaction, Script } from "../fakes/scripted-dns.ts";

const running: FakeDnsServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function start(script: Script, address = "127.0.0.1"): Promise<FakeDnsServer> {
  const server = await startDnsServer(script, { address });
  running.push(server);
  return server;
}

const answer: Script = (request) => [{ do: "reply", bytes: replyTo(request) }];

function question(owner = "mx.example.org"): Uint8Array {
  return encodeMessage(queryMessage({ id: randomMessageId(), name: name(owner), type: TYPE.A }));
}

async function askTimes(pool: Carry, times: number): Promise<void> {
  for (let round = 0; round < times; round++) await pool(question(), { timeoutMs: 2_000 });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OperationalError)) throw new Error(`no failure: ${String(error)}`);
  return error.code;
}

const portsOf = (server: FakeDnsServer): readonly number[] => server.requests.map((request) => request.from.port);

describe("the pool of UDP sockets", () => {
  test.each(["127.0.0.1", "::1"])("answers, from %s", async (address) => {
    const server = await start(answer, address);
    const asked = question();
    expect(isReplyTo(asked, await createUdpPool(server)(asked, { timeoutMs: 2_000 }))).toBe(true);
  });

  test("gives every question in flight a port of its own", async () => {
    const server = await start(() => []);
    const pool = createUdpPool(server);
    const codes = await Promise.all(Array.from({ length: 32 }, () => codeOf(pool(question(), { timeoutMs: 300 }))));
    expect(new Set(codes)).toEqual(new Set(["DNS_TIMEOUT"]));
    expect(new Set(portsOf(server)).size).toBe(32);
  });

  test("renews a port after sixteen questions", async () => {
    const server = await start(answer);
    await askTimes(createUdpPool(server), 40);
    const ports = portsOf(server);
    expect(ports).toHaveLength(40);
    const uses = [...new Set(ports)].map((port) => ports.filter((one) => one === port).length);
    expect(Math.max(...uses)).toBeLessThanOrEqual(16);
    expect(uses.length).toBeLessThan(40);
  });

  test("does not use a port again on which a question went unanswered or a stray datagram came", async () => {
    const server = await start((request) => {
      if (request.index === 0) return [];
      const good: Reaction = { do: "reply", bytes: replyTo(request) };
      return request.index === 1
        ? [{ do: "reply", bytes: replyTo(request, { id: request.message.id ^ 1 }) }, good]
        : [good];
    });
    const pool = createUdpPool(server);
    expect(await codeOf(pool(question(), { timeoutMs: 100 }))).toBe("DNS_TIMEOUT");
    await askTimes(pool, 2);
    expect(new Set(portsOf(server)).size).toBe(3);
  });

  test("gives a question up that is being shot at", async () => {
    const server = await start((request) =>
      Array.from({ length: 40 }, (_, index) => ({
        do: "reply" as const,
        bytes: replyTo(request, { id: (request.message.id + 1 + index) & 0xffff }),
      })),
    );
    expect(await codeOf(createUdpPool(server)(question(), { timeoutMs: 2_000 }))).toBe("DNS_MESSAGE_MALFORMED");
  });

  test("takes nothing from another address", async () => {
    const stranger = createSocket("udp4");
    stranger.bind(0, "127.0.0.1");
    await once(stranger, "listening");
    const server = await start((request) => {
      stranger.send(replyTo(request), request.from.port, request.from.address);
      return [];
    });
    expect(await codeOf(createUdpPool(server)(question(), { timeoutMs: 200 }))).toBe("DNS_TIMEOUT");
    stranger.close();
  });

  test("fails at once where nothing listens, time after time", async () => {
    const server = await startDnsServer(answer);
    await server.close();
    const pool = createUdpPool(server);
    for (let round = 0; round < 3; round++) {
      expect(await codeOf(pool(question(), { timeoutMs: 2_000 }))).toBe("DNS_UNREACHABLE");
    }
  });

  test("lets go of everything when interrupted, with one listener on the signal however many wait", async () => {
    const server = await start(() => []);
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const counted: Interruption = {
      get aborted() {
        return signal.aborted;
      },
      addEventListener: (type, listener) => {
        listeners += 1;
        signal.addEventListener(type, listener);
      },
      removeEventListener: (type, listener) => {
        listeners -= 1;
        signal.removeEventListener(type, listener);
      },
    };
    const relay = relayInterruption(counted);
    const pool = createUdpPool(server);
    const pending = Array.from({ length: 30 }, () => codeOf(pool(question(), { timeoutMs: 5_000, signal: relay })));
    expect(listeners).toBe(1);
    controller.abort();
    expect(new Set(await Promise.all(pending))).toEqual(new Set(["DNS_INTERRUPTED"]));
    expect(listeners).toBe(0);
    expect(await codeOf(pool(question(), { timeoutMs: 5_000, signal: relay }))).toBe("DNS_INTERRUPTED");
  });
});
