// The Debian package, laid out by hand and put together by dpkg-deb.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

/** What of dist/share goes where. */
const SHARED = [
  ["systemd", "usr/lib/systemd/system"],
  ["cron/daneward", "etc/cron.d/daneward"],
  ["logrotate/daneward", "etc/logrotate.d/daneward"],
  ["schema/daneward.schema.json", "usr/share/daneward/daneward.schema.json"],
  ["completions/daneward.bash", "usr/share/bash-completion/completions/daneward"],
  ["completions/_daneward", "usr/share/zsh/vendor-completions/_daneward"],
  ["completions/daneward.fish", "usr/share/fish/vendor_completions.d/daneward.fish"],
  ["examples", "usr/share/doc/daneward/examples"],
  ["prometheus", "usr/share/doc/daneward/examples/prometheus"],
  ["grafana", "usr/share/doc/daneward/examples/grafana"],
  ["apparmor", "usr/share/doc/daneward/examples/apparmor"],
  ["THIRD-PARTY.txt", "usr/share/doc/daneward/THIRD-PARTY.txt"],
];
const PAGES = ["daneward.8", "daneward-verify.1", "daneward.toml.5"];
/** Made by the package, filled by the administrator and the program. */
const EMPTY = ["etc/daneward", "etc/ssl/daneward"];
const CONFFILES = ["/etc/cron.d/daneward", "/etc/logrotate.d/daneward"];

function filesBelow(folder) {
  const names = readdirSync(folder, { recursive: true }).sort();
  return names.map((name) => ({ name, status: lstatSync(path.join(folder, name)) }));
}

/** What the release says, in Debian's words; `date` as 2026-11-23. */
function debianChangelog(version, date, maintainer) {
  const day = new Date(`${date}T00:00:00Z`).toUTCString().replace("GMT", "+0000");
  return `daneward (${version}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- ${maintainer}  ${day}\n`;
}

function program(root, dist, put) {
  const launcher = readFileSync(path.join(root, "bin/daneward.js"), "utf8");
  // Cron and some units have no PATH in which env(1) would find it.
  put("usr/lib/daneward/bin/daneward.js", launcher.replace(/^#!.*/, "#!/usr/bin/node"), 0o755);
  const parts = readdirSync(dist, { recursive: true }).filter((file) => file.endsWith(".cjs"));
  for (const file of parts) {
    const text = readFileSync(path.join(dist, file), "utf8").replace(/\n\/\/# sourceMappingURL=.*\n?$/, "\n");
    put(path.join("usr/lib/daneward/dist", file), text);
  }
}

/** Builds `file` from the bundles in `dist`. */
export function buildDebianPackage(root, dist, file, { version, date, sbom }) {
  const stage = `${file}.stage`;
  const share = path.join(dist, "share");
  rmSync(stage, { recursive: true, force: true });
  const put = (name, content, mode = 0o644) => {
    mkdirSync(path.dirname(path.join(stage, name)), { recursive: true });
    writeFileSync(path.join(stage, name), content);
    chmodSync(path.join(stage, name), mode);
  };
  const compressed = (from) => gzipSync(readFileSync(from), { level: 9 });
  program(root, dist, put);
  for (const [from, to] of SHARED) cpSync(path.join(share, from), path.join(stage, to), { recursive: true });
  for (const page of PAGES) {
    put(`usr/share/man/man${page.at(-1)}/${page}.gz`, compressed(path.join(share, "man", page)));
  }
  for (const folder of EMPTY) mkdirSync(path.join(stage, folder), { recursive: true });
  mkdirSync(path.join(stage, "usr/bin"), { recursive: true });
  symlinkSync("../lib/daneward/bin/daneward.js", path.join(stage, "usr/bin/daneward"));

  const debian = path.join(root, "src/share/debian");
  const read = (name) => readFileSync(path.join(debian, name), "utf8");
  const maintainer = /^Maintainer: (.*)$/m.exec(read("control"))[1];
  const doc = "usr/share/doc/daneward";
  put(`${doc}/README.Debian`, read("README.Debian"));
  put(`${doc}/README.md.gz`, compressed(path.join(root, "README.md")));
  put(`${doc}/changelog.gz`, compressed(path.join(root, "CHANGELOG.md")));
  put(`${doc}/changelog.Debian.gz`, gzipSync(debianChangelog(version, date, maintainer), { level: 9 }));
  put(`${doc}/sbom.cdx.json`, `${JSON.stringify(sbom, null, 2)}\n`);
  const license = readFileSync(path.join(root, "LICENSE"), "utf8").trim().split("\n");
  const holder = license.find((line) => line.startsWith("Copyright")).replace(/^Copyright (\(c\) )?/, "");
  const terms = license.slice(license.indexOf(license.find((line) => line.startsWith("Permission"))));
  put(
    `${doc}/copyright`,
    read("copyright")
      .replace("@HOLDER@", holder)
      .replace("@LICENSE@", terms.map((line) => (line === "" ? " ." : ` ${line}`)).join("\n")),
  );
  finish(stage, file, { version, date, control: read("control"), scripts: ["postinst", "prerm", "postrm"], read, put });
}

function finish(stage, file, { version, date, control, scripts, read, put }) {
  const contents = filesBelow(stage);
  for (const { name, status } of contents) {
    if (status.isSymbolicLink()) continue;
    const mode = status.isDirectory() || name === "usr/lib/daneward/bin/daneward.js" ? 0o755 : 0o644;
    chmodSync(path.join(stage, name), mode);
  }
  chmodSync(stage, 0o755);
  const regular = contents.filter(({ status }) => status.isFile());
  const size = Math.ceil(regular.reduce((total, { status }) => total + status.size, 0) / 1024);
  const sums = regular.map(
    ({ name }) =>
      `${createHash("md5")
        .update(readFileSync(path.join(stage, name)))
        .digest("hex")}  ${name}\n`,
  );
  put("DEBIAN/md5sums", sums.filter((line) => !line.includes("  etc/")).join(""));
  put("DEBIAN/conffiles", CONFFILES.map((name) => `${name}\n`).join(""));
  put("DEBIAN/control", control.replace("@VERSION@", version).replace("@SIZE@", String(size)));
  for (const script of scripts) put(`DEBIAN/${script}`, read(script), 0o755);
  chmodSync(path.join(stage, "DEBIAN"), 0o755);
  const epoch = String(Date.parse(`${date}T00:00:00Z`) / 1000);
  execFileSync("dpkg-deb", ["--root-owner-group", "-Zxz", "--build", stage, file], {
    env: { ...process.env, SOURCE_DATE_EPOCH: epoch },
    stdio: ["ignore", "ignore", "inherit"],
  });
  rmSync(stage, { recursive: true, force: true });
}
