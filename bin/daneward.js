#!/usr/bin/env node
// Launcher. This folder is CommonJS (package.json beside this file): loading ES modules alone costs as much as the work.
require("../dist/daneward.cjs");
