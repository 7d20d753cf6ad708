/** From a mail domain to its exchangers: RFC 5321 §5.1, RFC 7505, RFC 7672 §2.2.1 and §3.2.2. */
import { describe, expect, test } from "vitest";
import { RCODE, TYPE } from "../../src/dns/iana.ts";
import type { DnsAnswer } from "../../src/resolver/resolver.ts";
import { routesOf } from "../../src/verifier/routes.ts";
import type { NoRoute, Route } from "../../src/verifier/routes.ts";
import type { Result } from "../../src/base/result.ts";
import type { FakeAnswer } from "../fakes/resolver.ts";
import { cname, dn, failed, fakeResolver, mx, none } from "../fakes/resolver.ts";

const DOMAIN = "example.org";

async function routes(entries: Readonly<Record<string, FakeAnswer>>): Promise<Result<readonly Route[], NoRoute>> {
  return routesOf(`mx:${DOMAIN}`, dn(DOMAIN), await fakeResolver(entries).resolve(dn(DOMAIN), TYPE.MX));
}

const found: readonly {
  readonly name: string;
  readonly dns: Readonly<Record<string, FakeAnswer>>;
  readonly hosts: readonly string[];
  readonly nextHops: readonly string[];
}[] = [
  {
    name: "lower preference first, whatever the order in the answer",
    dns: { [`${DOMAIN} MX`]: mx("secure", [20, "c.example"], [5, "a.example"], [10, "b.example"]) },
    hosts: ["a.example.", "b.example.", "c.example."],
    nextHops: ["example.org.", "example.org."],
  },
  {
    name: "equal preferences stay as they came",
    dns: { [`${DOMAIN} MX`]: mx("secure", [10, "z.example"], [10, "y.example"]) },
    hosts: ["z.example.", "y.example."],
    nextHops: ["example.org.", "example.org."],
  },
  {
    name: "a host named twice is one host, at its better place",
    dns: { [`${DOMAIN} MX`]: mx("secure", [30, "a.example"], [20, "b.example"], [10, "a.example"]) },
    hosts: ["a.example.", "b.example."],
    nextHops: ["example.org.", "example.org."],
  },
  {
    name: "an insecure MX RRset: its hosts are looked at, the domain's name counts for nothing",
    dns: { [`${DOMAIN} MX`]: mx("insecure", [10, "a.example"]) },
    hosts: ["a.example."],
    nextHops: [],
  },
  {
    name: "a domain that is an alias: both its names count",
    dns: { [`${DOMAIN} CNAME`]: cname("secure", "example.net"), ["example.net MX"]: mx("secure", [10, "a.example"]) },
    hosts: ["a.example."],
    nextHops: ["example.org.", "example.net."],
  },
  {
    name: "an insecure link in the alias of the domain: no name counts",
    dns: { [`${DOMAIN} CNAME`]: cname("insecure", "example.net"), ["example.net MX"]: mx("secure", [10, "a.example"]) },
    hosts: ["a.example."],
    nextHops: [],
  },
  {
    name: "no MX: the domain is its own exchanger",
    dns: { [`${DOMAIN} MX`]: none("secure") },
    hosts: ["example.org."],
    nextHops: ["example.org.", "example.org."],
  },
  {
    name: "no MX, and nobody vouches for that: still its own exchanger, but no name counts",
    dns: { [`${DOMAIN} MX`]: none("insecure") },
    hosts: ["example.org."],
    nextHops: [],
  },
  {
    name: "a null MX beside others, which RFC 7505 forbids, is passed over",
    dns: { [`${DOMAIN} MX`]: mx("secure", [0, "."], [10, "a.example"]) },
    hosts: ["a.example."],
    nextHops: ["example.org.", "example.org."],
  },
  {
    name: "an MX record that cannot be read is passed over",
    dns: {
      [`${DOMAIN} MX`]: { status: "secure", rdatas: [Uint8Array.of(1), ...mx("secure", [10, "a.example"]).rdatas] },
    },
    hosts: ["a.example."],
    nextHops: ["example.org.", "example.org."],
  },
];

const nowhere: readonly {
  readonly name: string;
  readonly dns: Readonly<Record<string, FakeAnswer>>;
  readonly verdict: NoRoute["verdict"];
  readonly reason: RegExp;
}[] = [
  {
    name: "a bogus answer",
    dns: { [`${DOMAIN} MX`]: failed("bogus") },
    verdict: "dns-error",
    reason: /MX lookup failed/,
  },
  { name: "no answer", dns: { [`${DOMAIN} MX`]: failed() }, verdict: "dns-error", reason: /SERVFAIL/ },
  {
    name: "an alias with a bogus end",
    dns: { [`${DOMAIN} CNAME`]: cname("secure", "example.net"), ["example.net MX"]: failed("bogus") },
    verdict: "dns-error",
    reason: /MX lookup failed/,
  },
  { name: "a null MX", dns: { [`${DOMAIN} MX`]: mx("secure", [0, "."]) }, verdict: "no-dane", reason: /null MX/ },
  {
    name: "a null MX that is not signed",
    dns: { [`${DOMAIN} MX`]: mx("insecure", [0, "."]) },
    verdict: "no-dane",
    reason: /null MX/,
  },
  {
    name: "MX records of which none can be read are not the absence of MX records",
    dns: { [`${DOMAIN} MX`]: { status: "secure", rdatas: [Uint8Array.of(1)] } },
    verdict: "dns-error",
    reason: /no MX record of example\.org can be read/,
  },
];

describe("routes", () => {
  test.each(found)("$name", async ({ dns, hosts, nextHops }) => {
    const result = await routes(dns);
    if (!result.ok) throw new Error(result.fault.reason);
    expect(result.value.map(({ endpoint }) => endpoint)).toEqual(
      hosts.map((host) => ({ host, port: 25, protocol: "smtp" })),
    );
    for (const route of result.value) expect(route).toMatchObject({ target: `mx:${DOMAIN}`, nextHops });
  });

  test.each(nowhere)("$name leads nowhere: $verdict", async ({ dns, verdict, reason }) => {
    const result = await routes(dns);
    if (result.ok) throw new Error("there are routes");
    expect(result.fault.verdict).toBe(verdict);
    expect(result.fault.reason).toMatch(reason);
  });

  test("a domain that does not exist is an error, not its own exchanger", () => {
    const answer = (finalName: string): DnsAnswer => {
      return {
        status: "secure",
        name: dn(DOMAIN),
        type: TYPE.MX,
        rcode: RCODE.NXDOMAIN,
        aliases: [],
        finalName: dn(finalName),
        rrset: null,
        negativeTtl: null,
      };
    };
    expect(routesOf("mx:example.org", dn(DOMAIN), answer(DOMAIN))).toMatchObject({
      fault: { verdict: "unreachable", reason: "example.org does not exist" },
    });
    expect(routesOf("mx:example.org", dn(DOMAIN), answer("example.net"))).toMatchObject({
      fault: { reason: "example.org: example.net, its alias, does not exist" },
    });
  });
});
