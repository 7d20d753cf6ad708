/** What the demo proved, or did not. Pure. */
import type { Sample } from "../../sandbox/sampler.ts";
import { paint } from "./style.ts";
import type { Style } from "./style.ts";
import type { Findings } from "./show.ts";

/** Whether the demo showed what it promises: no failure under daneward, all the way round, and failures without it. */
export function isProved(findings: Findings): boolean {
  const { rollover, naive } = findings;
  return (
    findings.enrolled &&
    rollover.finished &&
    rollover.samples.length > 0 &&
    failuresOf(rollover.samples).length === 0 &&
    failuresOf(naive.samples).length > 0
  );
}

/** The closing lines. */
export function summarize(findings: Findings, style: Style): readonly string[] {
  const { rollover, naive } = findings;
  if (!findings.enrolled) return ["", paint(style, "red", "the first certificate could not be enrolled")];
  const lines = ["", paint(style, "bold", "result")];
  lines.push(`  with daneward     ${verdictOf(rollover.samples, style)}`);
  if (!rollover.finished) lines.push(paint(style, "red", "  the rollover did not come to rest in time"));
  if (naive.samples.length > 0) lines.push(`  naive renewal     ${verdictOf(naive.samples, style)}`);
  const reasons = new Set(
    [...failuresOf(rollover.samples), ...failuresOf(naive.samples)].map((sample) => sample.failure),
  );
  for (const reason of reasons) lines.push(`                    ${String(reason)}`);
  lines.push("  records after the rollover:");
  for (const { owner, records } of findings.finalRecords) {
    for (const record of records) lines.push(`    ${owner} TLSA ${record}`);
  }
  lines.push("");
  if (isProved(findings)) {
    lines.push(
      "A sample is a DANE client: DNSSEC-validated address and TLSA records through a caching resolver, then SMTP STARTTLS",
      "or TLS. daneward kept the old certificate in use until no cache could hold an RRset without the new record, proved",
      "the new one at every address, and only then withdrew the old record. At a usual TTL of one hour the naive way fails",
      "for up to an hour, and longer while a name server lags.",
    );
  }
  return lines;
}

/** The document `daneward/demo/1`. */
export function summaryJson(findings: Findings, interrupted: boolean): object {
  const { enrolled, rollover, naive, finalRecords } = findings;
  return {
    schema: "daneward/demo/1",
    proved: !interrupted && isProved(findings),
    interrupted,
    enrolled,
    rollover: { finished: rollover.finished, ...tallyOf(rollover.samples) },
    naive: tallyOf(naive.samples),
    records: finalRecords,
  };
}

function tallyOf(samples: readonly Sample[]): object {
  const failures = failuresOf(samples);
  const [first, last] = [failures[0], failures.at(-1)];
  const span = first === undefined || last === undefined ? 0 : (last.at - first.at) / 1000;
  const reasons = [...new Set(failures.map(({ failure }) => failure))];
  return { samples: samples.length, failed: failures.length, failedForSeconds: span, reasons };
}

function failuresOf(samples: readonly Sample[]): readonly Sample[] {
  return samples.filter((sample) => sample.failure !== null);
}

function verdictOf(samples: readonly Sample[], style: Style): string {
  const failures = failuresOf(samples);
  const counts = `${String(samples.length)} samples, ${String(failures.length)} failed`;
  const first = failures[0];
  const last = failures.at(-1);
  if (first === undefined || last === undefined) return paint(style, "green", counts);
  const span = ((last.at - first.at) / 1000).toFixed(1);
  return paint(style, "red", `${counts}: mail would have waited for ${span} s`);
}
