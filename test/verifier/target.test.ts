import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseTarget } from "../../src/verifier/target.ts";

describe("targets", () => {
  test.each([
    ["mx.example.org:25", "mx.example.org.", 25, "smtp"],
    ["MX.example.org.:587", "mx.example.org.", 587, "smtp"],
    ["imap.example.org:143", "imap.example.org.", 143, "imap"],
    ["pop.example.org:110", "pop.example.org.", 110, "pop3"],
    ["www.example.org:443", "www.example.org.", 443, "tls"],
    ["mx.example.org:465", "mx.example.org.", 465, "tls"],
    ["mx.example.org:2525", "mx.example.org.", 2525, "tls"],
    ["mx.example.org:2525/smtp", "mx.example.org.", 2525, "smtp"],
    ["mx.example.org:24/lmtp", "mx.example.org.", 24, "lmtp"],
    ["https://www.example.org/a?b#c", "www.example.org.", 443, "tls"],
    ["https://www.example.org:8443", "www.example.org.", 8443, "tls"],
    ["smtp://mx.example.org", "mx.example.org.", 25, "smtp"],
    ["IMAPS://imap.example.org", "imap.example.org.", 993, "tls"],
  ])("%s", (text, host, port, protocol) => {
    expect(parseTarget(text)).toEqual({
      ok: true,
      value: { kind: "service", text, endpoint: { host, port, protocol } },
    });
  });

  test("--starttls counts where the target does not say", () => {
    expect(parseTarget("a.example:2525", "smtp")).toMatchObject({ value: { endpoint: { protocol: "smtp" } } });
    expect(parseTarget("a.example:2525/imap", "smtp")).toMatchObject({ value: { endpoint: { protocol: "imap" } } });
  });

  test("mx:DOMAIN", () => {
    expect(parseTarget("mx:example.org")).toEqual({
      ok: true,
      value: { kind: "mx", text: "mx:example.org", domain: "example.org." },
    });
  });

  test.each([
    ["mx.example.org", /host:port/],
    ["mx.example.org:0", /1 to 65535/],
    ["mx.example.org:65536", /1 to 65535/],
    ["mx.example.org:smtp", /1 to 65535/],
    ["mx.example.org:25/gopher", /tls, smtp/],
    ["gopher://mx.example.org", /https/],
    ["192.0.2.1:25", /--address/],
    ["[2001:db8::1]:25", /--address/],
    ["2001:db8::1", /--address/],
    [":25", /host/],
    ["mx:", /host/],
    ["srv:_xmpp-client._tcp.example.org", /one by one/],
  ])("%s is refused with a hint", (text, hint) => {
    const parsed = parseTarget(text);
    expect(parsed).toMatchObject({ ok: false, fault: { code: "USAGE" } });
    if (!parsed.ok) expect(parsed.fault.hint).toMatch(hint);
  });

  test("no text makes it throw", () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom("", "mx:", "https://", "a.example:"), (text, prefix) => {
        expect(typeof parseTarget(prefix + text).ok).toBe("boolean");
      }),
    );
  });
});
