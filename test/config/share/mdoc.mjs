// mdoc(7): text as it may stand in a manual page.

/** Text within a line: every character means itself. */
export function inline(text) {
  return text.replace(/\\/g, "\\e").replace(/[^\x20-\x7e\n]/gu, (letter) => {
    const code = letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `\\[u${code}]`;
  });
}

/** Lines of their own, a sentence each; none of them begins like a macro. */
export function sentences(text) {
  const lines = inline(text).replace(/(?<=[A-Za-z0-9)"][.:]) +(?=[A-Z])/g, "\n");
  return lines.replace(/^(?=[.'])/gm, "\\&");
}

/** An argument of a macro: one word, that is no macro itself. */
export function word(text) {
  return `"${inline(text).replace(/"/g, "\\(dq").replace(/-/g, "\\-")}"`;
}

/** Lines as they are, in a literal block. */
export function literal(lines) {
  const body = lines.map((line) =>
    inline(line)
      .replace(/-/g, "\\-")
      .replace(/^(?=[.'])/, "\\&"),
  );
  return [".Bd -literal -offset indent", ...body, ".Ed"].join("\n");
}

/** Paragraphs, and tables that are indented, as a help text has them. */
export function helpText(text) {
  return text
    .split("\n\n")
    .flatMap((block) => {
      const lines = block.split("\n");
      const table = lines.findIndex((line) => line.startsWith("  "));
      if (table === -1) return [".Pp", sentences(lines.join(" "))];
      return [".Pp", ...lines.slice(0, table).map(sentences), literal(lines.slice(table).map((line) => line.slice(2)))];
    })
    .join("\n");
}

/** A tagged list of `[tag, body]`, the tag being a line of macros. */
export function tagged(entries, width = "Ds") {
  return [`.Bl -tag -width ${width}`, ...entries.flatMap(([tag, body]) => [`.It ${tag}`, body]), ".El"].join("\n");
}

const MONTHS = "January February March April May June July August September October November December".split(" ");

/** The head of a page; `date` as 2026-11-23. */
export function head({ date, name, section, summary }) {
  const [year, month, day] = date.split("-").map(Number);
  return [
    `.Dd ${MONTHS[month - 1]} ${day}, ${year}`,
    `.Dt ${name.toUpperCase()} ${section}`,
    ".Os",
    ".Sh NAME",
    `.Nm ${name}`,
    `.Nd ${summary}`,
  ].join("\n");
}
