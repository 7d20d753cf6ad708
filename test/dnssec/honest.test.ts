/** Honest answers from random zones: what the validator says must be what the zones hold. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RCODE, TYPE, typeName } from "../../src/dns/iana.ts";
import { isAtOrBelow, parentOf } from "../../src/dns/name.ts";
import type { DomainName } from "../../src/dns/name.ts";
import { encodeA } from "../../src/dns/rdata.ts";
import { ALGORITHM } from "../../src/dnssec/algorithms.ts";
import { nameOf } from "./corpus.ts";
import { judge, shown } from "./world-judge.ts";
import { buildWorld, under } from "./zone-builder.ts";
import type { World, ZonePlan } from "./zone-builder.ts";
import { createKey } from "./zone-keys.ts";

const KEY = createKey();
const TOP = nameOf("test.");

/** A random zone `test.` with children. Owners are relative to it, whichever zone they end up in. */
interface Sketch {
  readonly denial: NonNullable<ZonePlan["denial"]>;
  readonly childDenial: NonNullable<ZonePlan["denial"]>;
  readonly owners: readonly { readonly owner: string; readonly type: "A" | "TXT" }[];
  readonly cuts: readonly { readonly owner: string; readonly signed: boolean }[];
}

const label = fc.constantFrom("a", "b", "c", "m");
const path = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
const owner = fc.oneof(
  { weight: 3, arbitrary: path },
  { weight: 1, arbitrary: path.map((name) => `*.${name}`) },
  { weight: 1, arbitrary: fc.constant("*") },
);
const denial: fc.Arbitrary<NonNullable<ZonePlan["denial"]>> = fc.oneof(
  fc.constant("nsec" as const),
  fc.record({
    iterations: fc.nat(3),
    salt: fc.constantFrom("", "ab", "0123456789"),
    optOut: fc.boolean(),
  }),
);
const sketch: fc.Arbitrary<Sketch> = fc.record({
  denial,
  childDenial: denial,
  owners: fc.uniqueArray(fc.record({ owner, type: fc.constantFrom("A" as const, "TXT" as const) }), {
    maxLength: 8,
    selector: (each) => `${each.owner} ${each.type}`,
  }),
  cuts: fc
    .uniqueArray(fc.record({ owner: path, signed: fc.boolean() }), { maxLength: 3, selector: (each) => each.owner })
    .map((cuts) => cuts.filter((cut) => !cuts.some((each) => each !== cut && cut.owner.endsWith(`.${each.owner}`)))),
});

interface Part {
  readonly zone: DomainName;
  readonly signed: boolean;
  readonly denial: NonNullable<ZonePlan["denial"]>;
  /** Absolute owner and type. */
  readonly data: readonly { readonly name: DomainName; readonly type: number }[];
  readonly cuts: readonly { readonly name: DomainName; readonly signed: boolean }[];
}

function partsOf({ denial: own, childDenial, owners, cuts }: Sketch): readonly Part[] {
  const children = cuts.map((cut) => ({ name: under(cut.owner, TOP), signed: cut.signed }));
  const records = owners.map((each) => ({ name: under(each.owner, TOP), type: each.type === "A" ? TYPE.A : TYPE.TXT }));
  const childOf = (name: DomainName): DomainName | undefined =>
    children.find((child) => isAtOrBelow(name, child.name))?.name;
  return [
    {
      zone: TOP,
      signed: true,
      denial: own,
      data: records.filter(({ name }) => childOf(name) === undefined),
      cuts: children,
    },
    ...children.map((child) => ({
      zone: child.name,
      signed: child.signed,
      denial: childDenial,
      data: records.filter(({ name }) => childOf(name) === child.name),
      cuts: [],
    })),
  ];
}

function worldOf(parts: readonly Part[]): World {
  const plans = parts.map((part) => ({
    name: part.zone,
    denial: part.denial,
    keys: part.signed ? [KEY] : [],
    records: part.data.map(({ name, type }) => {
      const relative = name === part.zone ? "@" : name.slice(0, -part.zone.length - 1);
      return `${relative} ${typeName(type)} 192.0.2.1`;
    }),
  }));
  return buildWorld([{ name: ".", keys: [KEY] }, ...plans]);
}

const DATA = new Map<number, Uint8Array>([
  [TYPE.A, encodeA("192.0.2.1")],
  [TYPE.TXT, Uint8Array.of(9, ...Buffer.from("192.0.2.1"))],
]);

