// The CDK's template validator reads its rules for three quarters of a second when it is made. Here it lives in a thread,
// so that constructs are made meanwhile; whoever asks it something waits for the answer.
"use strict";
const Module = require("node:module");
const path = require("node:path");
const { MessageChannel, Worker, receiveMessageOnPort } = require("node:worker_threads");

const PACKAGE = "@aws/cloudformation-validate";

// The thread can end without a word when memory runs out (milliseconds).
const LONGEST_ANSWER = 300_000;

/** A template read from disk, where the validator is. */
class TemplateFile {
  constructor(file) {
    this.path = file;
  }
}

/** Return a stand-in for the package whose engines live in threads; what else it has is loaded when somebody asks for it. */
function inThreads(file, load) {
  let askLatest;

  function CompositeEngine(config) {
    const { port1: port, port2: theirs } = new MessageChannel();
    const answered = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const thread = new Worker(path.join(__dirname, "template_validator_thread.cjs"), {
      workerData: { file, config, port: theirs, answered },
      transferList: [theirs],
    });
    thread.unref();
    port.unref();

    function ask(method, args) {
      const before = Atomics.load(answered, 0);
      port.postMessage({ method, args: args.map((one) => (one instanceof TemplateFile ? { template: one.path } : one)) });
      if (Atomics.wait(answered, 0, before, LONGEST_ANSWER) === "timed-out") {
        throw new Error(`the template validator did not answer for ${LONGEST_ANSWER / 1000} s`);
      }
      const { error, result } = receiveMessageOnPort(port).message;
      if (method === "free") thread.terminate();
      if (error !== undefined) throw error;
      return result;
    }
    askLatest = ask;
    return new Proxy(this, { get: (_engine, method) => (...args) => ask(method, args) });
  }
  const replaced = {
    CompositeEngine,
    TemplateFile,
    version: () => (askLatest ? askLatest("version", []) : load().version()),
  };
  return new Proxy(replaced, { get: (_module, name) => replaced[name] ?? load()[name] });
}

const { require: requireModule } = Module.prototype;
let standIn;
Module.prototype.require = function (id) {
  if (id !== PACKAGE) return requireModule.call(this, id);
  standIn ??= inThreads(Module.createRequire(this.filename).resolve(id), () => requireModule.call(this, id));
  return standIn;
};
