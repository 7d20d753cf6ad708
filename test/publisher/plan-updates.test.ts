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
    expect(classes).toEqual([CLASS.IN, CLASS.NONE, CLASS.NONE, CLASS.IN]);
    expect(planned.flatMap((one) => one.updates).every(({ record }) => record.rdata.length > 0)).toBe(true);
  });

  test("demand that no RRset exists when an empty one is expected", () => {
    const [one] = planUpdates({ ...base, add: [rdata(1)], expected: [] }, null);
    expect(one?.prerequisites.map(({ record }) => [record.class, record.rdata.length])).toEqual([[CLASS.NONE, 0]]);
  });

  test("hold at most 100 records, each demanding what the ones before leave", () => {
    const add = Array.from({ length: 150 }, (_, at) => rdata(at));
    const planned = planUpdates({ ...base, add, remove: [rdata(900)], expected: [rdata(900)] }, null);
    expect(planned.map((one) => one.updates.length)).toEqual([100, 53]);
    expect(planned[0]?.prerequisites).toHaveLength(1);
    expect(planned[1]?.prerequisites).toHaveLength(101);
    expect(planned[1]?.prerequisites.map(({ record }) => record.rdata)).toContainEqual(encodeTlsa(rdata(99)));
  });

  test("end a removal with a record that stays, deleted and added again with the TTL that it has", () => {
    const [foreign, gone, kept] = [rdata(1), rdata(2), rdata(3)].map(encodeTlsa);
    const rdatas = [foreign, gone, kept].filter((one) => one !== undefined);
    const served = {
      rdatas,
      records: [],
      ttl: seconds(60),
      signed: true,
      zoneSigned: true,
      alias: null,
      delegation: null,
    };
    const change = { ...base, remove: [rdata(2)], expected: [rdata(2), rdata(3)] };
    const [one] = planUpdates(change, served);
    expect(one?.updates.map(({ record }) => [record.class, record.ttl, record.rdata])).toEqual([
      [CLASS.NONE, 0, gone],
      [CLASS.NONE, 0, kept],
      [CLASS.IN, 60, kept],
    ]);
  });

  test("only remove where nothing stays, or nothing is known of it", () => {
    const served = { rdatas: [encodeTlsa(rdata(2))], records: [], ttl: seconds(60), signed: true, zoneSigned: true };
    const alone = { ...base, remove: [rdata(2)], expected: [rdata(2)] };
    expect(planUpdates(alone, { ...served, alias: null, delegation: null })[0]?.updates).toHaveLength(1);
    expect(planUpdates({ ...alone, expected: [rdata(2), rdata(3)] }, null)[0]?.updates).toHaveLength(1);
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
