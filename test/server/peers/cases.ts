/**
 * What every checker is shown: chains as a server sends them, records, and what a DANE client has to make of them
 * (RFC 6698, 7671, 7672).
 */
import { X509Certificate, createHash } from "node:crypto";
import { instant } from "../../../src/base/time.ts";
import type { Instant } from "../../../src/base/time.ts";
import { issueCertificate } from "../../../src/pki/peculiar.ts";
import type { IssuedCertificate } from "../../../src/pki/peculiar.ts";

export interface Chain {
  /** Leaf first. */
  readonly sent: readonly IssuedCertificate[];
  readonly key: string;
}

export interface PeerCase {
  readonly id: string;
  readonly what: string;
  /**
   * `pass`: authenticated. `fail`: a DANE client refuses. `none`: DANE does not apply or cannot authenticate, so that
   * nobody may say that it did.
   */
  readonly must: "pass" | "fail" | "none";
  readonly host: string;
  /** One address each. */
  readonly chains: readonly Chain[];
  /** `U S M HEX`. */
  readonly records: readonly string[];
  /** Where the records are, when not at the host. */
  readonly place?: "alias-target" | "tlsa-alias" | "wildcard";
  /** DNSSEC is the point, so that a tool that is given its records by hand cannot say anything. */
  readonly dnsOnly?: true;
  /** Verdicts of daneward over STARTTLS at port 25 and over TLS at port 443, with the exit codes. */
  readonly ours: readonly [Ours, Ours];
}

export type Ours = readonly [verdict: string, exit: number];

const VERIFIED = ["verified", 0] as const;
const MISMATCH = ["fail-mismatch", 2] as const;
const NAME = ["fail-name", 2] as const;
const EXPIRED = ["fail-expired", 2] as const;
const CHAIN = ["fail-chain", 2] as const;
const UNUSABLE = ["unusable-unauthenticated", 1] as const;
const NO_DANE = ["no-dane", 1] as const;
const TLSA_ERROR = ["tlsa-error", 2] as const;

/** The same on both ports. */
function both(ours: Ours): PeerCase["ours"] {
  return [ours, ours];
}

type Selector = "cert" | "spki";

function octets(certificate: IssuedCertificate, selector: Selector): Uint8Array {
  if (selector === "cert") return certificate.der;
  return new Uint8Array(new X509Certificate(certificate.der).publicKey.export({ type: "spki", format: "der" }));
}

function digest(algorithm: "sha256" | "sha512", certificate: IssuedCertificate, selector: Selector = "spki"): string {
  return createHash(algorithm).update(octets(certificate, selector)).digest("hex");
}

const sha256 = (certificate: IssuedCertificate): string => digest("sha256", certificate);
const ee = (certificate: IssuedCertificate): string => `3 1 1 ${sha256(certificate)}`;
const ta = (certificate: IssuedCertificate): string => `2 1 1 ${sha256(certificate)}`;
const chainOf = (...sent: readonly [IssuedCertificate, ...IssuedCertificate[]]): Chain => {
  return { sent, key: sent[0].privateKeyPem };
};

const DAY = 86_400_000;

interface Issuers {
  readonly root: IssuedCertificate;
  readonly ca: IssuedCertificate;
  readonly otherRoot: IssuedCertificate;
  readonly evilCa: IssuedCertificate;
  /** Subject of the genuine one, key of somebody else. */
  readonly fakeCa: IssuedCertificate;
}

interface Leaf {
  readonly issuer?: IssuedCertificate;
  readonly name?: string;
  readonly expired?: true;
}

type IssueLeaf = (host: string, leaf?: Leaf) => Promise<IssuedCertificate>;

async function makeIssuers(from: Instant, to: Instant): Promise<Issuers> {
  const common = { notBefore: from, notAfter: to, authority: {} };
  const root = await issueCertificate({ ...common, subject: "CN=Lab Root" });
  const otherRoot = await issueCertificate({ ...common, subject: "CN=Other Root" });
  return {
    root,
    ca: await issueCertificate({ ...common, subject: "CN=Lab CA", issuer: root }),
    otherRoot,
    evilCa: await issueCertificate({ ...common, subject: "CN=Evil CA", issuer: otherRoot }),
    fakeCa: await issueCertificate({ ...common, subject: "CN=Lab CA", issuer: otherRoot }),
  };
}

