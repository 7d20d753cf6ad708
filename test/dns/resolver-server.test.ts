import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatResolver, parseResolver } from "../../src/dns/resolver-server.ts";

describe("a resolver as people write it", () => {
  test.each([
    ["127.0.0.1", { kind: "plain", address: "127.0.0.1", port: 53 }],
    [" 127.0.0.1:5353 ", { kind: "plain", address: "127.0.0.1", port: 5353 }],
    ["::1", { kind: "plain", address: "::1", port: 53 }],
    ["2001:DB8:0::1", { kind: "plain", address: "2001:db8::1", port: 53 }],
    ["[::1]:5353", { kind: "plain", address: "::1", port: 5353 }],
    ["[2001:db8::1]", { kind: "plain", address: "2001:db8::1", port: 53 }],
    ["tls://9.9.9.9#dns.quad9.net", { kind: "tls", address: "9.9.9.9", port: 853, name: "dns.quad9.net" }],
    ["TLS://9.9.9.9:8853#DNS.Quad9.net.", { kind: "tls", address: "9.9.9.9", port: 8853, name: "dns.quad9.net" }],
    [
      "tls://[2620:fe::fe]:853#dns.quad9.net",
      { kind: "tls", address: "2620:fe::fe", port: 853, name: "dns.quad9.net" },
    ],
    ["tls://2620:fe::fe#dns.quad9.net", { kind: "tls", address: "2620:fe::fe", port: 853, name: "dns.quad9.net" }],
    ["tls://192.0.2.1", { kind: "tls", address: "192.0.2.1", port: 853, name: null }],
  ])("%s", (text, server) => {
    expect(parseResolver(text)).toEqual({ ok: true, value: server });
  });

  test.each([
    ["dns.example", '"dns.example" is not an address', "could not be looked up"],
    ["tls://dns.quad9.net", '"dns.quad9.net" is not an address', "could not be looked up"],
    ["localhost:53", '"localhost" is not an address', "named by its address"],
    ["010.0.0.1", '"010.0.0.1" is not an address', "named by its address"],
    ["[127.0.0.1]:53", '"127.0.0.1" is not an address', "named by its address"],
    ["", '"" is not an IP address with or without a port', "tls://"],
    ["[::1", '"[::1" is not an IP address', "tls://"],
    ["::1%eth0", '"::1%eth0" is not an IP address', "tls://"],
    ["192.0.2.1:", '"192.0.2.1:" is not an IP address', "tls://"],
    ["192.0.2.1:0", "is not between 1 and 65535", "tls://"],
    ["192.0.2.1:65536", "is not between 1 and 65535", "tls://"],
    ["https://192.0.2.1/dns-query", "names a transport that is not known: https", "tls://"],
    ["192.0.2.1#dns.example", "is not an address", "named by its address"],
    ["tls://192.0.2.1#", "is not the name of a resolver", "behind #"],
    ["tls://192.0.2.1#192.0.2.1", "is not the name of a resolver", "behind #"],
    ["tls://192.0.2.1#a#b", "is not the name of a resolver", "behind #"],
    ["tls://192.0.2.1#a b", "is not the name of a resolver", "behind #"],
    ["tls://192.0.2.1#*.example", "is not the name of a resolver", "behind #"],
  ])("refuses %j and says what to write", (text, message, hint) => {
    const parsed = parseResolver(text);
    if (parsed.ok) throw new Error("was accepted");
    expect(parsed.fault.code).toBe("RESOLVER_ADDRESS_INVALID");
    expect(parsed.fault.message).toContain(message);
    expect(parsed.fault.hint).toContain(hint);
  });

  test("is printed in a form that reads back the same", () => {
    for (const text of ["192.0.2.1:53", "[::1]:5353", "tls://192.0.2.1:853", "tls://[2001:db8::1]:853#dns.example"]) {
      const parsed = parseResolver(text);
      expect(parsed.ok && formatResolver(parsed.value)).toBe(text);
    }
  });

  test("never throws, and what is accepted reads back the same", () => {
    const pieces = fc.constantFrom(
      "tls://",
      "127.0.0.1",
      "[",
      "]",
      "::1",
      ":",
      "#",
      "53",
      "dns.example",
      ".",
      "%",
      " ",
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseResolver(text);
        if (parsed.ok) expect(parseResolver(formatResolver(parsed.value))).toEqual(parsed);
      }),
    );
  });
});
