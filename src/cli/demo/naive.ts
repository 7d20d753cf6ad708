/**
 * The same renewal as most hooks do it: the ACME client's new files go live at once, then the TLSA record is replaced.
 * Caches go on handing out the old record for as long as its TTL, the lagging secondary for longer; until then every
 * DANE client that asks them refuses the server.
 */
import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OperationalError } from "../../base/errors.ts";
import { TYPE } from "../../dns/iana.ts";
import { encodeTlsa } from "../../dns/rdata.ts";
import { sliceCertificate } from "../../pki/der.ts";
import type { IssuedCertificate } from "../../pki/peculiar.ts";
import { record } from "../../sandbox/records.ts";
import { associationFor } from "../../tlsa/association.ts";
import { DEMO_TTL } from "./stage.ts";
import type { Stage } from "./stage.ts";

/** Swaps first, publishes second, as fast as it can. */
export async function renewNaively(stage: Stage, issued: IssuedCertificate): Promise<void> {
  const directory = join(stage.directory, "naive");
  await mkdir(directory, { mode: 0o700 });
  await writeFile(join(directory, "fullchain.pem"), issued.chainPem);
  await writeFile(join(directory, "privkey.pem"), issued.privateKeyPem, { mode: 0o600 });
  await symlink(directory, `${stage.deployed}.naive`);
  await rename(`${stage.deployed}.naive`, stage.deployed);
  await stage.sandbox.reload();

  const slices = sliceCertificate(issued.der);
  if (!slices.ok) throw OperationalError.of(slices.fault);
  const rdata = encodeTlsa(associationFor({ usage: 3, selector: 1, matchingType: 1 }, slices.value));
  for (const { owner } of stage.sandbox.targets) {
    stage.sandbox.tree.replace(owner, TYPE.TLSA, [record(owner, TYPE.TLSA, DEMO_TTL, rdata)]);
  }
}
