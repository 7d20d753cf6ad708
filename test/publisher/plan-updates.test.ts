import { describe, expect, test } from "vitest";
import { seconds } from "../../src/base/time.ts";
import { CLASS } from "../../src/dns/iana.ts";
import { encodeTlsa } from "../../src/dns/rdata.ts";
import type { TlsaRdata } from "../../src/dns/rdata.ts";
import { planUpdates } from "../../src/publisher/plan-updates.ts";
import type { TlsaChange } from "../../src/publisher/publisher.ts";
import { name } from "../fakes/scripted-dns.ts";

function rdata(number: number): TlsaRdata {
  const data = new Uint8Array(32);
  data.set([number >> 8, number & 0xff]);
  return { usage: 3, selector: 1, matchingType: 1, data };
}

const base: TlsaChange = {
  owner: name("_25._tcp.mx.example.org"),
  zone: name("example.org"),
  ttl: seconds(300),
  add: [],
  remove: [],
  expected: null,
};

describe("the messages of a change", () => {
  test("never delete a whole RRset or name", () => {
    const planned = planUpdates({ ...base, add: [rdata(1)], remove: [rdata(2)], expected: [rdata(2)] }, null);
    const classes = planned.flatMap((one) => one.updates.map(({ record }) => record.class));
    expect(classes).toEqual([CLASS.IN, CLASS.NONE]);
    expect(planned.flatMap((one) => one.updates).every(({ record }) => record.rdata.length > 0)).toBe(true);
  });

  test("demand that no RRset exists when an empty one is expected", () => {
    const [one] = planUpdates({ ...base, add: [rdata(1)], expected: [] }, null);
    expect(one?.prerequisites.map(({ record }) => [record.class, record.rdata.length])).toEqual([[CLASS.NONE, 0]]);
  });

  test("hold at most 100 records, each demanding what the ones before leave", () => {
    const add = Array.from({ length: 150 }, (_, at) => rdata(at));
    const planned = planUpdates({ ...base, add, remove: [rdata(900)], expected: [rdata(900)] }, null);
    expect(planned.map((one) => one.updates.length)).toEqual([100, 51]);
    expect(planned[0]?.prerequisites).toHaveLength(1);
    expect(planned[1]?.prerequisites).toHaveLength(101);
    expect(planned[1]?.prerequisites.map(({ record }) => record.rdata)).toContainEqual(encodeTlsa(rdata(99)));
  });

  test("keep a deletion and its re-addition for a new TTL together", () => {
    const add = Array.from({ length: 150 }, (_, at) => rdata(at));
    const served = { rdatas: add.map(encodeTlsa), records: add, ttl: seconds(60), signed: true, zoneSigned: true };
    const planned = planUpdates({ ...base, add }, { ...served, alias: null, delegation: null });
    expect(planned.map((one) => one.updates.length)).toEqual([200, 100]);
    for (const { updates } of planned) {
      expect(updates.map(({ record }) => record.class)).toEqual(
        updates.map((_, at) => (at % 2 === 0 ? CLASS.NONE : CLASS.IN)),
      );
    }
  });
});
