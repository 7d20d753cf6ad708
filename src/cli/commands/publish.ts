import { OperationalError } from "../../base/errors.ts";
import { formatTlsa } from "../../dns/rdata.ts";
import type { TlsaChange } from "../../publisher/publisher.ts";
import { EXIT } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import type { Io } from "../io.ts";
import { printDryRun, printReadBack, updateFollowingAliases } from "../update-command.ts";
import type { PreparedUpdate, UpdateOptions } from "../update-command.ts";

/** `daneward publish OWNER RECORD…`: adds TLSA records in one update and reads them back; adding them again is no error. */
export async function run(args: readonly string[], options: UpdateOptions, io: Io): Promise<ExitCode> {
  return updateFollowingAliases(args, options, io, async (prepared) => {
    const { owner, zone, ttl, records, publisher } = prepared;
    const change: TlsaChange = { owner, zone, ttl, add: records, remove: [], expected: null };
    if (options.dryRun === true) {
      printDryRun("publish", prepared, change, options, io);
      return EXIT.done;
    }
    const isThere = await isServed(prepared);
    printReadBack(isThere ? "unchanged" : "published", prepared, await publisher.apply(change), options, io);
    return EXIT.done;
  });
}

/** For the words alone: a server that does not say what it serves may take the update all the same. */
async function isServed({ read, records, ttl }: PreparedUpdate): Promise<boolean> {
  try {
    const served = await read();
    const there = served.records.map(formatTlsa);
    return served.ttl === ttl && records.every((one) => there.includes(formatTlsa(one)));
  } catch (error) {
    if (error instanceof OperationalError) return false;
    throw error;
  }
}
