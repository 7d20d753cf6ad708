/** Whether services can and do read the deployed files, and not those that the ACME client writes. */
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { advised, doubtful, failing, fine } from "../../base/finding.ts";
import type { Finding } from "../../base/finding.ts";
import type { CertificateConfig } from "../../config/schema.ts";
import { loadState } from "../../store/store.ts";
import { faultOf, viewStore } from "../deploy.ts";
import { groupIdOf } from "../group.ts";
import type { CertificateUse } from "../setup/certificate-use.ts";
import { initSystemOf } from "../setup/init-system.ts";
import { pointingsOf } from "../setup/pointing.ts";
import { readersOf } from "../setup/readers.ts";
import { readServices } from "../setup/services.ts";
import type { Tree } from "../setup/tree.ts";
import { attempt } from "./host.ts";

/** For each certificate: the link, the way to it, and who reads what. */
export function checkDeployment(
  certificates: readonly CertificateConfig[],
  stateDirectory: string,
  tree: Tree,
): readonly Finding[] {
  const uses = readServices(tree);
  return certificates.flatMap((certificate) => [
    ...attempt(`deploy ${certificate.name}`, () => checkLink(certificate)),
    ...checkUses(certificate, stateDirectory, tree, uses),
  ]);
}

function checkLink({ name, deploy, keyGroup, parameters }: CertificateConfig): readonly Finding[] {
  const subject = `deploy ${name}`;
  const keyGroupId = keyGroup === null ? null : groupIdOf(keyGroup);
  const { blocked, deployed } = viewStore({ link: deploy, keyGroupId }, parameters);
  if (blocked !== null) return [{ ...advised(failing(subject, blocked.message), blocked.hint), code: blocked.code }];
  if (deployed === null) return [fine(subject, `${deploy} is made by the first tick`)];
  const closed = foldersAbove(deploy).find((folder) => (statSync(folder).mode & 0o001) === 0);
  if (closed !== undefined) {
    return [
      doubtful(
        subject,
        `a service that runs as a user of its own cannot pass through ${closed}`,
        `chmod o+x ${closed}`,
      ),
    ];
  }
  const key = statSync(path.join(deploy, "privkey.pem"));
  if (keyGroupId !== null && key.gid !== keyGroupId) {
    return [doubtful(subject, `the key does not belong to group ${keyGroup ?? ""} yet`, `daneward tick ${name}`)];
  }
  return [fine(subject, `${deploy} can be read by its services`)];
}

function foldersAbove(file: string): readonly string[] {
  const folder = path.dirname(file);
  return folder === file || folder === "/" ? [] : [...foldersAbove(folder), folder];
}

/** A service that reads the client's own files presents a renewal before its record is known (DEPLOY_BYPASSED). */
function checkUses(
  certificate: CertificateConfig,
  stateDirectory: string,
  tree: Tree,
  uses: readonly CertificateUse[],
): readonly Finding[] {
  const { name, deploy } = certificate;
  const subject = `services of ${name}`;
  const readers = readersOf(certificate, tree, uses);
  const published = hasRecords(stateDirectory, name);
  const all = [...readers.deployed, ...readers.source].map((use) => ({ use, deploy }));
  const pointings = pointingsOf(all, initSystemOf(tree));
  const isDeployed = existsSync(path.join(deploy, "fullchain.pem"));
  return [
    ...readers.deployed.map((use) => fine(subject, `${use.program} reads ${use.file}`)),
    ...readers.source.map((use): Finding => {
      const said = `${use.program} reads ${use.file} (${placesOf(use)}), which the ACME client changes: a renewal would be presented before its record is known`;
      const commands = pointings.find(({ old }) => old.some(({ place }) => place === firstPlace(use)))?.commands ?? [];
      const finding = (published ? failing : doubtful)(subject, said, ...(isDeployed ? commands : []));
      const advice = isDeployed
        ? `have ${use.program} read the files in ${deploy}`
        : `after the first tick have ${use.program} read the files in ${deploy}: doctor then says how`;
      return { ...(finding.type.length > 0 ? finding : advised(finding, advice)), code: "DEPLOY_BYPASSED" };
    }),
  ];
}

function firstPlace({ configuration, line }: CertificateUse): string {
  return `${configuration}:${String(line)}`;
}

/** `/etc/postfix/main.cf:10 and :11`, and in full what is in another file. */
function placesOf(use: CertificateUse): string {
  const others = use.written.slice(1).map(({ configuration, line }) => {
    return configuration === use.configuration ? `:${String(line)}` : `${configuration}:${String(line)}`;
  });
  return [firstPlace(use), ...others].join(" and ");
}

/** Nobody is bound yet before a record of ours is out. */
function hasRecords(stateDirectory: string, name: string): boolean {
  try {
    return loadState(stateDirectory, name)?.state.owners.some(({ ours }) => ours.length > 0) ?? false;
  } catch (error) {
    // Said elsewhere; it must not hide this.
    faultOf(error);
    return true;
  }
}
