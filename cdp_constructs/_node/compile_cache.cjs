// Keeps what V8 compiled from one synthesis to the next. Node's own cache goes by the path of a module, and the folder
// that jsii links packages into has another name each time: a link to the cache inside that folder makes relative paths,
// and they stay.
"use strict";
const fs = require("node:fs");
const module_ = require("node:module");
const os = require("node:os");
const path = require("node:path");

// Relative paths came with this version; an older Node would fill the disk with entries that nothing reads again.
const [major, minor] = process.versions.node.split(".").map(Number);
const KNOWS_RELATIVE_PATHS = major > 24 || (major === 24 && minor >= 12);

function keepCompiled(folder) {
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "cdp-constructs", "node");
  fs.mkdirSync(cache, { recursive: true, mode: 0o700 });
  const link = path.join(folder, "compile-cache");
  fs.symlinkSync(cache, link, "junction");
  module_.enableCompileCache({ directory: link, portable: true });
  // jsii removes its folder, and the link with it, when the process exits.
  process.once("exit", () => module_.flushCompileCache());
}

const { mkdtempSync } = fs;
if (KNOWS_RELATIVE_PATHS) {
  fs.mkdtempSync = (prefix, ...rest) => {
    const folder = mkdtempSync(prefix, ...rest);
    if (path.basename(prefix) === "jsii-kernel-") {
      fs.mkdtempSync = mkdtempSync;
      try {
        keepCompiled(folder);
      } catch {
        // Nowhere to keep anything: it takes longer, and works.
      }
    }
    return folder;
  };
}
