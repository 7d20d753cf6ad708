/**
 * A verification as a Prometheus text exposition, for the textfile collector of node_exporter: base units, no
 * timestamps on samples (the collector refuses the whole file then), HELP and TYPE once for each metric, no label set
 * twice. Of a target that was given twice the worse sample stays. Label names and metric names are permanent.
 */
import { displayName } from "../dns/name.ts";
import type { AddressReport, HostReport } from "../verifier/verdict.ts";
import { signedAnswers } from "./verify-expiry.ts";
import type { ListedReport, ListFacts } from "./verify-result.ts";
import { MATCH_HELP, NOT_AFTER_HELP, SECURE_HELP, gauge, renderMetric, sample } from "./exposition.ts";
import type { Labels, Metric, Sample } from "./exposition.ts";
import { isMatch, stateOf } from "./verify-words.ts";

const RECORD_STATES = ["matched", "stale", "suppressed", "unusable", "untested"] as const;

/** The whole file; ends with a newline. */
export function renderVerifyPrometheus(report: ListedReport): string {
  return metricsOf(report).map(renderMetric).join("");
}

function metricsOf({ at, exit, hosts, list }: ListedReport): readonly Metric[] {
  const entries = hosts.flatMap((host) => entriesOf(host));
  const answers = hosts.flatMap((host) =>
    signedAnswers(host).map((answer) => ({
      ...answer,
      labels: { ...hostLabels(host), name: answer.name, type: answer.type },
    })),
  );
  const certificates = entries.flatMap(({ labels, entry }) => {
    const certificate = entry?.certificate ?? null;
    return certificate === null ? [] : [{ labels, certificate }];
  });
  return [
    gauge("daneward_verify_timestamp_seconds", "Instant that the verdicts are about.", "lower", [
      sample({}, at / 1000),
    ]),
    gauge(
      "daneward_verify_exit_code",
      "Exit code of the whole run: 0 verified, 1 not protected, 2 refused, 3 unknown.",
      "higher",
      [sample({}, exit)],
    ),
    ...(list === undefined ? [] : [badLines(list)]),
    gauge(
      "daneward_dane_match",
      MATCH_HELP,
      "lower",
      entries.map(({ labels, verdict }) => sample(labels, isMatch(verdict) ? 1 : 0)),
    ),
    gauge(
      "daneward_verify_state",
      "State of this address as a monitoring plugin counts: 0 OK, 1 warning, 2 critical, 3 unknown.",
      "higher",
      entries.map(({ labels, verdict }) => sample(labels, stateOf(verdict))),
    ),
    gauge(
      "daneward_verify_verdict_info",
      "Verdict on this address by name; always 1.",
      "higher",
      entries.map(({ labels, verdict }) => sample({ ...labels, verdict }, 1)),
    ),
    gauge(
      "daneward_verify_tlsa_records",
      "TLSA records by what this address makes of them.",
      "higher",
      entries.flatMap(({ labels, entry }) => (entry === null ? [] : recordSamples(entry, labels))),
    ),
    gauge(
      "daneward_cert_not_after_timestamp_seconds",
      NOT_AFTER_HELP,
      "lower",
      certificates.map(({ labels, certificate }) => sample(labels, certificate.notAfter / 1000)),
    ),
    gauge(
      "daneward_dnssec_secure",
      SECURE_HELP,
      "lower",
      answers.map(({ labels, secure }) => sample(labels, secure ? 1 : 0)),
    ),
    gauge(
      "daneward_dnssec_signatures_expire_timestamp_seconds",
      "First end of a signature that this answer rests on, where signatures are checked here.",
      "lower",
      answers.flatMap(({ labels, signaturesExpire }) => {
        return signaturesExpire === null ? [] : [sample(labels, signaturesExpire / 1000)];
      }),
    ),
    gauge("daneward_tlsa_ttl_seconds", "TTL of the TLSA records as answered.", "higher", hosts.flatMap(ttlSamples)),
  ];
}

function badLines(list: ListFacts): Metric {
  const help = "Lines of the list that are no target, so that nothing is known of them.";
  return gauge("daneward_verify_bad_lines", help, "higher", [sample({}, list.badLines.length)]);
}

/** One entry for each address and algorithm; one with an empty address for a host of which none was looked at. */
function entriesOf(host: HostReport): readonly {
  readonly labels: Labels;
  readonly verdict: HostReport["verdict"];
  readonly entry: AddressReport | null;
}[] {
  const labelsOf = (addr: string, algorithm: string): Labels => ({ ...hostLabels(host), addr, algorithm });
  if (host.addresses.length === 0) return [{ labels: labelsOf("", ""), verdict: host.verdict, entry: null }];
  return host.addresses.map((entry) => {
    return { labels: labelsOf(entry.address ?? "", entry.algorithm ?? ""), verdict: entry.verdict, entry };
  });
}

function hostLabels({ target, endpoint, baseDomain }: HostReport): Labels {
  const host = displayName(endpoint?.host ?? baseDomain);
  return { target, host, port: endpoint === null ? "" : String(endpoint.port) };
}

function recordSamples(entry: AddressReport, labels: Labels): readonly Sample[] {
  return RECORD_STATES.map((state) => {
    return sample({ ...labels, state }, entry.records.filter(({ status }) => status === state).length);
  });
}

function ttlSamples(host: HostReport): readonly Sample[] {
  const answer = host.dns.tlsa?.kind === "records" ? host.dns.tlsa.answer : undefined;
  const rrset = answer === undefined || "reasons" in answer ? null : answer.rrset;
  return rrset === null ? [] : [sample(hostLabels(host), rrset.ttl)];
}
