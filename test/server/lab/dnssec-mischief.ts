/**
 * What a hostile resolver can do about answers from signed zones. Whatever it is, nobody may come to believe its data,
 * nor that the zone is unsigned: for DANE a downgrade is as good as a forgery (RFC 7672 §2.1.1).
 */
import { RCODE, TYPE } from "../../../src/dns/iana.ts";
import type { DnsMessage } from "../../../src/dns/message.ts";
import { decodeRrsig, encodeCname, encodeRrsig } from "../../../src/dns/rdata.ts";
import { parentOf } from "../../../src/dns/name.ts";
import type { DomainName } from "../../../src/dns/name.ts";
import type { ResourceRecord } from "../../../src/dns/rrset.ts";
import type { SecurityStatus } from "../../../src/dnssec/verdict.ts";
import type { Meddling, Mischief } from "./dnssec-hostile.ts";
import { wireQuestion } from "./dnssec-oracles.ts";
import type { Question } from "./dnssec-zones.ts";

export interface Attack {
  readonly title: string;
  readonly mischief: Mischief;
  readonly questions: readonly Question[];
  /** What it may end in. Only attacks that leave the data whole may end in "secure", and then with the true data. */
  readonly outcomes: readonly SecurityStatus[];
  /** How long to wait for an answer that never comes; otherwise as long as it takes. */
  readonly patienceMs?: number;
}

const TLSA_OWNERS = ["_25._tcp.mx.p256.test.", "_25._tcp.mx.p384.test.", "_25._tcp.mx.signed.optout."];
const TLSA: readonly Question[] = TLSA_OWNERS.map((name) => ({ name, type: "TLSA" }));
const NODATA: readonly Question[] = ["www.p256.test.", "www.p384.test."].map((name) => ({ name, type: "TLSA" }));
const NOTHING: readonly Question[] = ["nx.p256.test.", "nx.p384.test."].map((name) => ({ name, type: "TLSA" }));
const WILD: readonly Question[] = ["any.wild.p256.test.", "any.wild.p384.test."].map((name) => ({ name, type: "TXT" }));

const SIGNATURES: readonly number[] = [TYPE.RRSIG];
const EVERYTHING_SIGNED: readonly number[] = [TYPE.RRSIG, TYPE.NSEC, TYPE.NSEC3, TYPE.DS, TYPE.DNSKEY];
const PROOFS: readonly number[] = [TYPE.NSEC, TYPE.NSEC3];

/** Flips the last bit of each record of this type. */
function forge(records: readonly ResourceRecord[], type: number): readonly ResourceRecord[] {
  return records.map((record) =>
    record.type === type
      ? { ...record, rdata: record.rdata.map((octet, at) => (at === record.rdata.length - 1 ? octet ^ 1 : octet)) }
      : record,
  );
}

function drop(reply: DnsMessage, test: (record: ResourceRecord) => boolean): DnsMessage {
  const keep = (records: readonly ResourceRecord[]): readonly ResourceRecord[] =>
    records.filter((record) => !test(record));
  return { ...reply, answer: keep(reply.answer), authority: keep(reply.authority) };
}

const dropTypes = (reply: DnsMessage, types: readonly number[]): DnsMessage =>
  drop(reply, (record) => types.includes(record.type));

/** RRSIG records over this type: the first two octets of their RDATA. */
const covers =
  (type: number) =>
  (record: ResourceRecord): boolean =>
    record.type === TYPE.RRSIG && record.rdata[0] === type >> 8 && record.rdata[1] === (type & 0xff);

/** The sections of another answer under this question. */
function passOff(other: DnsMessage, { reply }: Meddling): DnsMessage {
  return { ...reply, rcode: other.rcode, answer: other.answer, authority: other.authority };
}

/** The question's own type only, the links of the chain untouched. */
function onlyTlsa(change: (meddling: Meddling) => DnsMessage | Promise<DnsMessage>): Mischief {
  return (meddling) => (meddling.asked.type === TYPE.TLSA ? change(meddling) : meddling.reply);
}

const nameOf = (text: string): DomainName => wireQuestion({ name: text, type: "A" }).name;

/** RRSIG RDATA with another signer's name. */
function signedBy(rdata: Uint8Array, signer: DomainName | null): Uint8Array {
  const rrsig = decodeRrsig(rdata);
  return rrsig.ok && signer !== null ? encodeRrsig({ ...rrsig.value, signer }) : rdata;
}

