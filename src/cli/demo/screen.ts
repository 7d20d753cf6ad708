/** Where the demo's picture goes: a block redrawn in place on a terminal, plain lines elsewhere. */
import { drawBlock, drawLine, stamp } from "./draw.ts";
import type { Style } from "./style.ts";
import type { DemoView } from "./view.ts";

export interface Screen {
  /** A line that stays. */
  readonly say: (text: string) => void;
  /** Something happened: a line that stays, with the time since the start. */
  readonly event: (elapsed: number, text: string) => void;
  /** The present state. Off a terminal a line is written only when more than the passing of time has changed. */
  readonly show: (view: DemoView) => void;
  /** Lines in place of the block; nothing off a terminal. */
  readonly draw: (lines: readonly string[]) => void;
  /** Takes the block away, or leaves it standing, and goes on below it. */
  readonly settle: (keep: boolean) => void;
}

const UP = (lines: number): string => `\u001b[${String(lines)}A\r`;
const ERASE_BELOW = "\u001b[J";
const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";

/** A screen that writes through `out`. */
export function createScreen(out: (text: string) => void, style: Style): Screen {
  let block: readonly string[] = [];
  let lastLine = "";
  const erase = (): string => (block.length === 0 ? "" : UP(block.length) + ERASE_BELOW);
  const redraw = (above: string, next: readonly string[]): void => {
    const hide = block.length === 0 && next.length > 0 ? HIDE_CURSOR : "";
    out(hide + erase() + above + next.map((line) => `${line}\n`).join(""));
    block = next;
  };
  const say = (text: string): void => {
    redraw(`${text}\n`, block);
  };
  return {
    say,
    event: (elapsed, text) => {
      say(`${stamp(elapsed)}  ${text}`);
    },
    show: (view) => {
      if (style.live) {
        redraw("", drawBlock(view, style));
        return;
      }
      // The line less its clock, countdown and sample count: what is worth a line of its own in a log.
      const gist = [
        view.phase,
        ...view.servers.map((server) => server.condition),
        String(view.samples.failed > 0),
      ].join(" ");
      if (gist === lastLine) return;
      lastLine = gist;
      out(`${drawLine(view)}\n`);
    },
    draw: (lines) => {
      if (style.live) redraw("", lines);
    },
    settle: (keep) => {
      const wasShown = block.length > 0;
      if (!keep) redraw("", []);
      block = [];
      if (wasShown) out(SHOW_CURSOR);
    },
  };
}
