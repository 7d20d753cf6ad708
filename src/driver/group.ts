/** Looks up a group by name: Node has no getgrnam(3). */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { OperationalError } from "../base/errors.ts";

/** The id of a group: digits, a line of /etc/group, or what the system's name service knows. Throws KEY_GROUP_UNKNOWN. */
export function groupIdOf(name: string): number {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  const id = idIn(localGroups(), name) ?? idIn(serviceGroups(name), name);
  if (id === null) throw new OperationalError("KEY_GROUP_UNKNOWN", `there is no group "${name}"`, { retry: "never" });
  return id;
}

function idIn(lines: string, name: string): number | null {
  const fields = lines
    .split("\n")
    .map((line) => line.split(":"))
    .find(([first]) => first === name);
  const id = fields?.[2] ?? "";
  return /^\d{1,10}$/.test(id) ? Number(id) : null;
}

function localGroups(): string {
  try {
    return readFileSync("/etc/group", "utf8");
  } catch {
    // Not a system with such a file: the name service decides.
    return "";
  }
}

function serviceGroups(name: string): string {
  try {
    return execFileSync("getent", ["group", "--", name], {
      encoding: "utf8",
      env: { PATH: "/usr/bin:/bin", LANG: "C" },
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 5000,
    });
  } catch {
    // Unknown there too, or no getent: the caller reports the group as unknown.
    return "";
  }
}