/** DS questions for these zones only. */
function onlyDs(zones: readonly string[], change: (meddling: Meddling) => DnsMessage | Promise<DnsMessage>): Mischief {
  return (meddling) =>
    meddling.asked.type === TYPE.DS && zones.includes(meddling.asked.name) ? change(meddling) : meddling.reply;
}

/** The same records under the name that was asked for. */
function renamed(records: readonly ResourceRecord[], { asked }: Meddling): readonly ResourceRecord[] {
  return records.map((record) => ({ ...record, name: asked.name }));
}

const LEAVES_ATTACKED = ["p256.test.", "p384.test.", "signed.optout."];

const FORGERIES: readonly Attack[] = [
  {
    title: "sets AD on forged data",
    mischief: ({ reply }) => ({ ...reply, ad: true, answer: forge(reply.answer, TYPE.TLSA) }),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "sets AD on forged data without signatures",
    mischief: ({ reply }) => dropTypes({ ...reply, ad: true, answer: forge(reply.answer, TYPE.TLSA) }, SIGNATURES),
    questions: TLSA,
    outcomes: ["bogus", "indeterminate"],
  },
  {
    title: "swaps the RRset for an unsigned one",
    mischief: onlyTlsa(({ reply }) => dropTypes({ ...reply, answer: forge(reply.answer, TYPE.TLSA) }, SIGNATURES)),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "adds a forged record to the RRset",
    mischief: onlyTlsa(({ reply }) => ({ ...reply, answer: [...reply.answer, ...forge(reply.answer, TYPE.TLSA)] })),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "puts an unsigned alias into an unsigned zone in front",
    mischief: onlyTlsa((meddling) => {
      const target = nameOf("www.unsigned.test.");
      const first = meddling.reply.answer[0] ?? meddling.reply.authority[0];
      if (first === undefined || meddling.asked.name === target) return meddling.reply;
      const alias = { ...first, name: meddling.asked.name, type: TYPE.CNAME, rdata: encodeCname(target) };
      return { ...meddling.reply, answer: [alias] };
    }),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "forges the keys",
    mischief: ({ reply }) => ({ ...reply, answer: forge(reply.answer, TYPE.DNSKEY) }),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "forges the DS records",
    mischief: ({ reply }) => ({ ...reply, answer: forge(reply.answer, TYPE.DS) }),
    questions: TLSA,
    outcomes: ["bogus"],
  },
];

const OMISSIONS: readonly Attack[] = [
  {
    title: "strips every RRSIG",
    mischief: ({ reply }) => dropTypes(reply, SIGNATURES),
    questions: [...TLSA, ...NOTHING],
    outcomes: ["bogus", "indeterminate"],
  },
  {
    title: "strips the RRSIGs of the answer alone",
    mischief: onlyTlsa(({ reply }) => dropTypes(reply, SIGNATURES)),
    questions: [...TLSA, ...NOTHING],
    outcomes: ["bogus"],
  },
  {
    title: "strips everything that DNSSEC added",
    mischief: ({ reply }) => dropTypes(reply, EVERYTHING_SIGNED),
    questions: [...TLSA, ...NOTHING],
    outcomes: ["bogus", "indeterminate"],
  },
  {
    title: "strips the signatures of key sets",
    mischief: ({ reply }) => drop(reply, covers(TYPE.DNSKEY)),
    questions: TLSA,
    outcomes: ["bogus", "indeterminate"],
  },
  {
    title: "strips the proof from negative answers",
    mischief: onlyTlsa(({ reply }) => drop(reply, (record) => PROOFS.includes(record.type))),
    questions: NOTHING,
    outcomes: ["bogus"],
  },
  {
    title: "strips the proof from an expanded wildcard",
    mischief: ({ reply, asked }) => (asked.type === TYPE.TXT ? { ...reply, authority: [] } : reply),
    questions: WILD,
    outcomes: ["bogus"],
  },
  {
    title: "says that nothing exists, without a proof",
    mischief: onlyTlsa(({ reply }) => ({ ...reply, rcode: RCODE.NXDOMAIN, answer: [], authority: [] })),
    questions: TLSA,
    outcomes: ["bogus"],
  },
];

