/** The state of the driver and of its certificates for the textfile collector of node_exporter. */
import { parseHostPort } from "../base/socket-address.ts";
import type { Instant } from "../base/time.ts";
import { displayName } from "../dns/name.ts";
import { MATCH_HELP, NOT_AFTER_HELP, SECURE_HELP, gauge, renderMetric, sample } from "./exposition.ts";
import type { Labels, Metric } from "./exposition.ts";
import { concernOf } from "./model.ts";
import type { CertificateStatus, OwnerReport, StatusReport } from "./model.ts";

/** What a run of the driver came to. */
export interface RunFacts {
  readonly version: string;
  readonly lastRunAt: Instant;
  /** Null: no run without a failure is known of. */
  readonly lastSuccessAt: Instant | null;
  /** Failures that stand. */
  readonly alarms: number;
}

const PHASES = ["stable", "announcing", "aging", "deploying", "confirming", "withdrawing", "held"] as const;

interface Named {
  readonly name: string;
  readonly status: CertificateStatus;
}

/** The whole file; ends with a newline. `report` null: so many certificates that only the run is told of. */
export function renderStatusPrometheus(report: StatusReport | null, run: RunFacts): string {
  const { version, lastRunAt, lastSuccessAt, alarms } = run;
  const metrics: readonly Metric[] = [
    gauge("daneward_build_info", "Version of the program; always 1.", "higher", [sample({ version }, 1)]),
    gauge("daneward_last_run_timestamp_seconds", "When the driver last ran.", "lower", [sample({}, lastRunAt / 1000)]),
    gauge(
      "daneward_last_success_timestamp_seconds",
      "When the driver last ran and no failure stood.",
      "lower",
      lastSuccessAt === null ? [] : [sample({}, lastSuccessAt / 1000)],
    ),
    gauge("daneward_alarms", "Failures that stand.", "higher", [sample({}, alarms)]),
    ...(report === null ? [] : certificateMetrics(report)),
  ];
  return metrics.map(renderMetric).join("");
}

function certificateMetrics(report: StatusReport): readonly Metric[] {
  const known = report.certificates.flatMap((one): readonly Named[] =>
    one.outcome === "known" ? [{ name: one.name, status: one.status }] : [],
  );
  const each = (values: (status: CertificateStatus) => readonly (readonly [Labels, number])[]) =>
    known.flatMap(({ name, status }) =>
      values(status).map(([labels, value]) => sample({ cert: name, ...labels }, value)),
    );
  return [
    gauge("daneward_frozen", "1 while everything is frozen.", "higher", [
      sample({}, report.frozen === null || report.frozen === undefined ? 0 : 1),
    ]),
    gauge("daneward_certificates", "Certificates by what is known of them.", "higher", counts(report)),
    gauge(
      "daneward_rollover_phase",
      "1 for the phase in which the certificate is.",
      "higher",
      each(({ phase }) => PHASES.map((one) => [{ phase: one }, one === phase ? 1 : 0])),
    ),
    gauge(
      "daneward_rollover_phase_start_timestamp_seconds",
      "When that phase began.",
      "lower",
      each(({ phaseSince }) => [[{}, phaseSince / 1000]]),
    ),
    gauge(
      "daneward_rollover_attention",
      "1 when a person must act.",
      "higher",
      each((status) => [[{}, concernOf(status) === "attention" ? 1 : 0]]),
    ),
    gauge(
      "daneward_rollover_refusal",
      "1 for each reason for which the rollover does not go on now.",
      "higher",
      each(({ refusals }) => refusals.map(({ code, gate }) => [{ code, gate }, 1])),
    ),
    gauge(
      "daneward_rollover_looked_timestamp_seconds",
      "When the driver last looked at this certificate.",
      "lower",
      each(({ lookedAt }) => [[{}, lookedAt / 1000]]),
    ),
    gauge(
      "daneward_cert_not_after_timestamp_seconds",
      NOT_AFTER_HELP,
      "lower",
      each(({ current, next }) =>
        [
          { chain: current, version: "deployed" },
          { chain: next, version: "pending" },
        ].flatMap(({ chain, version }) => (chain === null ? [] : [[{ version }, chain.notAfter / 1000] as const])),
      ),
    ),
    gauge(
      "daneward_tlsa_records",
      "TLSA records: published by this program, those of them that every name server serves, and foreign ones.",
      "higher",
      each(({ owners }) => owners.flatMap(recordCounts)),
    ),
    gauge("daneward_dnssec_secure", SECURE_HELP, "lower", each(security)),
    gauge(
      "daneward_name_server_in_sync",
      "1 when this address of a name server serves what is wanted, signed.",
      "lower",
      each(({ owners }) =>
        owners.flatMap(({ owner, servers }) =>
          servers
            .filter(({ excluded }) => !excluded)
            .map(({ server, address, condition }) => {
              const labels = { name: displayName(owner), server: server.replace(/\.$/, ""), addr: address };
              return [labels, condition === "in-sync" ? 1 : 0] as const;
            }),
        ),
      ),
    ),
    gauge("daneward_dane_match", MATCH_HELP, "lower", each(matches)),
  ];
}

function counts({ certificates }: StatusReport): Metric["samples"] {
  return (["known", "never-seen", "unreadable"] as const).map((outcome) =>
    sample({ state: outcome }, certificates.filter((one) => one.outcome === outcome).length),
  );
}

function recordCounts({ owner, records, servers }: OwnerReport): readonly (readonly [Labels, number])[] {
  const counting = servers.filter(({ excluded }) => !excluded);
  const ours = records.filter((record) => record.ours);
  const everywhere = ours.filter(({ text }) => counting.every((server) => server.records?.includes(text) === true));
  const foreign = records.filter((record) => !record.ours && record.served);
  return Object.entries({ published: ours, served: counting.length === 0 ? [] : everywhere, foreign }).map(
    ([state, those]) => [{ name: displayName(owner), state }, those.length],
  );
}

const INSECURE: ReadonlySet<string> = new Set(["NOT_SECURE", "ZONE_BOGUS", "NS_UNSIGNED"]);

/** A name of which no name server has answered yet is left out: nothing is known of it. */
function security({ owners, refusals }: CertificateStatus): readonly (readonly [Labels, number])[] {
  return owners
    .filter(({ servers }) => servers.some(({ answeredAt }) => answeredAt !== null))
    .map(({ owner, servers }) => {
      const name = displayName(owner);
      const refused = refusals.some(
        ({ code, detail }) =>
          INSECURE.has(code) && (detail.startsWith(`${name}: `) || detail.startsWith(`${name} is `)),
      );
      const unsigned = servers.some(({ excluded, condition }) => !excluded && condition === "unsigned");
      return [{ name }, refused || unsigned ? 0 : 1];
    });
}

/** An address that could not be asked proves nothing, so it is left out; `daneward verify` asks again. */
function matches({ endpoints, refusals }: CertificateStatus): readonly (readonly [Labels, number])[] {
  return endpoints
    .filter(({ verdict }) => verdict !== "failed")
    .map(({ endpoint, address }) => {
      const refused = refusals.some(
        ({ code, detail }) => code === "LIVE_MISMATCH" && detail.startsWith(`${endpoint} at ${address} `),
      );
      return [{ ...placeOf(endpoint), addr: address }, refused ? 0 : 1] as const;
    });
}

/** Host and port of a label of an endpoint, `mx.example.org:25`. */
function placeOf(endpoint: string): Labels {
  const parsed = parseHostPort(endpoint, 0);
  return parsed.ok ? { host: parsed.value.host, port: String(parsed.value.port) } : { host: endpoint, port: "" };
}
