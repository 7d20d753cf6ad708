/** Takes out of a program's output what looks like a secret, before it is kept for people to read. */

const MASK = "[…]";
/** A line of a PEM body, or of anything else in Base64 or hexadecimal digits; error messages have blanks or dots. */
const ENCODED_LINE = /^[A-Za-z0-9+/=]{24,}$/;
/** Tokens and digests within a line; a path has slashes and a host name dots. */
const ENCODED_WORD = /\b[A-Za-z0-9+_=-]{40,}/g;
/** `password=x`, `Token: x`; what begins with a slash is the name of a file. */
const NAMED = /\b((?:pass(?:word|phrase|wd)?|secret|token|api[-_]?key|private[-_]?key)["']?\s*[=:]\s*)(?!\/)\S+/gi;
const BEGIN = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const END = /-----END [A-Z ]*PRIVATE KEY-----/;

/** The text with key blocks, long encoded words and the values of passwords and tokens replaced. A net, not a promise. */
export function maskSecrets(text: string): string {
  const lines = text.split("\n");
  let inKey = false;
  return lines
    .map((line, at) => {
      if (BEGIN.test(line)) inKey = true;
      // Output is kept from its end: the line that began the block may be missing.
      const isLast = END.test(lines[at + 1] ?? "") && !BEGIN.test(line);
      const masked =
        inKey || isLast || END.test(line) || ENCODED_LINE.test(line.trim())
          ? MASK
          : line.replace(NAMED, `$1${MASK}`).replace(ENCODED_WORD, MASK);
      if (END.test(line)) inKey = false;
      return masked;
    })
    .filter((line, at, all) => line !== MASK || all[at - 1] !== MASK)
    .join("\n");
}
