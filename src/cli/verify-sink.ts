/** Where the results of a list of targets go: to standard output at once, or collected where the format is one text. */
import type { Instant } from "../base/time.ts";
import { renderResultJson, renderResultText } from "../report/verify-result.ts";
import type { ListedReport, ListFacts, TargetResult } from "../report/verify-result.ts";
import type { HostReport, VerifyExit } from "../verifier/verdict.ts";
import type { Io } from "./io.ts";
import { parseThresholds } from "./verify-options.ts";
import type { VerifyCommandOptions, VerifyFormat } from "./verify-options.ts";

export interface Sink {
  readonly result: (result: TargetResult) => void;
  /** `exit`: that of the whole run; `at`: the instant that the verdicts are about. */
  readonly end: (exit: VerifyExit, at: Instant) => Promise<void>;
}

/** `print` is told apart from `io.out`, because a line of progress may have to make room first. */
export function createSink(
  format: VerifyFormat,
  options: VerifyCommandOptions,
  io: Io,
  print: (text: string) => void,
): Sink {
  const { quiet = false, verbose = false } = options;
  switch (format) {
    case "text":
      return streaming(print, (result) => {
        // What is no target was reported as an error.
        if ("fault" in result) return "";
        return renderResultText(result.target, result.report, { quiet, verbose, color: io.color });
      });
    case "json":
      return streaming(print, (result) => {
        return quiet && "report" in result && result.report.exit === 0 ? "" : renderResultJson(result);
      });
    case "nagios":
      return collecting(print, io, async () => {
        const { renderVerifyNagios } = await import("../report/verify-nagios.ts");
        return (report) => renderVerifyNagios(report, parseThresholds(options));
      });
    case "prometheus":
      return collecting(print, io, async () => (await import("../report/verify-prometheus.ts")).renderVerifyPrometheus);
  }
}

function streaming(print: (text: string) => void, render: (result: TargetResult) => string): Sink {
  return {
    result: (result) => {
      const text = render(result);
      if (text !== "") print(text);
    },
    end: () => Promise.resolve(),
  };
}

type Renderer = (report: ListedReport) => string;

/** In the order of the list. Takes memory for each host, as these formats need all of them for one text. */
function collecting(print: (text: string) => void, { signal }: Io, load: () => Promise<Renderer>): Sink {
  const reports = new Map<number, readonly HostReport[]>();
  const bad: ListFacts["badLines"][number][] = [];
  return {
    result: (result) => {
      if ("report" in result) reports.set(result.line, result.report.hosts);
      else bad.push(result);
    },
    end: async (exit, at) => {
      const render = await load();
      const hosts = [...reports].sort(([left], [right]) => left - right).flatMap(([, each]) => each);
      const badLines = bad.sort((left, right) => left.line - right.line);
      print(render({ exit, at, hosts, list: { badLines, interrupted: signal.aborted } }));
    },
  };
}
