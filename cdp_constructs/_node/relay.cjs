// jsii's first Node copies each request to the second and each answer back, which takes longer than many of the answers.
// Here the second one gets the pipes to Python itself, as its files 3 (as jsii has it) and 4 (see answers.cjs). What is
// left to the first: to forward what the CDK prints, signals, and how it ended.
"use strict";
const child_process = require("node:child_process");
const { PassThrough } = require("node:stream");

const ANSWERS = 4;

// Enough for what a synthesis leaves behind, from the start, so that what is in use is not copied several times (megabytes).
const YOUNG_GENERATION = 64;

const FLAGS = [
  `--min-semi-space-size=${YOUNG_GENERATION}`,
  `--max-semi-space-size=${YOUNG_GENERATION}`,
  // Threads that collect garbage take the processor from Python and from the template validator.
  "--single-threaded-gc",
  // The validator is WebAssembly and runs for about a second: optimising it meanwhile takes as much time again.
  "--wasm-tiering-budget=300000000",
];

const given = process.env.NODE_OPTIONS ?? "";
const flags = FLAGS.filter((flag) => !given.includes(flag.split("=")[0]));

const { spawn } = child_process;
child_process.spawn = (command, args, options) => {
  child_process.spawn = spawn;
  // Windows has no plain pipes to hand on.
  if (process.platform === "win32") return spawn(command, [...flags, ...args], options);

  const child = spawn(command, [...flags, ...args], {
    ...options,
    env: { ...process.env, CDP_CONSTRUCTS_ANSWERS: String(ANSWERS) },
    stdio: ["ignore", "pipe", "pipe", 0, 1],
  });
  // What jsii would copy from and to.
  const nothing = new PassThrough();
  child.stdio[3] = nothing;
  child.once("exit", () => nothing.end());
  for (const name of ["stdin", "stdout"]) Object.defineProperty(process, name, { value: new PassThrough().resume() });
  return child;
};
