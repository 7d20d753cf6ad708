// Loaded into the program under test by `node --require`: ends it by SIGKILL just before or just after an operation that
// the outside can notice. Each distinct place is used once: places used are kept in the file DANEWARD_KILL_PLACES names.
"use strict";
const { basename } = require("node:path");
const fs = require("node:fs");
const net = require("node:net");
const childProcess = require("node:child_process");

const placesFile = process.env.DANEWARD_KILL_PLACES;
const context = process.env.DANEWARD_KILL_CONTEXT ?? "";
const own = { readFileSync: fs.readFileSync, appendFileSync: fs.appendFileSync };
const done = new Set(own.readFileSync(placesFile, "utf8").split("\n"));

/** Chance and time are taken out of file names, so that a place keeps its name from run to run. */
function named(target) {
  return basename(String(target))
    .replace(/[0-9a-f]{8,}/g, "#")
    .replace(/\d{8}T\d{6}Z/g, "@");
}

function place(when, operation, target) {
  const name = `${context}: ${when} ${operation} ${named(target)}`;
  if (done.has(name)) return;
  own.appendFileSync(placesFile, `${name}\n`);
  process.kill(process.pid, "SIGKILL");
}

function wrapSync(object, name, describe) {
  const original = object[name];
  object[name] = function (...args) {
    const target = describe(args);
    if (target === null) return original.apply(this, args);
    place("before", name, target);
    const result = original.apply(this, args);
    place("after", name, target);
    return result;
  };
}

const firstArgument = (args) => args[0];
const secondArgument = (args) => args[1];
for (const name of ["symlinkSync", "linkSync", "renameSync"]) wrapSync(fs, name, secondArgument);
for (const name of ["unlinkSync", "mkdirSync"]) wrapSync(fs, name, firstArgument);
wrapSync(fs, "openSync", (args) =>
  args[1] === undefined || args[1] === "r" || typeof args[1] === "number" ? null : args[0],
);
wrapSync(childProcess, "spawn", firstArgument);
wrapSync(net.Socket.prototype, "connect", () => "tcp");
