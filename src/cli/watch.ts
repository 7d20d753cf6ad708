/**
 * `daneward status --watch`: the status drawn over itself once a second, with the time to the next steps. State is read
 * anew every few seconds and nobody is asked: it costs as much as `status`. Ends on q, Ctrl-C or a signal, and leaves
 * the last picture standing.
 */
import { ReadStream } from "node:tty";
import { fault, OperationalError } from "../base/errors.ts";
import type { Instant } from "../base/time.ts";
import { isAborted, pause } from "../driver/pause.ts";
import { clockText, countdowns } from "../report/countdown.ts";
import type { Countdown } from "../report/countdown.ts";
import type { StatusReport } from "../report/model.ts";
import { fit, paint, styleOf } from "./demo/style.ts";
import type { Style } from "./demo/style.ts";
import type { Io } from "./io.ts";

export interface Watch {
  /** Reads the saved state. */
  readonly look: () => StatusReport;
  /** The status as `daneward status` prints it. */
  readonly text: (report: StatusReport) => string;
  readonly everySeconds: number;
  readonly io: Io;
}

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const ERASE_BELOW = "\u001b[J";
const CLEAR_SCREEN = "\u001b[2J\u001b[H";
const CTRL_C = "\u0003";
/** Countdowns under a table. */
const SHOWN = 5;
/** Where the terminal does not say, or says nonsense (a serial line has no size). */
const DEFAULT_ROWS = 24;

/** Returns when the user has seen enough. Throws USAGE off a terminal, and what reading the state throws. */
export async function watchStatus({ look, text, everySeconds, io }: Watch): Promise<void> {
  if (!styleOf(io).live) {
    const hint = "without --watch it prints once; for monitoring: daneward check";
    throw OperationalError.of(fault("USAGE", "--watch needs a terminal to draw on", hint));
  }
  io.endWithReader?.();
  const keys = listenForKeys(io);
  const signal = AbortSignal.any([io.signal, keys.signal]);
  let drawn = { lines: 0, columns: 0 };
  let report = look();
  try {
    io.out(HIDE_CURSOR);
    while (!isAborted(signal)) {
      const now = io.clock();
      if (now - report.at >= everySeconds * 1000 || now < report.at) report = look();
      const lines = frame({ ...report, at: now }, text, everySeconds, io);
      // Lines that were wrapped when the window became narrower would not be reached by going up.
      const back =
        drawn.columns !== 0 && drawn.columns !== io.columns ? CLEAR_SCREEN : drawn.lines === 0 ? "" : upBy(drawn.lines);
      io.out(back + lines.map((line) => `${line}\n`).join(""));
      drawn = { lines: lines.length, columns: io.columns };
      await pause(1000 - (now % 1000), signal);
    }
  } finally {
    keys.close();
    io.out(SHOW_CURSOR);
  }
}

function upBy(lines: number): string {
  return `\u001b[${String(lines)}A\r${ERASE_BELOW}`;
}

/** As many lines as the window holds, the cursor's own not counted. Countdowns are what is watched, so they stay. */
function frame(report: StatusReport, text: Watch["text"], everySeconds: number, io: Io): readonly string[] {
  const style = styleOf(io);
  const foot = [
    "",
    ...countdowns(report)
      .slice(0, SHOWN)
      .map((countdown) => countdownLine(countdown, report, style)),
    paint(style, "dim", `  q ends; state is read every ${String(everySeconds)} s; ${clockOf(report.at)}`),
  ];
  const rows = io.rows === undefined || io.rows === 0 ? DEFAULT_ROWS : io.rows;
  const room = Math.max(1, rows - 1 - foot.length);
  const body = text(report).trimEnd().split("\n");
  const cut = body.length - room;
  const shown =
    cut > 0
      ? [
          ...body.slice(0, room - 1),
          paint(style, "dim", `  ${style.unicode ? "…" : "..."} ${String(cut + 1)} more lines`),
        ]
      : body;
  return [...shown, ...foot].map((line) => fit(style, line));
}

const CELLS = 20;

function countdownLine({ certificate, what, at, since }: Countdown, report: StatusReport, style: Style): string {
  const [full, empty] = style.unicode ? ["█", "░"] : ["#", "."];
  const share = at <= since ? 1 : Math.min(1, Math.max(0, (report.at - since) / (at - since)));
  const cells = Math.floor(share * CELLS);
  const bar = paint(style, "cyan", full.repeat(cells)) + paint(style, "dim", empty.repeat(CELLS - cells));
  const who = report.certificates.length === 1 ? "" : `${certificate}: `;
  return `  ${bar}  ${paint(style, "bold", clockText(at, report.at).padStart(8))}  ${who}${what}`;
}

function clockOf(at: Instant): string {
  return `${new Date(at).toISOString().slice(11, 19)} UTC`;
}

interface Keys {
  /** Aborted by q and Ctrl-C. */
  readonly signal: AbortSignal;
  readonly close: () => void;
}

/** Keys one by one, where input is a terminal; else there are none, and a signal ends it. */
function listenForKeys({ stdin }: Io): Keys {
  const controller = new AbortController();
  const onData = (data: Uint8Array | string): void => {
    const text = typeof data === "string" ? data : new TextDecoder().decode(data);
    if (text.includes("q") || text.includes("Q") || text.includes(CTRL_C)) controller.abort();
  };
  const terminal = stdin instanceof ReadStream ? stdin : null;
  terminal?.setRawMode(true);
  stdin.on("data", onData);
  return {
    signal: controller.signal,
    close: () => {
      stdin.off("data", onData);
      terminal?.setRawMode(false);
      stdin.pause();
    },
  };
}