/** The cases, with certificates that are good `now`. */
export async function makeCases(now: Instant): Promise<readonly PeerCase[]> {
  const issuers = await makeIssuers(instant(now - 100 * DAY), instant(now + 1000 * DAY));
  const issue: IssueLeaf = (host, { issuer = issuers.ca, name = host, expired } = {}) =>
    issueCertificate({
      subject: `CN=${name}`,
      dnsNames: [name],
      issuer,
      notBefore: instant(now - 90 * DAY),
      notAfter: instant(now + (expired === true ? -1 : 90) * DAY),
    });
  return [
    ...(await endEntities(issuers, issue)),
    ...(await trustAnchors(issuers, issue)),
    ...(await attacks(issuers, issue)),
    ...(await names(issuers, issue)),
    ...(await selfSigned(now)),
  ];
}

async function endEntities({ ca }: Issuers, issue: IssueLeaf): Promise<readonly PeerCase[]> {
  const host = (id: string): string => `${id}.signed.lab`;
  const of = async (id: string, leaf?: Leaf): Promise<{ leaf: IssuedCertificate; host: string; chains: Chain[] }> => {
    const issued = await issue(host(id), leaf);
    return { leaf: issued, host: host(id), chains: [chainOf(issued, ca)] };
  };
  const make = async (
    id: string,
    what: string,
    must: PeerCase["must"],
    ours: PeerCase["ours"],
    records: (leaf: IssuedCertificate) => readonly string[],
    leaf?: Leaf,
  ): Promise<PeerCase> => {
    const { leaf: issued, ...rest } = await of(id, leaf);
    return { id, what, must, ours, records: records(issued), ...rest };
  };
  const wrong = "0".repeat(62);
  const dual = await make("dual", "the second address serves another key", "fail", both(MISMATCH), (leaf) => [
    ee(leaf),
  ]);
  const short = await make("shortchain", "`3 1 1`, the leaf sent alone", "pass", both(VERIFIED), (leaf) => [ee(leaf)]);
  return [
    await make("good311", "`3 1 1` right", "pass", both(VERIFIED), (leaf) => [ee(leaf)]),
    await make("bad311", "`3 1 1` wrong", "fail", both(MISMATCH), () => [`3 1 1 ${wrong}01`]),
    await make("eeexpired", "`3 1 1`, expired, other name", "pass", both(VERIFIED), (leaf) => [ee(leaf)], {
      name: "other.example",
      expired: true,
    }),
    await make("rollover", "stale and current `3 1 1`", "pass", both(VERIFIED), (leaf) => [
      `3 1 1 ${wrong}02`,
      ee(leaf),
    ]),
    await make("agility", "`3 1 1` right, `3 1 2` wrong", "fail", both(MISMATCH), (leaf) => [
      ee(leaf),
      `3 1 2 ${wrong}${wrong}abcd`,
    ]),
    await make("mixed", "`3 1 1` wrong, `2 1 1` right", "pass", both(VERIFIED), () => [`3 1 1 ${wrong}03`, ta(ca)]),
    await make("unusable", "only record malformed (31 octets)", "none", both(UNUSABLE), (leaf) => [
      ee(leaf).slice(0, -2),
    ]),
    await make("pkixee", "`1 1 1`, CA not trusted", "fail", [UNUSABLE, CHAIN], (leaf) => [`1 1 1 ${sha256(leaf)}`]),
    { ...dual, chains: [...dual.chains, chainOf(await issue("dual.signed.lab"), ca)] },
    { ...short, chains: short.chains.map(({ sent, key }) => ({ sent: sent.slice(0, 1), key })) },
  ];
}

