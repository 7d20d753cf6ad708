import { OperationalError } from "../../base/errors.ts";
import { formatTlsa } from "../../dns/rdata.ts";
import { aliasFault } from "../../publisher/obstacles.ts";
import type { TlsaChange } from "../../publisher/publisher.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { printDryRun, printReadBack, updateFollowingAliases } from "../update-command.ts";
import type { UpdateOptions } from "../update-command.ts";

/**
 * `daneward withdraw OWNER RECORD`: deletes exactly one TLSA record, on condition that the RRset is still the one that
 * was read a moment before. A record that is not there is no error.
 */
export async function run(args: readonly string[], options: UpdateOptions, io: Io): Promise<ExitCode> {
  return updateFollowingAliases(args, options, io, async (prepared) => {
    const { owner, zone, ttl, records: asked, publisher } = prepared;
    const { records, alias } = await prepared.read();
    if (alias !== null) throw OperationalError.of(aliasFault(owner, alias));
    const change: TlsaChange = { owner, zone, ttl, add: [], remove: asked, expected: records };
    if (options.dryRun === true) {
      printDryRun("withdraw", prepared, change, options, io);
      return EXIT.done;
    }
    const isThere = records.some((one) => asked.some((gone) => formatTlsa(one) === formatTlsa(gone)));
    const done = await publisher.apply(change);
    printReadBack(isThere ? "withdrawn" : "nothing", prepared, done, options, io);
    return EXIT.done;
  });
}
