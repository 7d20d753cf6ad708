/** The matrix on PowerDNS. */
import { matrixSuite } from "./lab/matrix.ts";

matrixSuite("powerdns", "PowerDNS");