const REPLAYS: readonly Attack[] = [
  {
    title: "answers with the signed records of another name",
    mischief: onlyTlsa(async (meddling) => passOff(await meddling.fetch("_443._tcp.www.p256.test.", "TLSA"), meddling)),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "answers with the signed records of another name under the name asked for",
    mischief: onlyTlsa(async (meddling) => {
      const other = await meddling.fetch("_443._tcp.www.p256.test.", "TLSA");
      return { ...meddling.reply, answer: renamed(other.answer, meddling) };
    }),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "answers for another question, and says so",
    mischief: onlyTlsa(({ fetch }) => fetch("_443._tcp.www.p256.test.", "TLSA")),
    questions: TLSA,
    outcomes: ["indeterminate"],
    patienceMs: 1_000,
  },
  {
    title: "replays the denial of another zone",
    mischief: onlyTlsa(async (meddling) => passOff(await meddling.fetch("nx.kid.ed25519.test.", "TLSA"), meddling)),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "replays the parent's denial of a sibling",
    mischief: onlyTlsa(async (meddling) => passOff(await meddling.fetch("nx.test.", "TLSA"), meddling)),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "replays the zone's own denial of another name",
    mischief: onlyTlsa(async (meddling) => {
      const zone = meddling.asked.name.replace(/^_25\._tcp\.mx\./, "");
      return passOff(await meddling.fetch(`zzz.${zone}`, "TLSA"), meddling);
    }),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "expands a wildcard over a name that exists",
    mischief: async (meddling) => {
      const zone = meddling.asked.name.replace(/^known\.wild\./, "");
      if (meddling.asked.type !== TYPE.TXT) return meddling.reply;
      const other = await meddling.fetch(`any.wild.${zone}`, "TXT");
      return { ...meddling.reply, answer: renamed(other.answer, meddling), authority: other.authority };
    },
    questions: ["known.wild.p256.test.", "known.wild.p384.test."].map((name) => ({ name, type: "TXT" })),
    outcomes: ["bogus"],
  },
];

/** The parent's or a barrier's word about what it has no say in (RFC 6840 §4.1). */
const OVERREACH: readonly Attack[] = [
  {
    title: "denies a name by the parent's record of the delegation above it",
    mischief: onlyTlsa(async (meddling) => passOff(await meddling.fetch("p2560.test.", "TLSA"), meddling)),
    questions: [{ name: "_25._tcp.mx.p256.test.", type: "TLSA" }],
    outcomes: ["bogus"],
  },
  {
    title: "denies a type at the apex by the parent's record of the delegation",
    mischief: async (meddling) =>
      meddling.asked.type === TYPE.MX
        ? { ...passOff(await meddling.fetch("p2560.test.", "MX"), meddling), rcode: RCODE.NOERROR }
        : meddling.reply,
    questions: [{ name: "p256.test.", type: "MX" }],
    outcomes: ["bogus"],
  },
  {
    title: "denies a name below a DNAME by the record at the DNAME",
    mischief: async (meddling) =>
      meddling.asked.type === TYPE.A
        ? { ...passOff(await meddling.fetch("d.p256.test.", "TXT"), meddling), rcode: RCODE.NXDOMAIN }
        : meddling.reply,
    questions: [{ name: "www.d.p256.test.", type: "A" }],
    outcomes: ["bogus"],
  },
  {
    title: "leads a DNAME somewhere else",
    mischief: ({ reply }) => ({
      ...reply,
      answer: reply.answer.map((record) =>
        record.type === TYPE.CNAME ? { ...record, rdata: encodeCname(nameOf("www.unsigned.test.")) } : record,
      ),
    }),
    questions: [{ name: "www.d.p256.test.", type: "A" }],
    outcomes: ["bogus", "secure"],
  },
  {
    title: "names a zone that does not exist as the signer",
    mischief: ({ reply, asked }) => ({
      ...reply,
      answer: reply.answer.map((record) =>
        covers(TYPE.TLSA)(record) ? { ...record, rdata: signedBy(record.rdata, parentOf(asked.name)) } : record,
      ),
    }),
    questions: TLSA,
    outcomes: ["bogus"],
  },
];

