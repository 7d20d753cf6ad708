import { afterEach, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import { parseResolver } from "../../src/dns/resolver-server.ts";
import { encodeA } from "../../src/dns/rdata.ts";
import { rootAnchors } from "../../src/dnssec/root-anchors.ts";
import { openResolver } from "../../src/resolver/open.ts";
import type { Resolve } from "../../src/resolver/resolver.ts";
import { name, record, reply, startDnsServer } from "../fakes/scripted-dns.ts";
import type { FakeDnsServer, Script } from "../fakes/scripted-dns.ts";

const running: FakeDnsServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function serve(script: Script): Promise<FakeDnsServer> {
  const server = await startDnsServer(script);
  running.push(server);
  return server;
}

function open(trust: "local" | "ad", allowRemoteAd: boolean, ...addresses: readonly string[]): Resolve {
  const servers = addresses.map((address) => {
    const parsed = parseResolver(address);
    if (!parsed.ok) throw new Error(parsed.fault.message);
    return parsed.value;
  });
  const clock = (): ReturnType<typeof instant> => instant(1_790_000_000_000);
  return openResolver({ trust, servers, anchors: rootAnchors(), allowRemoteAd, timeoutMs: 2000, clock });
}

const HOST = name("mx.example.org");
const answering =
  (ad: boolean): Script =>
  (request) =>
    reply(request, { ra: true, ad, answer: [record("mx.example.org", TYPE.A, 60, encodeA("192.0.2.1"))] });
const failing: Script = (request) => reply(request, { ra: true, rcode: RCODE.SERVFAIL });
/** Nothing listens there. */
const SILENT = "127.0.0.1:1";
const placeOf = ({ port }: FakeDnsServer): string => `127.0.0.1:${String(port)}`;

describe("several resolvers with trust in their AD bits", () => {
  test("one that says nothing is passed over", async () => {
    const second = await serve(answering(true));
    expect(await open("ad", false, SILENT, placeOf(second))(HOST, TYPE.A)).toMatchObject({ status: "secure" });
  });

  test("SERVFAIL is final: it may mean bogus, which another resolver must not turn into insecure", async () => {
    const first = await serve(failing);
    const second = await serve(answering(false));
    const answer = await open("ad", false, placeOf(first), placeOf(second))(HOST, TYPE.A);
    expect(answer.status).toBe("indeterminate");
    expect(second.requests).toHaveLength(0);
  });

  test("when none says anything, the last one's silence is the answer", async () => {
    expect(await open("ad", false, SILENT, SILENT)(HOST, TYPE.A)).toMatchObject({
      status: "indeterminate",
      reasons: [{ code: "DNS_UNREACHABLE" }],
    });
  });

  test("none at all is an error, not an answer", async () => {
    await expect(open("ad", false)(HOST, TYPE.A)).rejects.toMatchObject({ code: "DNS_UNREACHABLE" });
  });
});

describe("what an AD bit is believed from", () => {
  test("not from afar, unless allowed", () => {
    expect(() => open("ad", false, "192.0.2.1")).toThrow(/not on this host/);
    expect(() => open("ad", true, "192.0.2.1")).not.toThrow();
  });

  test("not over TLS, which is for validating here", () => {
    expect(() => open("ad", true, "tls://127.0.0.1")).toThrow(/tls:\/\/127\.0\.0\.1:853 cannot be asked/);
    expect(() => open("local", false, "tls://127.0.0.1")).not.toThrow();
  });
});

test("with validation here an AD bit without signatures is nothing: never secure, and no data", async () => {
  const server = await serve(answering(true));
  const answer = await open("local", false, placeOf(server))(HOST, TYPE.A);
  expect(["bogus", "indeterminate"]).toContain(answer.status);
  expect(answer).not.toHaveProperty("rrset");
  expect(answer.validation?.reasons.length).toBeGreaterThan(0);
});
