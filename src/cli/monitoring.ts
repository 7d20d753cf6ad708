/**
 * What monitoring sees of a plugin that could not look: Nagios and its kin show standard output alone, so that a failure
 * needs a status line there like any other result.
 */

/** The word before the state in the status line of a command; null: as it was called it prints none. */
export function serviceOf(command: string, format: unknown): string | null {
  if (command === "check") return "DANEWARD";
  return command === "verify" && format === "nagios" ? "DANE" : null;
}

/** `DANEWARD UNKNOWN - message`, then the rest of it and the hint. A `|` would begin performance data. */
export function unknownLines(service: string, message: string, hint: string): string {
  const lines = [`${service} UNKNOWN - ${message}`, ...(hint === "" ? [] : [`hint: ${hint}`])];
  return `${lines.join("\n").trimEnd().replaceAll("|", "/")}\n`;
}
