/** Ways to break a signed zone file. dnssec-signzone wrote it with `-O full`: one record a line, comments apart. */

/** Lines in, lines out; the name of the zone to find its apex by. */
export type Damage = (lines: readonly string[], zone: string) => readonly string[];

/** A pattern that hits nothing would leave the zone sound and its test without a point. */
function hits(lines: readonly string[], zone: string, test: (line: string) => boolean): ReadonlySet<string> {
  const found = new Set(lines.filter(test));
  if (found.size === 0) throw new Error(`there is nothing to damage in ${zone}`);
  return found;
}

/** The owner of the apex' NSEC3 record is the one whose types include SOA. */
function isNsec3(lines: readonly string[], apex: boolean): (line: string) => boolean {
  const owner = lines.find((line) => / IN NSEC3\s.* SOA /.test(line))?.split(/\s/)[0];
  return (line) => / IN (NSEC3|RRSIG\s+NSEC3)\s/.test(line) && (line.split(/\s/)[0] === owner) === apex;
}

/** Takes records away. */
export function without(what: RegExp | "apex-nsec3" | "all-but-apex-nsec3"): Damage {
  return (lines, zone) => {
    const test = what instanceof RegExp ? (line: string) => what.test(line) : isNsec3(lines, what === "apex-nsec3");
    const gone = hits(lines, zone, test);
    return lines.filter((line) => !gone.has(line));
  };
}

/** Keeps nothing but these records. */
export function keptOnly(what: RegExp): Damage {
  return (lines, zone) => {
    const kept = hits(lines, zone, (line) => what.test(line));
    return lines.filter((line) => kept.has(line));
  };
}

/** Flips one bit in the middle of the signatures. */
export function bitFlipped(what: RegExp): Damage {
  return (lines, zone) => {
    const hit = hits(lines, zone, (line) => what.test(line));
    return lines.map((line) => {
      const found = hit.has(line) ? /^(.* )(\S+) (\S+)$/.exec(line) : null;
      if (found === null) return line;
      const signature = Buffer.from(`${found[2] ?? ""}${found[3] ?? ""}`, "base64");
      const at = signature.length >> 1;
      signature.writeUInt8(signature.readUInt8(at) ^ 0x10, at);
      return `${found[1] ?? ""}${signature.toString("base64")}`;
    });
  };
}

/** Changes data under an old signature. */
export function forged(what: RegExp, from: string, to: string): Damage {
  return (lines, zone) => {
    const hit = hits(lines, zone, (line) => what.test(line));
    return lines.map((line) => (hit.has(line) ? line.replace(from, to) : line));
  };
}
