/** Units as systemd puts them together, and what their sandboxes leave. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseUnit, readUnit, sandboxOf, unitFile, wordsOf } from "../../../src/driver/doctor/unit.ts";
import type { Access } from "../../../src/driver/doctor/unit.ts";
import { openTree } from "../../../src/driver/setup/tree.ts";
import { makeHost } from "../setup/host.ts";
import type { Host } from "../setup/host.ts";

let host: Host;

beforeEach(() => {
  host = makeHost();
});
afterEach(() => {
  host.remove();
});

/** The home of the superuser. */
const ROOT_HOME = "/root";

function serviceOf(...lines: readonly string[]): Parameters<typeof sandboxOf>[0] {
  return { settings: parseUnit(["[Service]", ...lines].join("\n")) };
}

const itself = (file: string): string => file;

describe("a unit", () => {
  test("is its first file and the drop-ins of all folders by name, of one name the first, without masked ones", () => {
    host.write("/lib/systemd/system/a-b.service", "[Service]\nExecStart=/bin/a\nReadWritePaths=/one\n");
    host.write("/usr/local/lib/systemd/system/a-b.service", "[Service]\nExecStart=/bin/local\nReadWritePaths=/one\n");
    host.write("/etc/systemd/system/a-b.service.d/20.conf", "[Service]\nReadWritePaths=/twenty\n");
    host.write("/lib/systemd/system/a-b.service.d/20.conf", "[Service]\nReadWritePaths=/hidden-by-etc\n");
    host.write("/lib/systemd/system/a-b.service.d/10.conf", "[Service]\nReadWritePaths=/ten\n");
    host.write("/etc/systemd/system/a-.service.d/15.conf", "[Service]\nReadWritePaths=/fifteen\n");
    host.write("/etc/systemd/system/service.d/30.conf", "[Service]\nReadWritePaths=/thirty\n");
    host.write("/lib/systemd/system/a-b.service.d/40.conf", "[Service]\nReadWritePaths=/masked\n");
    host.link("/etc/systemd/system/a-b.service.d/40.conf", "/dev/null");
    host.write("/etc/systemd/system/a-b.service.d/50.conf~", "[Service]\nReadWritePaths=/backup\n");
    const unit = readUnit(openTree(host.root), "a-b.service");
    expect(unit?.file).toBe("/usr/local/lib/systemd/system/a-b.service");
    expect(unit === null ? [] : wordsOf(unit, "ReadWritePaths")).toEqual([
      "/one",
      "/ten",
      "/fifteen",
      "/twenty",
      "/thirty",
    ]);
  });

  test("that is masked is none, whatever other folders have", () => {
    host.write("/lib/systemd/system/a.service", "[Service]\n");
    host.link("/etc/systemd/system/a.service", "/dev/null");
    const tree = openTree(host.root);
    expect([unitFile(tree, "a.service"), readUnit(tree, "a.service"), readUnit(tree, "b.service")]).toEqual([
      "/dev/null",
      null,
      null,
    ]);
  });

  test.each<readonly [what: string, lines: readonly string[], words: readonly string[]]>([
    ["goes on after a backslash, comments between left out", ["P=/a \\", "# no", "; no", "  /b"], ["/a", "/b"]],
    ["forgets what stood before an empty assignment", ["P=/a", "P=", "P=/b"], ["/b"]],
    ["takes quotes and specifiers", ['P="/a b" %S/c %%d'], ["/a b", "/var/lib/c", "%d"]],
    ["heeds its section alone", ["P=/a", "[Unit]", "P=/b"], ["/a"]],
    ["takes lines that say nothing", ["P", "=", "P=/a"], ["/a"]],
  ])("%s", (_what, lines, words) => {
    expect(wordsOf(serviceOf(...lines), "P")).toEqual(words);
  });
});

