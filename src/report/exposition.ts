/**
 * The text exposition format of Prometheus, as the textfile collector of node_exporter reads it: base units, no timestamps
 * on samples (the collector refuses the whole file then), HELP and TYPE once for each metric. Metric and label names are
 * permanent, and a metric of one name has one HELP text in every file, or the collector drops it.
 */

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Metric {
  readonly name: string;
  readonly help: string;
  /** Which of two samples with the same labels is the worse one. */
  readonly worse: "higher" | "lower";
  readonly samples: readonly Sample[];
}

/** A metric whose value goes up and down. */
export function gauge(name: string, help: string, worse: Metric["worse"], samples: readonly Sample[]): Metric {
  return { name, help, worse, samples };
}

export function sample(labels: Labels, value: number): Sample {
  return { labels, value };
}

/** HELP, TYPE and the samples, no label set twice; nothing without samples. */
export function renderMetric({ name, help, worse, samples }: Metric): string {
  if (samples.length === 0) return "";
  const unique = new Map<string, number>();
  for (const { labels, value } of samples) {
    const key = renderLabels(labels);
    const known = unique.get(key) ?? value;
    unique.set(key, worse === "higher" ? Math.max(known, value) : Math.min(known, value));
  }
  const lines = [...unique].map(([labels, value]) => `${name}${labels} ${String(value)}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join("")}`;
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** The same metrics come from `verify` and from the driver. */
export const MATCH_HELP = "1 when a TLSA record authenticates what this address presents.";
export const NOT_AFTER_HELP = "End of the validity of the server certificate.";
export const SECURE_HELP = "1 when what is answered at this name is DNSSEC-secure, as far as is known.";
