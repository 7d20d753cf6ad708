#!/usr/bin/env node
// Launcher: the program proper is one bundled CommonJS file, because that starts fastest.
import { createRequire } from "node:module";

createRequire(import.meta.url)("../dist/daneward.cjs");
