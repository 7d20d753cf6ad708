import { describe, expect, test } from "vitest";
import { formatHostPort, parseHostPort } from "../../src/base/socket-address.ts";

describe("host and port", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1", 53],
    ["192.0.2.1:5353", "192.0.2.1", 5353],
    ["2001:db8::1", "2001:db8::1", 53],
    ["[2001:db8::1]", "2001:db8::1", 53],
    ["[2001:db8::1]:5353", "2001:db8::1", 5353],
    ["ns.example.org:5353", "ns.example.org", 5353],
    [" ns.example.org ", "ns.example.org", 53],
  ])("%s is %s port %i", (text, host, port) => {
    expect(parseHostPort(text, 53)).toEqual({ ok: true, value: { host, port } });
  });

  test.each(["", ":53", "ns:", "ns:0", "ns:65536", "ns:5x", "[::1", "::1]", "[::1]x", "a b"])(
    "%j is refused",
    (text) => {
      expect(parseHostPort(text, 53)).toMatchObject({ ok: false });
    },
  );

  test("an IPv6 address is printed in brackets", () => {
    expect(formatHostPort("2001:db8::1", 53)).toBe("[2001:db8::1]:53");
    expect(formatHostPort("192.0.2.1", 53)).toBe("192.0.2.1:53");
  });
});
