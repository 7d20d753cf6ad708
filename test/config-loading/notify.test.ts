import { describe, expect, test } from "vitest";
import { SAMPLE, configurationOf, problemsOf } from "./sample.ts";

function withNotify(lines: string): string {
  return SAMPLE.replace("[certificate.mx]", `[notify]\n${lines}\n[certificate.mx]`);
}

describe("[notify]", () => {
  test("is not needed", async () => {
    expect((await configurationOf(SAMPLE)).notify).toBeNull();
  });

  test("takes one address or many, and tells what a person must see unless told otherwise", async () => {
    const one = await configurationOf(withNotify('mail = "hostmaster@example.org"'));
    expect(one.notify).toMatchObject({ mail: ["hostmaster@example.org"], sendmail: "/usr/sbin/sendmail", exec: null });
    expect(one.notify?.on).toContain("mismatch");
    expect(one.notify?.on).not.toContain("published");
    const many = await configurationOf(
      withNotify(
        'mail = ["root", "a@example.org"]\nmail_from = "daneward@example.org"\nexec = "/usr/local/bin/tell --all"\n' +
          'webhook = "https://hooks.example.org/x"\nntfy = "http://127.0.0.1:8080/dane"\nntfy_token_file = "/etc/daneward/ntfy"\n' +
          'healthchecks = "https://hc.example.org/ping/1"\non = ["stuck", "published"]',
      ),
    );
    expect(many.notify).toMatchObject({
      mail: ["root", "a@example.org"],
      mailFrom: "daneward@example.org",
      exec: ["/usr/local/bin/tell", "--all"],
      webhook: "https://hooks.example.org/x",
      ntfyTokenFile: "/etc/daneward/ntfy",
      healthchecks: "https://hc.example.org/ping/1",
      on: ["stuck", "published"],
    });
  });

  test("takes addresses with a query, as they are written", async () => {
    const lines =
      'webhook = "https://example.webhook.office.com/webhookb2/1/IncomingWebhook/2?a=b%20c"\n' +
      'ntfy = "https://gotify.example.org/message?token=abc"\nhealthchecks = "https://hc-ping.com/k/slug?create=1"';
    expect((await configurationOf(withNotify(lines))).notify).toMatchObject({
      webhook: "https://example.webhook.office.com/webhookb2/1/IncomingWebhook/2?a=b%20c",
      ntfy: "https://gotify.example.org/message?token=abc",
      healthchecks: "https://hc-ping.com/k/slug?create=1",
    });
  });

  test.each([
    ['webhook = "https://hooks.example.org/x#y"', "with #"],
    ['webhook = "https://me:secret@hooks.example.org/x?y"', "no user name and no password"],
    ['webhook = "hooks.example.org?y=1"', "it is not a URL"],
    ['mail = "a b@example.org\\nBcc: x"', "is no mail address"],
    ['mail_from = "a@example.org"', "means nothing without mail"],
    ['webhook = "http://hooks.example.org/"', "http://"],
    ['ntfy_token_file = "/t"', "means nothing without ntfy"],
    ['on = ["mismach"]', '"mismatch"'],
    ["mial = 1", '"mail"'],
  ])("refuses %s", async (line, says) => {
    expect((await problemsOf("fault", withNotify(line))).join("\n")).toContain(says);
  });

  test("stands in one file alone", async () => {
    const faults = await problemsOf("fault", {
      "daneward.toml": withNotify('mail = "root"'),
      "conf.d/more.toml": '[notify]\nmail = "other"\n',
    });
    expect(faults.join("\n")).toContain("stands at daneward.toml:");
  });
});
