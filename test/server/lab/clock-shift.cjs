// Loaded into the program under test by `node --require`: its clock is wrong by DANEWARD_CLOCK_SHIFT milliseconds. Files'
// times and the time since the machine booted stay right, as they do when the clock of a host is set.
"use strict";
const shift = Number(process.env.DANEWARD_CLOCK_SHIFT ?? "0");
const RightDate = Date;
globalThis.Date = class Date extends RightDate {
  constructor(...args) {
    if (args.length === 0) super(RightDate.now() + shift);
    else super(...args);
  }

  static now() {
    return RightDate.now() + shift;
  }
};
