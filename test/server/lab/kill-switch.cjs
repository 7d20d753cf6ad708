// Loaded into the program under test by `node --require`: ends it by SIGKILL just before, in the middle of or just after
// an operation that the outside can notice. Each distinct place is used once: the file that DANEWARD_KILL_PLACES names
// keeps those used. DANEWARD_KILL_CONTEXT tells places apart that are the same but for what went before.
"use strict";
const { basename } = require("node:path");
const childProcess = require("node:child_process");
const dgram = require("node:dgram");
const fs = require("node:fs");
const net = require("node:net");

const placesFile = process.env.DANEWARD_KILL_PLACES;
const context = process.env.DANEWARD_KILL_CONTEXT ?? "";
const { appendFileSync, writeSync } = fs;
const used = new Set(fs.readFileSync(placesFile, "utf8").split("\n"));
/** File descriptor -> name. */
const opened = new Map();

/** Chance and time are taken out of file names, so that a place keeps its name from run to run. */
function named(target) {
  return basename(String(target))
    .replace(/\.[^.]+\.tmp$/, ".#.tmp")
    .replace(/\d{8}T\d{6}Z/g, "@")
    .replace(/[0-9a-f]{8,}/g, "#");
}

/** Dies here unless it did so before. `first` is done on the way out. */
function place(when, operation, target, first = () => undefined) {
  const name = `${context}: ${when} ${operation} ${named(target)}`;
  if (used.has(name)) return;
  appendFileSync(placesFile, `${name}\n`);
  first();
  process.kill(process.pid, "SIGKILL");
}

/** `targetOf` gives what the call acts on, null when it is of no interest. */
function wrap(object, name, targetOf, interrupted) {
  const original = object[name];
  object[name] = function (...args) {
    const target = targetOf(args);
    if (target === null) return original.apply(this, args);
    place("before", name, target);
    if (interrupted !== undefined) place("within", name, target, () => interrupted(...args));
    const result = original.apply(this, args);
    if (name === "openSync") opened.set(result, target);
    place("after", name, target);
    return result;
  };
}

const first = ([target]) => target;
const second = ([, target]) => target;
for (const name of ["linkSync", "renameSync", "symlinkSync"]) wrap(fs, name, second);
for (const name of ["mkdirSync", "rmSync", "unlinkSync"]) wrap(fs, name, first);
const writes = (flags) =>
  typeof flags === "number" ? (flags & 3) !== fs.constants.O_RDONLY : /[wa+]/.test(flags ?? "r");
wrap(fs, "openSync", ([path, flags]) => (writes(flags) ? path : null));

/** Half of what was to be written. */
const half = (data) => data.slice(0, Math.floor(data.length / 2));
const handle = ([fd]) => opened.get(fd) ?? null;
wrap(fs, "writeSync", handle, (fd, data) => writeSync(fd, half(data)));
// Not by writeFileSync itself: that one calls writeSync, which is a place of its own.
wrap(fs, "writeFileSync", handle, (fd, data) => writeSync(fd, half(data)));

wrap(childProcess, "spawn", first);
wrap(net.Socket.prototype, "connect", () => "TCP");
wrap(dgram.Socket.prototype, "send", () => "UDP");
