/** The lab is sound: its tree validates, its services answer, its lag lags, and its witness sees a naive renewal fail. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { until } from "./lab/poll.ts";
import { must } from "./lab/process.ts";
import { program, serverSuite } from "./lab/programs.ts";
import { startSampler } from "./lab/sampler.ts";
import { MX, OWNERS, WORLD_PROGRAMS, WWW } from "./lab/world.ts";
import { useWorld } from "./lab/suite.ts";

serverSuite("the lab of real servers", [...WORLD_PROGRAMS, "dig", "delv"], () => {
  const lab = useWorld();

  test("dig gets an authenticated address through Unbound", async () => {
    const { address, port } = lab().resolver;
    const said = await must(program("dig"), [`@${address}`, "-p", String(port), "+dnssec", MX.host, "A"]);
    expect(said).toMatch(/flags: [a-z ]*\bad\b/);
    expect(said).toMatch(/RRSIG\s+A 13 /);
  });

  test("delv validates the zone from the lab's root", async () => {
    const { address, port } = lab().resolver;
    const [, , , ...ds] = lab().anchor.split(/\s+/);
    const [tag, algorithm, digestType, ...digest] = ds;
    const file = join(lab().folder, "delv.anchors");
    const anchor = [".", "static-ds", tag, algorithm, digestType, `"${digest.join("")}"`].join(" ");
    writeFileSync(file, `trust-anchors { ${anchor}; };\n`);
    const said = await must(program("delv"), [`@${address}`, "-p", String(port), "-a", file, "+root=.", WWW.host, "A"]);
    expect(said).toContain("; fully validated");
  });

  test("Postfix and nginx present the lineage to openssl s_client", async () => {
    for (const service of [MX, WWW]) {
      const { address, port } = lab().resolver;
      const hosts = (await must(program("dig"), [`@${address}`, "-p", String(port), "+short", service.host, "A"]))
        .trim()
        .split("\n");
      for (const host of hosts) {
        const starttls = service.starttls ? ["-starttls", "smtp"] : [];
        const said = await must(program("openssl"), [
          "s_client",
          "-connect",
          `${host}:${String(service.port)}`,
          "-servername",
          service.host,
          ...starttls,
        ]);
        expect(said).toContain("subject=CN = mx.example.test");
        expect(said).toContain("issuer=CN = Lab Intermediate");
      }
    }
  });

  test("a closed relay makes the secondary lag, an open one lets it follow", async () => {
    const owner = OWNERS[0] ?? "";
    const record = `3 1 1 ${lab().lineage.spki()}`;
    lab().relay.close();
    await lab().asAdministrator([`add ${owner}. 3 TLSA ${record}`]);
    expect(await lab().served(owner)).toEqual([record]);
    await delay(2_000); // the thing shown is that nothing happens meanwhile
    expect(await lab().served(owner, lab().secondary)).toEqual([]);
    lab().relay.open();
    await until("the secondary has followed", async () =>
      (await lab().served(owner, lab().secondary)).includes(record),
    );
  });

  test("the witness sees matches, and a certificate swapped before its record is published as a failure", async () => {
    const sampler = startSampler(lab().resolver, [MX]);
    try {
      await until(
        "there are matches",
        () => sampler.samples().filter((sample) => sample.outcome === "match").length > 5,
      );
      expect(sampler.failures()).toEqual([]);
      await lab().lineage.renew();
      await must(lab().postfix.reload[0] ?? "", lab().postfix.reload.slice(1));
      await until("the witness complains", () => sampler.failures().length > 0);
      expect(sampler.failures()[0]?.evidence).toContain(lab().lineage.spki());
    } finally {
      await sampler.stop();
    }
  });
});
