import { describe, expect, test } from "vitest";
import { matchReferenceIdentifier, matchesDnsName } from "../../src/pki/names.ts";

describe("one presented name against one reference identifier", () => {
  test.each([
    { name: "the same name", presented: "mx.example.org", reference: "mx.example.org", want: true },
    { name: "another case", presented: "MX.Example.ORG", reference: "mx.example.org", want: true },
    { name: "an absolute reference", presented: "mx.example.org", reference: "mx.example.org.", want: true },
    { name: "an absolute presented name", presented: "mx.example.org.", reference: "mx.example.org", want: true },
    { name: "another name", presented: "mx2.example.org", reference: "mx.example.org", want: false },
    { name: "a parent", presented: "example.org", reference: "mx.example.org", want: false },
    { name: "a wildcard for one label", presented: "*.example.org", reference: "mx.example.org", want: true },
    { name: "a wildcard never for two labels", presented: "*.example.org", reference: "a.mx.example.org", want: false },
    { name: "a wildcard never for none", presented: "*.example.org", reference: "example.org", want: false },
    { name: "a partial wildcard", presented: "m*.example.org", reference: "mx.example.org", want: false },
    { name: "a wildcard further right", presented: "mx.*.org", reference: "mx.example.org", want: false },
    { name: "two wildcards", presented: "*.*.org", reference: "mx.example.org", want: false },
    { name: "a wildcard below a top-level domain", presented: "*.org", reference: "example.org", want: false },
    { name: "a bare wildcard", presented: "*", reference: "org", want: false },
    { name: "an A-label under a wildcard", presented: "*.example.org", reference: "xn--nxa.example.org", want: true },
    { name: "a wildcard as reference", presented: "mx.example.org", reference: "*.example.org", want: false },
    { name: "an empty name", presented: "", reference: "", want: false },
    {
      name: "an escaped zero octet",
      presented: "mx.example.org\\x00.evil.test",
      reference: "mx.example.org",
      want: false,
    },
  ])("$name: $want", ({ presented, reference, want }) => {
    expect(matchesDnsName(presented, reference)).toBe(want);
  });
});

describe("which names count", () => {
  const references = ["mx.example.org", "example.org"];

  test("a common name counts for SMTP when there is no DNS-ID", () => {
    const names = { dnsNames: [], commonNames: ["mx.example.org"] };
    expect(matchReferenceIdentifier(names, references, "smtp")).toMatchObject({ kind: "CN-ID" });
    expect(matchReferenceIdentifier(names, references, "generic")).toBeNull();
  });

  test("a common name is ignored beside any DNS-ID", () => {
    const names = { dnsNames: ["other.example"], commonNames: ["mx.example.org"] };
    expect(matchReferenceIdentifier(names, references, "smtp")).toBeNull();
  });

  test("of several common names the last counts", () => {
    const names = { dnsNames: [], commonNames: ["mx.example.org", "other.example"] };
    expect(matchReferenceIdentifier(names, references, "smtp")).toBeNull();
  });

  test("any reference identifier will do, and the match says which", () => {
    const names = { dnsNames: ["www.example.org", "example.org"], commonNames: [] };
    expect(matchReferenceIdentifier(names, references, "generic")).toEqual({
      kind: "DNS-ID",
      presented: "example.org",
      reference: "example.org",
    });
  });
});
