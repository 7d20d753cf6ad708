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
    ["lmtp.example.org:24", "lmtp.example.org.", 24, "lmtp"],
    ["ldap.example.org:389", "ldap.example.org.", 389, "ldap"],
    ["ldap.example.org:636", "ldap.example.org.", 636, "tls"],
    ["ftp.example.org:21", "ftp.example.org.", 21, "ftp"],
    ["ftp.example.org:990", "ftp.example.org.", 990, "tls"],
    ["news.example.org:119", "news.example.org.", 119, "nntp"],
    ["news.example.org:433", "news.example.org.", 433, "nntp"],
    ["news.example.org:563", "news.example.org.", 563, "tls"],
    ["sieve.example.org:4190", "sieve.example.org.", 4190, "sieve"],
    ["im.example.org:5222", "im.example.org.", 5222, "xmpp-client"],
    ["im.example.org:5269", "im.example.org.", 5269, "xmpp-server"],
    ["im.example.org:5223", "im.example.org.", 5223, "tls"],
    ["db.example.org:5432", "db.example.org.", 5432, "postgres"],
    ["db.example.org:3306", "db.example.org.", 3306, "mysql"],
    ["im.example.org:15222/xmpp-client", "im.example.org.", 15222, "xmpp-client"],
    ["ldap://ldap.example.org", "ldap.example.org.", 389, "ldap"],
    ["ldaps://ldap.example.org", "ldap.example.org.", 636, "tls"],
    ["ftp://ftp.example.org/pub", "ftp.example.org.", 21, "ftp"],
    ["xmpp://im.example.org", "im.example.org.", 5222, "xmpp-client"],
    ["sieve://mail.example.org", "mail.example.org.", 4190, "sieve"],
    ["postgres://db.example.org:6432/name", "db.example.org.", 6432, "postgres"],
    ["mysql://db.example.org", "db.example.org.", 3306, "mysql"],
    ["nntp://news.example.org", "news.example.org.", 119, "nntp"],
  ])("%s", (text, host, port, protocol) => {
    expect(parseTarget(text)).toEqual({
      ok: true,
      value: { kind: "service", text, endpoint: { host, port, protocol } },
    });
  });

  test("an XMPP host is told the domain that it serves", () => {
    expect(parseTarget("im.example.net:5222/xmpp-client/Example.org")).toMatchObject({
      value: { endpoint: { host: "im.example.net.", protocol: "xmpp-client", serviceDomain: "example.org." } },
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
    ["srv:_xmpp-client._tcp.example.org", "_xmpp-client._tcp.example.org.", 5222, "xmpp-client"],
    ["srv:_xmpp-server._tcp.Example.org.", "_xmpp-server._tcp.example.org.", 5269, "xmpp-server"],
    ["srv:_xmpps-client._tcp.example.org", "_xmpps-client._tcp.example.org.", 5223, "tls"],
    ["SRV:_IMAP._TCP.example.org", "_imap._tcp.example.org.", 143, "imap"],
    ["srv:_imaps._tcp.example.org", "_imaps._tcp.example.org.", 993, "tls"],
    ["srv:_submission._tcp.example.org", "_submission._tcp.example.org.", 587, "smtp"],
    ["srv:_submissions._tcp.example.org", "_submissions._tcp.example.org.", 465, "tls"],
    ["srv:_ldap._tcp.example.org", "_ldap._tcp.example.org.", 389, "ldap"],
    ["srv:_sieve._tcp.example.org", "_sieve._tcp.example.org.", 4190, "sieve"],
  ])("%s", (text, owner, port, protocol) => {
    expect(parseTarget(text)).toEqual({
      ok: true,
      value: { kind: "srv", text, owner, domain: "example.org.", port, protocol },
    });
  });

  test("a service that nobody knows is looked at as --starttls says", () => {
    expect(parseTarget("srv:_x._tcp.example.org", "imap")).toMatchObject({ value: { kind: "srv", protocol: "imap" } });
  });

  test.each([
    ["mx.example.org", /host:port/],
    ["mx.example.org:0", /1 to 65535/],
    ["mx.example.org:65536", /1 to 65535/],
    ["mx.example.org:smtp", /1 to 65535/],
    ["mx.example.org:25/gopher", /tls, smtp/],
    ["mx.example.org:25/smtp/example.org", /protocol/],
    ["im.example.org:5222/xmpp-client/", /host/],
    ["gopher://mx.example.org", /https/],
    ["192.0.2.1:25", /--address/],
    ["[2001:db8::1]:25", /--address/],
    ["2001:db8::1", /--address/],
    [":25", /host/],
    ["mx:", /host/],
    ["srv:example.org", /_xmpp-client/],
    ["srv:_sip._udp.example.org", /_xmpp-client/],
    ["srv:_gopher._tcp.example.org", /--starttls/],
    ["srv:__proto__._tcp.example.org", /--starttls/],
    ["srv:_imap._tcp.", /_xmpp-client|host/],
    ["constructor://example.org", /https/],
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