/** From the definitions of RFC 1034 §4.3.2 and RFC 4592 §2, without a look at any proof. */
function truth(parts: readonly Part[], name: DomainName, type: number): string {
  const asked = type === TYPE.DS ? (parentOf(name) ?? name) : name;
  const part = parts.findLast(({ zone }) => isAtOrBelow(asked, zone));
  if (part === undefined) throw new Error("every name is below the zone");
  if (!part.signed) return "insecure";
  const optOut = typeof part.denial === "object" && part.denial.optOut === true;
  const nodes = [part.zone, ...part.data.map((each) => each.name), ...part.cuts.map((each) => each.name)];
  const isThere = (each: DomainName): boolean => nodes.some((node) => isAtOrBelow(node, each));
  // An opted-out zone's chain knows nothing of unsigned delegations, nor of what is only above them.
  const proved = [part.zone, ...part.data.map((each) => each.name)];
  const inChain = [...proved, ...part.cuts.filter((cut) => cut.signed).map((cut) => cut.name)];
  const isProved = (each: DomainName): boolean => !optOut || inChain.some((node) => isAtOrBelow(node, each));
  const has = (each: DomainName): boolean => part.data.some((record) => record.name === each && record.type === type);
  const answer = (rcode: number, found: boolean): string => {
    const data = found ? ` ${String(type)}:${Buffer.from(DATA.get(type) ?? []).toString("hex")}` : "";
    return `secure ${String(rcode)} ${name}${data}`;
  };
  if (isThere(name)) return isProved(name) ? answer(RCODE.NOERROR, has(name)) : "insecure";
  let encloser = parentOf(name) ?? part.zone;
  while (!isThere(encloser)) encloser = parentOf(encloser) ?? part.zone;
  // An empty non-terminal above unsigned delegations alone is the closest encloser, and the chain cannot show it: the
  // wildcard whose absence RFC 5155 §8.4 wants denied is then another one, and the validator may call that bogus.
  if (!isProved(encloser)) return "open";
  // Whatever rests on a span of the chain may hide an unsigned delegation.
  if (optOut) return "insecure";
  const wildcard = under("*", encloser);
  return isThere(wildcard) ? answer(RCODE.NOERROR, has(wildcard)) : answer(RCODE.NXDOMAIN, false);
}

describe("honest answers", () => {
  test("of any zone have the outcome that its content says", () => {
    fc.assert(
      fc.property(sketch, fc.array(owner, { minLength: 3, maxLength: 6 }), (zone, others) => {
        const parts = partsOf(zone);
        const world = worldOf(parts);
        const names = new Set([...others, ...[...zone.owners, ...zone.cuts].map((each) => each.owner)]);
        for (const name of names) {
          for (const type of ["A", "TXT", ...(zone.cuts.some((cut) => cut.owner === name) ? [] : ["DS"])]) {
            const question = `${name}.test. ${type}`;
            const verdict = judge(world, question);
            const expected = truth(
              parts,
              nameOf(`${name}.test.`),
              { A: TYPE.A, TXT: TYPE.TXT, DS: TYPE.DS }[type] ?? 0,
            );
            const found = expected === "insecure" ? verdict.status : shown(verdict);
            if (expected === "open") {
              expect(["insecure", "bogus"]).toContain(verdict.status);
              continue;
            }
            expect(`${question}: ${found}`).toBe(`${question}: ${expected}`);
          }
        }
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  const BY_ALGORITHM = Object.entries(ALGORITHM).map(([name, algorithm]) => ({ name, key: createKey({ algorithm }) }));

  test.each(BY_ALGORITHM)("signed with $name are secure", ({ key }) => {
    const world = buildWorld([
      { name: ".", keys: [key] },
      { name: "test.", keys: [key], records: ["www A 192.0.2.1"] },
    ]);
    expect(shown(judge(world, "www.test. A"))).toBe("secure 0 www.test. 1:c0000201");
    expect(shown(judge(world, "www.test. TXT"))).toBe("secure 0 www.test.");
    expect(shown(judge(world, "nx.test. A"))).toBe("secure 3 nx.test.");
  });

  test("of a delegation: secure DS, secure absence of DS, and in an opted-out span neither", () => {
    for (const optOut of [false, true]) {
      const world = buildWorld([
        { name: ".", keys: [KEY] },
        { name: "test.", keys: [KEY], denial: { optOut } },
        { name: "signed.test.", keys: [KEY] },
        { name: "plain.test.", keys: [], records: ["www A 192.0.2.1"] },
      ]);
      expect(judge(world, "signed.test. DS").rrsets).toHaveLength(1);
      expect(judge(world, "signed.test. DS").status).toBe("secure");
      expect(shown(judge(world, "plain.test. DS"))).toBe(`${optOut ? "insecure" : "secure"} 0 plain.test.`);
      expect(shown(judge(world, "www.plain.test. A"))).toBe("insecure 0 www.plain.test. 1:c0000201");
    }
  });

  test("of the root about its own DS: there is none, and no parent to say so", () => {
    for (const denial of ["nsec", {}] as const) {
      expect(shown(judge(buildWorld([{ name: ".", denial }]), ". DS"))).toBe("secure 0 .");
    }
  });

  test("with compact denial are accepted: a missing name is one with the type NXNAME", () => {
    const world = buildWorld([
      { name: "." },
      {
        name: "test.",
        denial: "compact",
        records: ["www A 192.0.2.1", "*.wild TXT here", "a.ent A 192.0.2.2", "alias CNAME www.test."],
      },
      { name: "sub.test.", denial: "compact", records: ["www A 192.0.2.3"] },
      { name: "plain.test.", keys: [], records: ["www A 192.0.2.4"] },
    ]);
    // The response says NOERROR, and the type NXNAME what is meant.
    expect(shown(judge(world, "nx.test. A"))).toBe("secure 3 nx.test.");
    expect(shown(judge(world, "www.test. TXT"))).toBe("secure 0 www.test.");
    expect(shown(judge(world, "ent.test. A"))).toBe("secure 0 ent.test.");
    expect(shown(judge(world, "any.wild.test. TXT"))).toBe("secure 0 any.wild.test. 16:0468657265");
    expect(shown(judge(world, "any.wild.test. A"))).toBe("secure 0 any.wild.test.");
    expect(shown(judge(world, "alias.test. A"))).toBe("secure 0 www.test. 1:c0000201");
    expect(shown(judge(world, "www.sub.test. A"))).toBe("secure 0 www.sub.test. 1:c0000203");
    expect(judge(world, "www.plain.test. A").status).toBe("insecure");
  });
});
