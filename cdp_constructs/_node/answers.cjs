// jsii reads requests from file 3 and writes answers to it: with two pipes instead of one socket, they go to another.
"use strict";
const fs = require("node:fs");

const REQUESTS = 3;
const answers = Number(process.env.CDP_CONSTRUCTS_ANSWERS);
// What the CDK starts in turn, such as a bundler, has no such file.
delete process.env.CDP_CONSTRUCTS_ANSWERS;

const { writeSync } = fs;
fs.writeSync = (file, ...rest) => writeSync(file === REQUESTS ? answers : file, ...rest);
