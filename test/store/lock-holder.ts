/** A process that takes the lock of the folder it is given, says so, and holds it until its standard input ends. */
import { OperationalError } from "../../src/base/errors.ts";
import { instant } from "../../src/base/time.ts";
import { acquireLock } from "../../src/store/lock.ts";

try {
  acquireLock(process.argv[2] ?? "", instant(1_790_000_000_000));
  process.stdout.write("held\n");
  process.stdin.on("end", () => process.exit(0)).resume();
} catch (problem) {
  process.stdout.write(`${problem instanceof OperationalError ? problem.code : String(problem)}\n`);
}
