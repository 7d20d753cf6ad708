// One target as a whole process, `daneward verify HOST:PORT/smtp`, beside a bare `node -e 0` and beside Postfix's own
// checker where it is installed. Ratios in one run: contenders alternate. Both are told whom to ask: daneward by
// --resolver with --trust ad (the same trust in the AD bit that Postfix has); Postfix only knows the resolver of the
// host, so it is measured at level "encrypt", without a DNS server: connection, STARTTLS and handshake alone.
// Usage: npm run --silent build && node test/bench/verify-one.mjs [ROUNDS]
import { execFileSync, fork, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createSecureContext, TLSSocket } from "node:tls";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const self = fileURLToPath(import.meta.url);
const FINGER = ["/usr/sbin/posttls-finger", "/usr/local/sbin/posttls-finger"].find((file) => existsSync(file));
const median = (list) => [...list].sort((left, right) => left - right)[Math.floor(list.length / 2)];

if (process.argv[2] === "--smtp") serve(process.argv[3]);
else await main(Number(process.argv[2] ?? 15));

/** A mail server that knows EHLO, STARTTLS and QUIT. */
function serve(folder) {
  const secureContext = createSecureContext({
    key: readFileSync(path.join(folder, "key.pem")),
    cert: readFileSync(path.join(folder, "cert.pem")),
  });
  const talk = (socket, onTls) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", (line) => {
      if (/^EHLO/i.test(line)) socket.write(onTls === null ? "250 mx\r\n" : "250-mx\r\n250 STARTTLS\r\n");
      else if (/^STARTTLS/i.test(line) && onTls !== null) onTls();
      else socket.end("221 bye\r\n");
    });
  };
  const server = createServer((socket) => {
    talk(socket, () => {
      socket.removeAllListeners("data");
      socket.write("220 go\r\n");
      talk(new TLSSocket(socket, { isServer: true, secureContext }), null);
    });
    socket.write("220 mx ESMTP\r\n");
  });
  server.listen(0, "127.0.0.1", () => process.send({ smtp: server.address().port }));
}

function ready(child) {
  return new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", reject);
  });
}

async function main(rounds) {
  const folder = mkdtempSync(path.join(tmpdir(), "daneward-bench-"));
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=h0.bench.example";
  execFileSync("openssl", [...request.split(" "), "-keyout", "key.pem", "-out", "cert.pem"], {
    cwd: folder,
    stdio: "ignore",
  });
  const mail = fork(self, ["--smtp", folder]);
  // The DNS of the bulk benchmark: h0 is at 127.0.1.1, so the server is named by address.
  const dns = fork(path.join(root, "test/bench/verify-bulk.mjs"), ["--server", folder]);
  try {
    const [{ smtp }, ports] = await Promise.all([ready(mail), ready(dns)]);
    const program = path.join(root, "bin/daneward.js");
    const verify = [program, "verify", `h0.bench.example:${smtp}/smtp`, "--address", "127.0.0.1", "--trust", "ad"];
    const resolver = ["--resolver", `127.0.0.1:${ports.dns}`];
    const contenders = [
      { name: "node -e 0", command: process.execPath, argv: ["-e", "0"], want: 0 },
      { name: "daneward verify", command: process.execPath, argv: [...verify, ...resolver], want: 0 },
      {
        name: "… --one-certificate",
        command: process.execPath,
        argv: [...verify, ...resolver, "--one-certificate"],
        want: 0,
      },
      ...(FINGER === undefined
        ? []
        : [{ name: "posttls-finger", command: FINGER, argv: ["-c", "-l", "encrypt", `[127.0.0.1]:${smtp}`], want: 0 }]),
    ];
    await compare(contenders, rounds);
    if (FINGER === undefined) console.log("posttls-finger is not installed");
  } finally {
    mail.kill();
    dns.kill();
    rmSync(folder, { recursive: true });
  }
}

async function compare(contenders, rounds) {
  const times = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, command, argv, want } of contenders) {
      const started = process.hrtime.bigint();
      const code = await new Promise((resolve) => spawn(command, argv, { stdio: "ignore" }).once("exit", resolve));
      if (code !== want) throw new Error(`${name} ended with ${code}`);
      if (round > 0) times.get(name).push(Number(process.hrtime.bigint() - started) / 1e6);
    }
  }
  const [bare] = contenders;
  for (const { name } of contenders) {
    const ratio = median(times.get(name).map((time, round) => time / times.get(bare.name)[round]));
    console.log(`${name.padEnd(20)} ${median(times.get(name)).toFixed(1).padStart(7)} ms  x ${ratio.toFixed(2)}`);
  }
}
