import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatHex } from "../../src/base/bytes.ts";
import { seconds } from "../../src/base/time.ts";
import { CLASS, OPCODE, TYPE } from "../../src/dns/iana.ts";
import { decodeMessage } from "../../src/dns/message.ts";
import type { DnsMessage } from "../../src/dns/message.ts";
import { ROOT } from "../../src/dns/name.ts";
import type { ResourceRecord } from "../../src/dns/rrset.ts";
import {
  addRecord,
  deleteName,
  deleteRecord,
  deleteRrset,
  encodeUpdate,
  nameAbsent,
  nameInUse,
  rrsetAbsent,
  rrsetExists,
  rrsetIsExactly,
} from "../../src/dns/update.ts";
import type { Prerequisite, Update } from "../../src/dns/update.ts";
import { vectorsFolder, vectorsTitle } from "../vectors.ts";
import { hex, name, value } from "./help.ts";

const ZONE = name("example");
const OWNER = name("_25._tcp.mx.example");
const RDATA = hex("030101abcd");

function sent(prerequisites: readonly Prerequisite[], updates: readonly Update[]): DnsMessage {
  return value(decodeMessage(encodeUpdate({ id: 7, zone: ZONE, prerequisites, updates })));
}

describe("an UPDATE", () => {
  test("names the zone as its question (RFC 2136 §2.3)", () => {
    const message = sent([], []);
    expect(message).toMatchObject({ id: 7, qr: false, opcode: OPCODE.UPDATE, rd: false, rcode: 0, edns: null });
    expect(message.question).toEqual([{ name: ZONE, type: TYPE.SOA, class: CLASS.IN }]);
  });

  test.each([
    { name: "add a record", update: addRecord(OWNER, TYPE.TLSA, seconds(60), RDATA), want: [1, 52, 60, "030101abcd"] },
    { name: "delete a record", update: deleteRecord(OWNER, TYPE.TLSA, RDATA), want: [254, 52, 0, "030101abcd"] },
    { name: "delete an RRset", update: deleteRrset(OWNER, TYPE.TLSA), want: [255, 52, 0, ""] },
    { name: "delete a name", update: deleteName(OWNER), want: [255, 255, 0, ""] },
  ])("can $name (RFC 2136 §2.5)", ({ update, want }) => {
    const [record] = sent([], [update]).authority;
    expect(record && [record.class, record.type, record.ttl, formatHex(record.rdata)]).toEqual(want);
    expect(record?.name).toBe(OWNER);
  });

  test.each([
    { name: "an RRset that exists", prerequisite: rrsetExists(OWNER, TYPE.TLSA), want: [255, 52, 0, ""] },
    { name: "an RRset that does not", prerequisite: rrsetAbsent(OWNER, TYPE.TLSA), want: [254, 52, 0, ""] },
    { name: "a name in use", prerequisite: nameInUse(OWNER), want: [255, 255, 0, ""] },
    { name: "a name not in use", prerequisite: nameAbsent(OWNER), want: [254, 255, 0, ""] },
  ])("can presume $name (RFC 2136 §2.4)", ({ prerequisite, want }) => {
    const [record] = sent([prerequisite], []).answer;
    expect(record && [record.class, record.type, record.ttl, formatHex(record.rdata)]).toEqual(want);
  });

  test("can presume an RRset value by value (RFC 2136 §2.4.2)", () => {
    const message = sent(rrsetIsExactly(OWNER, TYPE.TLSA, [RDATA, hex("030101ef")]), []);
    expect(message.answer.map((record) => [record.class, record.ttl, formatHex(record.rdata)])).toEqual([
      [1, 0, "030101abcd"],
      [1, 0, "030101ef"],
    ]);
    expect(() => rrsetIsExactly(OWNER, TYPE.TLSA, [])).toThrow("empty RRset");
  });

  test.each([-1, 0x8000_0000])("never adds with a TTL of %d", (ttl) => {
    expect(() => addRecord(ROOT, TYPE.A, seconds(ttl), RDATA)).toThrow("TTL");
  });
});

interface Vector {
  readonly id: string;
  readonly unsigned?: string;
}

function loadUpdates(): readonly { readonly id: string; readonly unsigned: string; readonly message: DnsMessage }[] {
  const folder = vectorsFolder();
  if (folder === null) return [];
  const { vectors } = JSON.parse(readFileSync(join(folder, "tsig.json"), "utf8")) as {
    readonly vectors: readonly Vector[];
  };
  return vectors.flatMap(({ id, unsigned }) => {
    if (unsigned === undefined) return [];
    const message = value(decodeMessage(hex(unsigned)));
    return message.opcode === OPCODE.UPDATE && !message.qr ? [{ id, unsigned, message }] : [];
  });
}

function asUpdate(record: ResourceRecord): Update {
  if (record.class === CLASS.NONE) return deleteRecord(record.name, record.type, record.rdata);
  if (record.class !== CLASS.ANY) return addRecord(record.name, record.type, record.ttl, record.rdata);
  return record.type === TYPE.ANY ? deleteName(record.name) : deleteRrset(record.name, record.type);
}

function asPrerequisites(record: ResourceRecord): readonly Prerequisite[] {
  const { name: owner, type } = record;
  if (record.class === CLASS.ANY) return [type === TYPE.ANY ? nameInUse(owner) : rrsetExists(owner, type)];
  if (record.class === CLASS.NONE) return [type === TYPE.ANY ? nameAbsent(owner) : rrsetAbsent(owner, type)];
  return rrsetIsExactly(owner, type, [record.rdata]);
}

const captured = loadUpdates();

describe.skipIf(vectorsFolder() === null)(vectorsTitle("UPDATEs that nsupdate, knsupdate and dnspython sent"), () => {
  const rebuild = (message: DnsMessage): Uint8Array =>
    encodeUpdate({
      id: message.id,
      zone: message.question[0]?.name ?? ROOT,
      prerequisites: message.answer.flatMap(asPrerequisites),
      updates: message.authority.map(asUpdate),
    });

  test.each(captured)("$id means the same when built here", ({ message }) => {
    expect(value(decodeMessage(rebuild(message)))).toEqual(message);
  });

  test("are the same octets where they are uncompressed", () => {
    const uncompressed = captured.filter(({ message, unsigned }) => rebuild(message).length * 2 === unsigned.length);
    for (const { message, unsigned } of uncompressed) expect(formatHex(rebuild(message))).toBe(unsigned);
    expect([captured.length, uncompressed.length]).toEqual([95, 37]);
  });
});