describe("a sandbox", () => {
  test.each<readonly [lines: readonly string[], file: string, access: Access]>([
    [[], "/etc/nsd", "writable"],
    [["ProtectSystem=strict"], "/etc/nsd", "read-only"],
    [["ProtectSystem=strict"], "/dev/shm/x", "writable"],
    [["ProtectSystem=full"], "/etc/nsd", "read-only"],
    [["ProtectSystem=full"], "/var/lib/x", "writable"],
    [["ProtectSystem=yes"], "/etc/nsd", "writable"],
    [["ProtectSystem=true"], "/usr/local/x", "read-only"],
    [["ProtectSystem=strict", "ProtectSystem=no"], "/etc/nsd", "writable"],
    [["ProtectSystem=strict", "ReadWritePaths=-/etc/nsd /srv/"], "/etc/nsd/zones", "writable"],
    [["ProtectSystem=strict", "ReadWritePaths=-/etc/nsd /srv/"], "/srv", "writable"],
    [["ProtectSystem=strict", "ReadWritePaths=/etc/nsd"], "/etc/nsd2", "read-only"],
    [["ProtectSystem=strict", "ReadWritePaths=/etc", "ReadOnlyPaths=/etc/nsd"], "/etc/nsd/zones", "read-only"],
    [["ProtectSystem=strict", "ReadOnlyPaths=/etc", "ReadWritePaths=/etc/nsd"], "/etc/nsd/zones", "writable"],
    [["ProtectSystem=strict", "ReadWriteDirectories=/etc/nsd"], "/etc/nsd/zones", "writable"],
    [["ProtectSystem=strict", "StateDirectory=daneward nsd:old"], "/var/lib/nsd/x", "writable"],
    [["ProtectSystem=strict", "RuntimeDirectory=daneward"], "/run/daneward", "writable"],
    [["InaccessiblePaths=/srv", "ReadWritePaths=/srv/x"], "/srv/x", "hidden"],
    [["ProtectHome=yes", "ReadWritePaths=/root"], `${ROOT_HOME}/x`, "hidden"],
    [["ProtectHome=tmpfs"], "/home/acme", "hidden"],
    [["ProtectHome=read-only"], "/home/acme", "read-only"],
    [["ProtectHome=yes", "ProtectHome=read-only"], "/home/acme", "read-only"],
    [["PrivateTmp=yes"], "/tmp/x", "private"],
    [["PrivateTmp=no"], "/tmp/x", "writable"],
    [["TemporaryFileSystem=/srv:ro"], "/srv/x", "private"],
  ])("of %j: %s is %s", (lines, file, access) => {
    expect(sandboxOf(serviceOf(...lines), itself).access(file)).toBe(access);
  });

  test("follows links to what is to be written", () => {
    const real = (file: string): string => file.replace(/^\/etc\/ssl\/daneward/, "/srv/certs");
    const { access } = sandboxOf(serviceOf("ProtectSystem=strict", "ReadWritePaths=/etc/ssl/daneward"), real);
    expect([access("/srv/certs/mx"), access("/srv")]).toEqual(["writable", "read-only"]);
  });

  test.each<readonly [lines: readonly string[], has: boolean]>([
    [[], true],
    [["CapabilityBoundingSet=CAP_CHOWN"], false],
    [["CapabilityBoundingSet=CAP_CHOWN CAP_SETUID"], true],
    [["CapabilityBoundingSet=CAP_CHOWN", "CapabilityBoundingSet=CAP_SETUID"], true],
    [["CapabilityBoundingSet="], false],
    [["CapabilityBoundingSet=", "CapabilityBoundingSet=CAP_SETUID"], true],
    [["CapabilityBoundingSet=~"], true],
    [["CapabilityBoundingSet=~CAP_SETUID CAP_KILL"], false],
    [["CapabilityBoundingSet=~CAP_KILL"], true],
    [["CapabilityBoundingSet=CAP_SETUID CAP_KILL", "CapabilityBoundingSet=~CAP_SETUID"], false],
    [["CapabilityBoundingSet=~CAP_SETUID", "CapabilityBoundingSet=CAP_SETUID"], true],
  ])("of %j has CAP_SETUID: %s", (lines, has) => {
    expect(sandboxOf(serviceOf(...lines), itself).has("CAP_SETUID")).toBe(has);
  });

  test("needs the folders that it names without a dash", () => {
    const unit = serviceOf("ReadWritePaths=/a -/b +/c +-/d -+/e");
    expect(sandboxOf(unit, itself).required).toEqual(["/a", "/c"]);
  });
});
