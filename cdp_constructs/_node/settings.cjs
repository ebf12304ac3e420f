// Loaded before anything else by every Node that inherits NODE_OPTIONS (see ../startup.py), and meant for jsii's two:
// the one that Python starts, and the one that this starts in turn, where the CDK is. All others are left alone.
"use strict";
const { basename } = require("node:path");
const { isMainThread } = require("node:worker_threads");

if (isMainThread) {
  const script = basename(process.argv[1] ?? "");
  if (script === "jsii-runtime.js") {
    require("./relay.cjs");
  } else if (script === "program.js" && process.env.CDP_CONSTRUCTS_ANSWERS) {
    require("./answers.cjs");
    require("./end.cjs");
    require("./template_validator.cjs");
    require("./compile_cache.cjs");
  }
}
