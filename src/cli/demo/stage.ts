/**
 * Sets the stage of the demo: a temporary directory with everything that an operator of daneward would have (a
 * configuration, a TSIG key file, certbot's lineage, a state directory), and the sandbox that stands for the rest of
 * the world. The configuration is then read by the real loader. Nothing outlives {@link Stage.close}.
 */
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seconds } from "../../base/time.ts";
import type { Clock, Seconds } from "../../base/time.ts";
import { loadConfiguration } from "../../config/load.ts";
import type { Configuration } from "../../config/schema.ts";
import { displayName } from "../../dns/name.ts";
import type { TsigKey } from "../../dns/tsig.ts";
import { openReloadControl } from "../../sandbox/control.ts";
import type { ReloadControl } from "../../sandbox/control.ts";
import { createLineage } from "../../sandbox/lineage.ts";
import type { Lineage } from "../../sandbox/lineage.ts";
import { startSandbox } from "../../sandbox/sandbox.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";

export interface Stage {
  readonly directory: string;
  readonly stateDirectory: string;
  /** What the servers read. */
  readonly deployed: string;
  readonly configuration: Configuration;
  readonly configurationFile: string;
  readonly sandbox: Sandbox;
  readonly lineage: Lineage;
  readonly reload: ReloadControl;
  /** Closes every socket, and removes the directory unless it is to be kept. */
  readonly close: () => Promise<void>;
}

/** TTL of the demo's zone. Everything else is in proportion. */
export const DEMO_TTL: Seconds = seconds(2);

/** Name of the one certificate in the demo's configuration. */
const CERTIFICATE = "mx";

/** Builds everything. What was started before a failure is closed again. */
export async function setStage(clock: Clock, keep: boolean): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), "daneward-demo-"));
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(closers.map((closer) => closer()));
    if (!keep) await rm(directory, { recursive: true, force: true });
  };
  try {
    const deployed = join(directory, "deployed", CERTIFICATE);
    const stateDirectory = join(directory, "state");
    await mkdir(join(directory, "deployed"), { mode: 0o700 });
    const sandbox = await startSandbox({ clock, ttl: DEMO_TTL, deployed });
    closers.push(sandbox.close);
    const lineage = await createLineage(directory, displayName(sandbox.host));
    const reload = await openReloadControl(directory, sandbox.reload);
    closers.push(reload.close);
    const keyFile = join(directory, "tsig.key");
    await writeFile(keyFile, keyText(sandbox.tree.tsigKey), { mode: 0o600 });
    const anchorFile = join(directory, "root-anchor.conf");
    await writeFile(anchorFile, sandbox.tree.anchorText);
    const configurationFile = join(directory, "daneward.toml");
    await writeFile(configurationFile, configurationText({ sandbox, lineage, reload, keyFile, anchorFile, deployed }));
    const configuration = await loadConfiguration(configurationFile);
    return { directory, stateDirectory, deployed, configuration, configurationFile, sandbox, lineage, reload, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** As `tsig-keygen` prints it. */
function keyText(key: TsigKey): string {
  const secret = Buffer.from(key.secret.reveal()).toString("base64");
  return `key "${displayName(key.name)}" {\n\talgorithm ${key.algorithm};\n\tsecret "${secret}";\n};\n`;
}

interface ConfigurationParts {
  readonly sandbox: Sandbox;
  readonly lineage: Lineage;
  readonly reload: ReloadControl;
  readonly keyFile: string;
  readonly anchorFile: string;
  readonly deployed: string;
}

function configurationText({ sandbox, lineage, reload, keyFile, anchorFile, deployed }: ConfigurationParts): string {
  const services = sandbox.targets.map(
    (target) => `${displayName(target.host)}:${String(target.port)}/${target.protocol}`,
  );
  // A JSON string is a TOML basic string, and a JSON array of strings a TOML array.
  return `# Written by \`daneward demo\`. Real sites leave [defaults] alone: hours there, seconds here.
version = 1
resolver = "${sandbox.resolver.address}:${String(sandbox.resolver.port)}"
name_server_port = ${String(sandbox.tree.port)}

[dnssec]
trust_anchors = ${JSON.stringify(anchorFile)}

[defaults]
tlsa = ["3 1 1"]
ttl = "${String(DEMO_TTL)}s"
propagation_delay = "1s"
publish_safety = "1s"
retire_safety = "2s"
confirm_rounds = 2
confirm_interval = "1s"
poll_interval = "1s"
observe_interval = "1s"

[publish.sandbox]
type = "rfc2136"
server = "${sandbox.tree.primary.address}:${String(sandbox.tree.primary.port)}"
key_file = ${JSON.stringify(keyFile)}
check_ns = "all"

[certificate.${CERTIFICATE}]
source = ${JSON.stringify(lineage.directory)}
deploy = ${JSON.stringify(deployed)}
publish = "sandbox"
services = ${JSON.stringify(services)}
reload = [${JSON.stringify(reload.argv)}]
`;
}
