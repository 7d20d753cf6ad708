/** Mails of notices as the real Postfix takes and completes them. */
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { NOTIFY_EVENTS } from "../../src/config/notify.ts";
import type { NotifyConfig } from "../../src/config/notify.ts";
import { tell } from "../../src/driver/notify/notify.ts";
import { drawNetwork } from "./lab/network.ts";
import { until } from "./lab/poll.ts";
import { must } from "./lab/process.ts";
import { program, serverSuite } from "./lab/programs.ts";
import { startPostfix } from "./lab/services.ts";
import type { Service } from "./lab/services.ts";

const AT = instant(Date.parse("2026-11-22T12:00:00Z"));

serverSuite("mail through Postfix", ["root", "postfix", "sendmail", "postcat"], () => {
  const folder = mkdtempSync(path.join(tmpdir(), "daneward-notices-"));
  // Its programs run as another user.
  chmodSync(folder, 0o755);
  const settings = path.join(folder, "postfix/etc");
  const sendmail = path.join(folder, "sendmail");
  let postfix: Service | null = null;

  beforeAll(async () => {
    const { sparePort } = await drawNetwork();
    postfix = await startPostfix(folder, [{ address: "127.0.0.1", port: sparePort }], "/nonexistent");
    writeFileSync(sendmail, `#!/bin/sh\nexec ${program("sendmail")} -C ${settings} "$@"\n`);
    chmodSync(sendmail, 0o755);
  });
  afterAll(async () => {
    await postfix?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function queued(certificate: string, mailFrom: string | null): Promise<string> {
    const config: NotifyConfig = {
      mail: ["root", "hostmaster@example.org"],
      mailFrom,
      sendmail,
      exec: null,
      webhook: null,
      webhookSecretFile: null,
      ntfy: null,
      ntfyTokenFile: null,
      healthchecks: null,
      on: NOTIFY_EVENTS,
    };
    const notice = {
      event: "mismatch",
      certificate,
      at: AT,
      title: `${certificate}: Größe [LIVE_MISMATCH]`,
      text: `${certificate}: Größe [LIVE_MISMATCH]\n.\n  do: look\n`,
      codes: ["LIVE_MISMATCH"],
      rollover: null,
    } as const;
    const sender = { host: "mx.example.test" };
    const problems = await tell([notice], config, {
      stateDirectory: folder,
      sender,
      now: AT,
      rolloverOf: () => "0123456789abcdef0123456789abcdef",
      always: false,
    });
    expect(problems).toEqual([]);
    // There it comes to rest: this Postfix has no way to deliver anything.
    const queue = path.join(folder, "postfix/queue/deferred");
    return until("the mail is in the queue", async () => {
      const files = readdirSync(queue, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      const mails = await Promise.all(
        files.map((file) => must("postcat", ["-c", settings, "-bh", path.join(file.parentPath, file.name)])),
      );
      return mails.find((mail) => mail.includes(`${certificate}.mismatch`)) ?? null;
    });
  }

  test("gets a sender from it, and keeps date, identifiers and every line", async () => {
    const mail = await queued("mx", null);
    expect(mail).toMatch(/^From: .*<?root@mx\.example\.test>?$/m);
    expect(mail).toContain("\nDate: Sun, 22 Nov 2026 12:00:00 +0000\n");
    expect(mail.match(/^Date:/gm)).toHaveLength(1);
    expect(mail).toMatch(/^Message-ID: <daneward\.mx\.mismatch\.\d+\.[0-9a-f]{16}@mx\.example\.test>$/m);
    expect(mail.match(/^Message-ID:/gim)).toHaveLength(1);
    expect(mail).toContain("\nReferences: <daneward.mx.0123456789abcdef@mx.example.test>\n");
    expect(mail).toMatch(/^To: .*root.*hostmaster@example\.org/m);
    expect(mail).toContain("\n\nmx: Größe [LIVE_MISMATCH]\n.\n  do: look\n\n-- \ndaneward on mx.example.test, ");
  });

  test("keeps the sender that is configured", async () => {
    const mail = await queued("www", "dane@example.org");
    expect(mail).toContain("\nFrom: daneward on mx.example.test <dane@example.org>\n");
    expect(mail.match(/^From:/gm)).toHaveLength(1);
  });
});
