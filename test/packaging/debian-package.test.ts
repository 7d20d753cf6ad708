/** The Debian package: what lintian says, and its life from installation to purge in a root folder of its own. */
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { serverSuite } from "../server/lab/programs.ts";
import { must, run } from "../server/lab/process.ts";
import type { Ended } from "../server/lab/process.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const WHAT_IT_LACKS = /^daneward: mx: .*live\/cert\.pem is missing \[SOURCE_UNUSABLE\]$/m;

serverSuite("the Debian package", ["dpkg", "dpkg-deb", "lintian", "root"], () => {
  const folder = mkdtempSync(path.join(tmpdir(), "daneward-deb-"));
  let file = "";

  beforeAll(async () => {
    const made = await must(process.execPath, ["test/config/package.mjs", "deb", "--into", folder], { cwd: ROOT });
    file = made.trim();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("is the same to the octet when it is built again", async () => {
    const again = path.join(folder, "again");
    const made = await must(process.execPath, ["test/config/package.mjs", "deb", "--into", again], { cwd: ROOT });
    expect(readFileSync(made.trim()).equals(readFileSync(file))).toBe(true);
  });

  test("has neither errors nor warnings for lintian", async () => {
    const { stdout, stderr } = await run("lintian", ["--allow-root", "--fail-on", "error", file], {
      timeoutMs: 60_000,
    });
    const said = (stdout + stderr).split("\n").filter((line) => /^[EW]:/.test(line));
    // What only a package on its way into Debian can have.
    expect(said.filter((line) => !line.includes("initial-upload-closes-no-bugs"))).toEqual([]);
  });

  test("says what it needs, what is whose, and starts nothing", async () => {
    const control = await must("dpkg-deb", ["--field", file]);
    expect(control).toContain("Depends: nodejs (>= 20.19)\n");
    expect(control).toContain("Architecture: all\n");
    const conffiles = await must("dpkg-deb", ["--info", file, "conffiles"]);
    expect(conffiles).toBe("/etc/cron.d/daneward\n/etc/logrotate.d/daneward\n");
    const listed = await must("dpkg-deb", ["--contents", file]);
    expect(listed).not.toMatch(/\.wants\/|daneward\.toml$(?<!examples\/daneward\.toml)/m);
    expect(listed.split("\n").filter((line) => line !== "" && !line.includes(" root/root "))).toEqual([]);
    expect(listed).not.toMatch(/^[^l]\S{4}w|^[^l]\S{7}w/m);
  });

  describe("installed", () => {
    const target = path.join(folder, "root");
    const at = (name: string): string => path.join(target, name);
    const dpkg = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
      run("dpkg", [`--root=${target}`, "--force-script-chrootless", "--force-depends", "--log=/dev/null", ...args], {
        env,
      });
    const program = (args: readonly string[]): Promise<Ended> =>
      run(process.execPath, [at("usr/bin/daneward"), ...args], { cwd: target });

    async function install(): Promise<string> {
      for (const name of ["var/lib/dpkg/info", "var/lib/dpkg/updates"]) mkdirSync(at(name), { recursive: true });
      if (!existsSync(at("var/lib/dpkg/status"))) writeFileSync(at("var/lib/dpkg/status"), "");
      const { code, stdout, stderr } = await dpkg(["--install", file]);
      if (code !== 0) throw new Error(stdout + stderr);
      return stdout;
    }

    /** A configuration, a deployed certificate and state, as there are after a while. */
    function use(): void {
      const key = at("etc/daneward/tsig.key");
      writeFileSync(key, 'key "k" { algorithm hmac-sha256; secret "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"; };\n');
      chmodSync(key, 0o600);
      const example = readFileSync(at("usr/share/doc/daneward/examples/daneward.toml"), "utf8");
      writeFileSync(
        at("etc/daneward/daneward.toml"),
        example
          .replace("192.0.2.53", "127.0.0.1:9")
          .replace('"127.0.0.1"', '"127.0.0.1:9"')
          .replace("/etc/daneward/tsig.key", key)
          .replace("/etc/letsencrypt/live/mx.example.org", at("live"))
          .replace("[defaults]", `deploy_root = "${at("etc/ssl/daneward")}"\n[defaults]`),
      );
      mkdirSync(at("etc/ssl/daneward/mx"), { recursive: true });
      writeFileSync(at("etc/ssl/daneward/mx/fullchain.pem"), "kept\n");
    }

    test("is whole, and no unit of it is enabled", async () => {
      const said = await install();
      expect(said).toContain('daneward: nothing runs yet; "daneward adopt" proposes a configuration, see ');
      const next = /see (\/\S+)$/m.exec(said)?.[1] ?? "";
      expect(readFileSync(at(next), "utf8")).toContain("systemctl enable --now daneward.timer");
      expect(await install()).not.toContain("nothing runs yet");
      expect(await dpkg(["--verify", "daneward"])).toMatchObject({ code: 0, stdout: "" });
      expect((await dpkg(["--status", "daneward"])).stdout).toContain("Status: install ok installed");
      expect(existsSync(at("etc/systemd"))).toBe(false);
      expect(existsSync(at("var/lib/daneward"))).toBe(false);
      expect(readdirSync(at("etc/daneward"))).toEqual([]);
      expect(statSync(at("etc/ssl/daneward")).mode & 0o777).toBe(0o755);
      expect(readFileSync(at("usr/bin/daneward"), "utf8").split("\n")[0]).toBe("#!/usr/bin/node");
      const manual = gunzipSync(readFileSync(at("usr/share/man/man5/daneward.toml.5.gz"))).toString();
      expect(manual).toContain(".Dt DANEWARD.TOML 5");
      const sbom = readFileSync(at("usr/share/doc/daneward/sbom.cdx.json"), "utf8");
      expect(sbom).toContain('"pkg:npm/smol-toml@');
    });

    test("runs the command of its unit, which says what the source lacks and leaves state behind", async () => {
      await install();
      use();
      const unit = readFileSync(at("usr/lib/systemd/system/daneward.service"), "utf8");
      const [executable = "", ...words] = (/^ExecStart=(.*)$/m.exec(unit)?.[1] ?? "").split(" ");
      expect(existsSync(at(executable))).toBe(true);
      const files = ["--config", at("etc/daneward/daneward.toml"), "--state-dir", at("var/lib/daneward")];
      const ticked = await program([...words, ...files]);
      expect(ticked.code).toBe(1);
      expect(ticked.stderr).toMatch(WHAT_IT_LACKS);
      expect(existsSync(at("var/lib/daneward/events.jsonl")) || readdirSync(at("var/lib/daneward")).length > 0).toBe(
        true,
      );
      expect((await program(["check", ...files])).stdout).toMatch(/^DANEWARD /);
    });

    test("keeps certificates, state and configuration when it is purged, and says so", async () => {
      await install();
      use();
      mkdirSync(at("var/lib/daneward"), { recursive: true });
      mkdirSync(at("etc/systemd/system/timers.target.wants"), { recursive: true });
      writeFileSync(at("etc/systemd/system/timers.target.wants/daneward.timer"), "");
      const removed = await dpkg(["--remove", "daneward"]);
      expect({ code: removed.code, stderr: removed.stderr.replace(/^dpkg: warning.*\n/gm, "") }).toEqual({
        code: 0,
        stderr: "",
      });
      // A removal alone keeps what may come into use again.
      expect(existsSync(at("etc/cron.d/daneward"))).toBe(true);
      expect(existsSync(at("usr/lib/daneward"))).toBe(false);

      const purged = await dpkg(["--purge", "daneward"]);
      expect(purged.code).toBe(0);
      for (const kept of ["/etc/ssl/daneward", "/var/lib/daneward", "/etc/daneward"]) {
        expect(purged.stdout).toContain(`daneward: kept ${kept}: rm -r ${kept} when nothing needs it any more\n`);
      }
      expect(readFileSync(at("etc/ssl/daneward/mx/fullchain.pem"), "utf8")).toBe("kept\n");
      expect(existsSync(at("etc/daneward/tsig.key"))).toBe(true);
      for (const gone of [
        "etc/cron.d/daneward",
        "etc/logrotate.d/daneward",
        "usr/bin/daneward",
        "usr/share/daneward",
      ]) {
        expect(existsSync(at(gone))).toBe(false);
      }
      expect(readdirSync(at("etc/systemd/system/timers.target.wants"))).toEqual([]);
      expect(existsSync(at("usr"))).toBe(false);
    });

    test("takes all of it away when it is asked to", async () => {
      await install();
      use();
      mkdirSync(at("var/lib/daneward"), { recursive: true });
      const { code, stdout } = await dpkg(["--purge", "daneward"], { DANEWARD_PURGE: "all" });
      expect(code).toBe(0);
      expect(stdout).not.toContain("kept");
      for (const gone of ["etc/ssl/daneward", "var/lib/daneward", "etc/daneward"])
        expect(existsSync(at(gone))).toBe(false);
    });
  });
});
