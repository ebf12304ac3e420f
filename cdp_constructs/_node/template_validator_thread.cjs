// An engine of the template validator, asked by template_validator.cjs.
"use strict";
const {
  workerData: { file, config, port, answered },
} = require("node:worker_threads");

let package_, engine, failure;
try {
  package_ = require(file);
  engine = new package_.CompositeEngine(config);
} catch (error) {
  failure = error;
}

port.on("message", ({ method, args }) => {
  let answer;
  try {
    if (failure) throw failure;
    const asked = method in engine ? engine : package_;
    answer = { result: asked[method](...args.map((one) => (one?.template ? new package_.TemplateFile(one.template) : one))) };
  } catch (error) {
    answer = { error };
  }
  port.postMessage(answer);
  Atomics.add(answered, 0, 1);
  Atomics.notify(answered, 0);
});
