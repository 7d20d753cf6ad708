/** What is shipped for monitoring, read by the real programs: alert rules, the dashboard, and the metrics themselves. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { instant } from "../../src/base/time.ts";
import { renderStatusPrometheus } from "../../src/report/status-prometheus.ts";
import { AT_REST, known } from "../report/statuses.ts";
import { drawNetwork } from "./lab/network.ts";
import { until } from "./lab/poll.ts";
import { must, run, startDaemon } from "./lab/process.ts";
import type { Daemon } from "./lab/process.ts";
import { serverSuite } from "./lab/programs.ts";

const SHARE = path.resolve(import.meta.dirname, "../../src/share");
const RULES = path.join(SHARE, "prometheus/daneward.rules.yml");

/** One unit in which an address presents what caches do not match, ten days before its certificate ends. */
function metrics(): string {
  const now = instant(Date.now());
  const mismatch = {
    gate: "dane",
    code: "LIVE_MISMATCH",
    until: null,
    since: now,
    detail:
      "mx.example.org:25 at 192.0.2.10 presents key b, but caches may hold _25._tcp.mx.example.org with 3 1 1 a alone",
  } as const;
  const current = AT_REST.current === null ? null : { ...AT_REST.current, notAfter: instant(now + 10 * 86_400_000) };
  const report = { at: now, certificates: [known("mx", { refusals: [mismatch], current })] };
  return renderStatusPrometheus(report, { version: "1.0.0", lastRunAt: now, lastSuccessAt: now, alarms: 1 });
}

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}

function dashboard(): { readonly uid: string; readonly panels: readonly Panel[] } {
  return JSON.parse(readFileSync(path.join(SHARE, "grafana/daneward.json"), "utf8")) as ReturnType<typeof dashboard>;
}

serverSuite("Prometheus", ["promtool", "prometheus"], () => {
  test("takes the alert rules, and each alert comes when it should and not before", async () => {
    await must("promtool", ["check", "rules", RULES]);
    const cwd = path.dirname(RULES);
    const tested = await run("promtool", ["test", "rules", "daneward.rules.test.yml"], { cwd });
    expect(tested.stdout + tested.stderr).toContain("SUCCESS");
    expect(tested.code).toBe(0);
  });

  test("finds nothing wrong with the metrics", async () => {
    const checked = await run("promtool", ["check", "metrics"], { input: metrics() });
    expect({ code: checked.code, said: checked.stdout + checked.stderr }).toEqual({ code: 0, said: "" });
  });

  describe("with the rules loaded and the metrics scraped", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "daneward-prometheus-"));
    const exporter = createServer((_, response) => {
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(metrics());
    });
    let prometheus: Daemon | null = null;
    let base = "";
    const ask = async (question: string): Promise<unknown> => {
      const response = await fetch(`${base}/api/v1/${question}`);
      return await response.json();
    };

    beforeAll(async () => {
      await new Promise<void>((resolve) => exporter.listen(0, "127.0.0.1", resolve));
      const target = `127.0.0.1:${String((exporter.address() as AddressInfo).port)}`;
      const { sparePort } = await drawNetwork();
      base = `http://127.0.0.1:${String(sparePort)}`;
      writeFileSync(
        path.join(folder, "prometheus.yml"),
        `global: { scrape_interval: 1s, evaluation_interval: 1s }\nrule_files: [${JSON.stringify(RULES)}]\n` +
          `scrape_configs:\n  - job_name: node\n    static_configs: [{ targets: ["${target}"] }]\n`,
      );
      prometheus = await startDaemon({
        name: "prometheus",
        command: "prometheus",
        args: [
          `--config.file=${folder}/prometheus.yml`,
          `--storage.tsdb.path=${folder}/data`,
          `--web.listen-address=127.0.0.1:${String(sparePort)}`,
        ],
        cwd: folder,
        ready: () =>
          fetch(`${base}/-/ready`).then(
            ({ ok }) => ok,
            () => false,
          ),
      });
    });
    afterAll(async () => {
      await prometheus?.stop();
      await new Promise((resolve) => exporter.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    });

    test("the alert of a refused client fires, and no other", async () => {
      const firing = await until("an alert fires", async () => {
        const { data } = (await ask("alerts")) as { data: { alerts: { state: string; labels: object }[] } };
        const found = data.alerts.filter(({ state }) => state === "firing");
        return found.length === 0 ? null : found;
      });
      expect(firing.map(({ labels }) => labels)).toEqual([
        expect.objectContaining({
          alertname: "DaneClientsRefuse",
          host: "mx.example.org",
          port: "25",
          severity: "critical",
        }),
      ]);
    });

    test("every question of the dashboard has an answer", async () => {
      const { panels } = dashboard();
      expect(panels.length).toBeGreaterThan(8);
      for (const { title, targets } of panels) {
        for (const { expr } of targets) {
          const query = expr.replaceAll("$instance", ".*");
          const answer = await until(`"${title}" has data`, async () => {
            const said = (await ask(`query?query=${encodeURIComponent(query)}`)) as {
              status: string;
              data?: { result: unknown[] };
            };
            if (said.status !== "success") throw new Error(`${title}: ${JSON.stringify(said)}`);
            return (said.data?.result.length ?? 0) > 0 ? said : null;
          });
          expect(answer.status, title).toBe("success");
        }
      }
    });
  });
});
