/**
 * `daneward verify`: looks at live servers as a DANE client would, or judges a chain in a file. Needs no configuration
 * and no root; reads one only when it is named. Exit codes of monitoring plugins: 0 verified, 1 not
 * protected, 2 refused, 3 could not look.
 */
import { verifyTargets } from "../../verifier/verify.ts";
import type { VerifyReport } from "../../verifier/verdict.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import {
  openVerification,
  parseFormat,
  parseStarttls,
  parseThresholds,
  refuse,
  unwrap,
  usage,
} from "../verify-options.ts";
import type { VerifyCommandOptions, VerifyFormat } from "../verify-options.ts";
import { guessAt, readTarget, targetTexts, withoutGuess } from "../verify-target.ts";

/** Throws OperationalError for bad usage and unreadable files; what it finds out is in the exit code. */
export async function run(args: readonly string[], options: VerifyCommandOptions, io: Io): Promise<ExitCode> {
  const format = parseFormat(options);
  if (options.targets !== undefined) {
    const { verifyList } = await import("../verify-bulk.ts");
    return verifyList(args, options.targets, options, io);
  }
  const report = await look(args, format, options, io);
  io.out(await render(report, format, options, io));
  return report.exit;
}

async function look(
  args: readonly string[],
  format: VerifyFormat,
  options: VerifyCommandOptions,
  io: Io,
): Promise<VerifyReport> {
  refuse(options, ["left"], "only with --targets");
  if (options.chain !== undefined || options.tlsa !== undefined) {
    const { judgeFiles } = await import("../verify-offline.ts");
    return judgeFiles(args, options, io);
  }
  const texts = targetTexts(args, options);
  if (texts.length === 0) {
    throw usage("no target", "name a service, for example mx.example.org:25, or give --chain, --tlsa and --name");
  }
  const starttls = parseStarttls(options.starttls);
  const targets = texts.map((text) => unwrap(readTarget(text, starttls)));
  if (format === "text" && options.quiet !== true) {
    for (const guess of targets.map((target) => guessAt(target, starttls))) {
      if (guess !== null) io.err(`daneward: warning: ${guess}\n`);
    }
  }
  return withoutGuess(await verifyTargets(targets, await openVerification(options, null, io)), targets, starttls);
}

async function render(
  report: VerifyReport,
  format: VerifyFormat,
  options: VerifyCommandOptions,
  io: Io,
): Promise<string> {
  const { quiet = false, verbose = false } = options;
  switch (format) {
    case "text": {
      const { renderVerifyText } = await import("../../report/verify-text.ts");
      return renderVerifyText(report, { quiet, verbose, color: io.color });
    }
    case "json": {
      const { renderVerifyJson } = await import("../../report/verify-json.ts");
      return renderVerifyJson(report);
    }
    case "nagios": {
      const { renderVerifyNagios } = await import("../../report/verify-nagios.ts");
      return renderVerifyNagios(report, parseThresholds(options));
    }
    case "prometheus": {
      const { renderVerifyPrometheus } = await import("../../report/verify-prometheus.ts");
      return renderVerifyPrometheus(report);
    }
  }
}