const DOWNGRADES: readonly Attack[] = [
  {
    title: "denies the DS records without a proof",
    mischief: onlyDs(LEAVES_ATTACKED, ({ reply }) => ({ ...reply, answer: [] })),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "denies the DS records with the proof for an unsigned zone",
    mischief: onlyDs(LEAVES_ATTACKED, async (meddling) => {
      const parent = meddling.asked.name.endsWith("optout.") ? "optout." : "test.";
      return passOff(await meddling.fetch(`unsigned.${parent}`, "DS"), meddling);
    }),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "denies the DS records with the child's own proof",
    mischief: onlyDs(LEAVES_ATTACKED, async (meddling) =>
      passOff(await meddling.fetch(meddling.asked.name, "TYPE65281"), meddling),
    ),
    questions: TLSA,
    outcomes: ["bogus"],
  },
  {
    title: "denies the DS records and strips the answer",
    mischief: ({ reply, asked }) =>
      asked.type === TYPE.DS ? { ...reply, answer: [], authority: [] } : dropTypes(reply, SIGNATURES),
    questions: [...TLSA, ...NOTHING],
    outcomes: ["bogus", "indeterminate"],
  },
  {
    title: "says SERVFAIL to every DS question",
    mischief: ({ reply, asked }) =>
      asked.type === TYPE.DS ? { ...reply, rcode: RCODE.SERVFAIL, answer: [], authority: [] } : reply,
    questions: TLSA,
    outcomes: ["bogus", "indeterminate"],
  },
  {
    title: "says NXDOMAIN to every DS question",
    mischief: ({ reply, asked }) =>
      asked.type === TYPE.DS ? { ...reply, rcode: RCODE.NXDOMAIN, answer: [], authority: [] } : reply,
    questions: TLSA,
    outcomes: ["bogus"],
  },
];

const REFUSALS: readonly Attack[] = [
  {
    title: "truncates and refuses TCP",
    mischief: ({ reply, transport }) =>
      transport === "tcp" ? null : { ...reply, tc: true, answer: [], authority: [] },
    questions: TLSA,
    outcomes: ["indeterminate"],
  },
  {
    title: "truncates the forged answer and refuses TCP",
    mischief: ({ reply, transport }) =>
      transport === "tcp" ? null : { ...reply, tc: true, ad: true, answer: forge(reply.answer, TYPE.TLSA) },
    questions: TLSA,
    outcomes: ["indeterminate"],
  },
  {
    title: "refuses",
    mischief: ({ reply }) => ({ ...reply, rcode: RCODE.REFUSED, ad: true }),
    questions: TLSA,
    outcomes: ["indeterminate"],
  },
  {
    title: "does nothing wrong but to clear AD and send TCP only",
    mischief: ({ reply, transport }) =>
      transport === "tcp" ? { ...reply, ad: false } : { ...reply, tc: true, answer: [] },
    questions: TLSA,
    outcomes: ["secure"],
  },
];

/** What any resolver may do, or an attacker to no avail: the verdict may suffer, the data may not. */
const HARMLESS: readonly Attack[] = [
  {
    title: "swaps NXDOMAIN and NOERROR",
    mischief: onlyTlsa(({ reply }) => ({
      ...reply,
      rcode: reply.rcode === RCODE.NXDOMAIN ? RCODE.NOERROR : RCODE.NXDOMAIN,
    })),
    questions: [...NOTHING, ...NODATA],
    outcomes: ["bogus", "secure"],
  },
  {
    title: "doubles the records and turns their order round",
    mischief: ({ reply }) => {
      const turned = (records: readonly ResourceRecord[]): readonly ResourceRecord[] =>
        [...records, ...records].reverse();
      return { ...reply, answer: turned(reply.answer), authority: turned(reply.authority) };
    },
    questions: [...TLSA, ...NOTHING, ...WILD],
    outcomes: ["secure"],
  },
  {
    title: "adds unsigned records that nobody asked for",
    mischief: onlyTlsa(async ({ reply, fetch }) => {
      const more = [
        ...(await fetch("www.unsigned.test.", "A")).answer,
        ...(await fetch("unsigned.test.", "SOA")).answer,
      ];
      return { ...reply, answer: [...reply.answer, ...more], additional: [...reply.additional, ...more] };
    }),
    questions: TLSA,
    outcomes: ["bogus", "secure"],
  },
];

export const ATTACKS: readonly Attack[] = [
  ...FORGERIES,
  ...OMISSIONS,
  ...REPLAYS,
  ...OVERREACH,
  ...DOWNGRADES,
  ...REFUSALS,
  ...HARMLESS,
];
