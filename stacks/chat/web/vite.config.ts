import { defineConfig } from "vitest/config";

export default defineConfig({
  logLevel: "warn",
  build: {
    target: ["chrome123", "edge123", "firefox121", "safari17.5"],
    // Everything is a file of its own with a hashed name: the content security policy allows no data: or inline source.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    // The licenses of the bundled libraries ask for their text beside the copies.
    license: { fileName: "licenses.md" },
  },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
