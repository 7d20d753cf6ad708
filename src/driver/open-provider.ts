/** Publishers over the APIs of providers: tokens read from their files, one module loaded for each. */
import type { CloudflareConfig } from "../config/publisher-cloudflare.ts";
import type { DesecConfig } from "../config/publisher-desec.ts";
import type { PowerDnsConfig } from "../config/publisher-powerdns.ts";
import { readTokenFile } from "../config/token-file.ts";
import type { Publisher } from "../publisher/publisher.ts";

export type ProviderConfig = PowerDnsConfig | CloudflareConfig | DesecConfig;

/** Throws as {@link readTokenFile}, and `PROVIDER_URL_INVALID`. */
export async function openProvider(config: ProviderConfig, signal: AbortSignal): Promise<Publisher> {
  const file = config.type === "powerdns" ? config.apiKeyFile : config.tokenFile;
  const access = { secret: readTokenFile(file), timeoutMs: config.timeout * 1000, signal };
  switch (config.type) {
    case "powerdns": {
      const { createPowerDnsPublisher } = await import("../publisher/providers/powerdns.ts");
      return createPowerDnsPublisher({ ...access, url: config.url, serverId: config.serverId });
    }
    case "cloudflare": {
      const { createCloudflarePublisher } = await import("../publisher/providers/cloudflare.ts");
      return createCloudflarePublisher({ ...access, zoneId: config.zoneId, url: config.url ?? undefined });
    }
    case "desec": {
      const { createDesecPublisher } = await import("../publisher/providers/desec.ts");
      return createDesecPublisher({ ...access, url: config.url ?? undefined });
    }
  }
}