async function trustAnchors({ root, ca, otherRoot }: Issuers, issue: IssueLeaf): Promise<readonly PeerCase[]> {
  const make = async (
    [id, what, must, ours]: readonly [string, string, PeerCase["must"], PeerCase["ours"]],
    record: string,
    above: readonly IssuedCertificate[] = [ca],
    leaf?: Leaf,
  ): Promise<PeerCase> => {
    const host = `${id}.signed.lab`;
    const chains = [chainOf(await issue(host, leaf), ...above)];
    return { id, what, must, ours, host, chains, records: [record] };
  };
  const full = Buffer.from(root.der).toString("hex");
  const other: Leaf = { name: "other.example" };
  return [
    await make(["ta", "`2 1 1`, CA on the wire", "pass", both(VERIFIED)], ta(ca)),
    await make(["ta200", "`2 0 0`, root in DNS only", "pass", both(VERIFIED)], `2 0 0 ${full}`),
    await make(["oddchain", "`2 1 1`, unrelated and disordered", "pass", both(VERIFIED)], ta(root), [
      otherRoot,
      root,
      ca,
    ]),
    await make(["tarootnotsent", "`2 1 1` of a root not sent", "fail", both(MISMATCH)], ta(root)),
    await make(["tawrongname", "`2 1 1`, other name", "fail", both(NAME)], ta(ca), [ca], other),
    await make(["taexpired", "`2 1 1`, leaf expired", "fail", both(EXPIRED)], ta(ca), [ca], { expired: true }),
  ];
}

async function attacks({ ca, evilCa, fakeCa }: Issuers, issue: IssueLeaf): Promise<readonly PeerCase[]> {
  const [first, second] = ["attack1.signed.lab", "attack2.signed.lab"] as const;
  return [
    {
      id: "attack1",
      what: "foreign chain, genuine CA appended",
      must: "fail",
      ours: both(MISMATCH),
      host: first,
      chains: [chainOf(await issue(first, { issuer: evilCa }), evilCa, ca)],
      records: [ta(ca)],
    },
    {
      id: "attack2",
      what: "leaf of a fake CA with the same name",
      must: "fail",
      ours: both(CHAIN),
      host: second,
      chains: [chainOf(await issue(second, { issuer: fakeCa }), ca)],
      records: [ta(ca)],
    },
  ];
}

async function names({ ca }: Issuers, issue: IssueLeaf): Promise<readonly PeerCase[]> {
  const make = async (
    [id, what, must, ours]: readonly [string, string, PeerCase["must"], PeerCase["ours"]],
    zone: "signed" | "open" | "broken",
    more: Pick<PeerCase, "place" | "dnsOnly">,
    hasRecord = true,
  ): Promise<PeerCase> => {
    const host = `${id}.${zone}.lab`;
    const leaf = await issue(host);
    const records = hasRecord ? [ee(leaf)] : [];
    return { id, what, must, ours, host, chains: [chainOf(leaf, ca)], records, ...more };
  };
  const alias = { place: "alias-target" } as const;
  return [
    await make(["hostcname", "TLSA at the target of the host's CNAME only", "pass", both(VERIFIED)], "signed", alias),
    await make(["tlsacname", "TLSA behind a CNAME", "pass", both(VERIFIED)], "signed", { place: "tlsa-alias" }),
    await make(["wildcard", "TLSA of a wildcard", "pass", both(VERIFIED)], "signed", { place: "wildcard" }),
    await make(["none", "no TLSA, signed zone", "none", both(NO_DANE)], "signed", { dnsOnly: true }, false),
    await make(["insec", "matching TLSA, unsigned zone", "none", both(NO_DANE)], "open", { dnsOnly: true }),
    await make(["bogus", "matching TLSA, bad signature", "fail", both(TLSA_ERROR)], "broken", { dnsOnly: true }),
  ];
}

async function selfSigned(now: Instant): Promise<readonly PeerCase[]> {
  const host = "depth0.signed.lab";
  const dates = { notBefore: instant(now - DAY), notAfter: instant(now + 90 * DAY) };
  const leaf = await issueCertificate({ ...dates, subject: `CN=${host}`, dnsNames: [host] });
  const what = "`2 1 1` of the self-signed leaf";
  return [
    { id: "depth0", what, must: "fail", ours: both(MISMATCH), host, chains: [chainOf(leaf)], records: [ta(leaf)] },
  ];
}
