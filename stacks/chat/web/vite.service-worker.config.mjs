/** Builds the service worker, behind the page: it knows the names of the page's files. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vite";

const DIST = "dist";
const WORKER = "sw.js";
/** Licenses are for readers, and pictures for the home screen are fetched when the page is installed. */
const NOT_KEPT = /^(licenses\.md|sw\.js|icons\/.*)$/;

function release() {
  const paths = readdirSync(DIST, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(DIST.length + 1))
    .filter((path) => !NOT_KEPT.test(path))
    .sort();
  const hash = createHash("sha256");
  for (const path of paths) hash.update(path).update(readFileSync(join(DIST, path)));
  return {
    version: hash.digest("hex").slice(0, 16),
    files: paths.map((path) => (path === "index.html" ? "/" : `/${path}`)),
  };
}

export default defineConfig({
  logLevel: "warn",
  publicDir: false,
  define: { RELEASE: JSON.stringify(release()) },
  build: {
    target: ["chrome123", "edge123", "firefox121", "safari17.5"],
    emptyOutDir: false,
    // One classic script: Firefox runs no modules as service workers.
    lib: { entry: "src/service-worker/index.ts", formats: ["iife"], name: "worker", fileName: () => WORKER },
  },
});
