// Gives a container its volumes: paths at which they are mounted lead to their folders.
// Node.js loads this file before the program, by NODE_OPTIONS.
"use strict";
const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");

const folders = Object.entries(JSON.parse(process.env.CDP_TASK_FOLDERS ?? "{}"));
const own = JSON.parse(process.env.CDP_TASK_OWN_FOLDERS ?? "[]");
const one = ["access", "appendFile", "chmod", "cp", "exists", "lstat", "mkdir", "open", "opendir", "readFile", "readdir"];
one.push("readlink", "realpath", "rm", "rmdir", "stat", "truncate", "unlink", "utimes", "writeFile");
const streams = ["createReadStream", "createWriteStream", "watch"];
const two = ["copyFile", "link", "rename", "symlink"];

function located(path) {
  const text = path instanceof URL && path.protocol === "file:" ? decodeURIComponent(path.pathname) : path;
  if (typeof text !== "string" || own.some((folder) => text.startsWith(`${folder}/`))) return path;
  for (const [mounted, folder] of folders) {
    if (text === mounted || text.startsWith(`${mounted}/`)) return folder + text.slice(mounted.length);
  }
  return path;
}

function map(owner, name, count) {
  const original = owner[name];
  if (typeof original !== "function") return;
  owner[name] = function (...given) {
    return original.apply(this, given.map((each, index) => (index < count ? located(each) : each)));
  };
}

if (folders.length) {
  for (const [count, names] of [[1, [...one, ...streams]], [2, two]]) {
    for (const name of names) {
      map(fs, name, count);
      map(fs, `${name}Sync`, count);
      map(fs.promises, name, count);
    }
  }
  syncBuiltinESMExports();
}
