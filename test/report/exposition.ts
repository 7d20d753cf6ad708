/**
 * A strict reader of the Prometheus text format 0.0.4, stricter than a server is: HELP and TYPE before the samples of a
 * metric and once, its samples together, no label set twice, no timestamps, only known escapes, a newline at the end.
 * Throws for what it does not like.
 */
export interface ReadMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

export function readExposition(text: string): readonly ReadMetric[] {
  if (!text.endsWith("\n") || text.includes("\r")) throw new Error("no newline at the end, or a carriage return");
  const metrics: {
    name: string;
    help: string;
    type: string;
    samples: { labels: Record<string, string>; value: number }[];
  }[] = [];
  const seen = new Set<string>();
  let help: { name: string; text: string } | null = null;
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)$/.exec(line);
    if (comment !== null) {
      const [, kind = "", name = "", rest = ""] = comment;
      if (kind === "HELP") {
        if (help !== null || metrics.some((each) => each.name === name)) throw new Error(`HELP out of place: ${line}`);
        help = { name, text: rest };
      } else {
        if (help?.name !== name || !/^(counter|gauge|histogram|summary|untyped)$/.test(rest))
          throw new Error(`TYPE: ${line}`);
        metrics.push({ name, help: help.text, type: rest, samples: [] });
        help = null;
      }
      continue;
    }
    const found = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|\+?Inf)|NaN)$/.exec(line);
    const metric = metrics.at(-1);
    if (found === null || help !== null || metric === undefined) throw new Error(`not a sample: ${line}`);
    const [, name = "", labelText = "", value = ""] = found;
    if (name !== metric.name) throw new Error(`${name} among the samples of ${metric.name}`);
    const labels = readLabels(labelText);
    const key = `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
    if (seen.has(key)) throw new Error(`twice: ${line}`);
    seen.add(key);
    metric.samples.push({ labels, value: Number(value) });
  }
  const empty = metrics.find(({ samples }) => samples.length === 0);
  if (help !== null || empty !== undefined) throw new Error("a metric without samples");
  return metrics;
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const found = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\\\|\\"|\\n)*)"(?:,(?=.)|$)/.exec(rest);
    if (found === null) throw new Error(`labels: ${rest}`);
    const [all, name = "", value = ""] = found;
    if (name in labels || name.startsWith("__")) throw new Error(`label ${name}`);
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
    rest = rest.slice(all.length);
  }
  return labels;
}
