import { defineConfig } from "vite";

export default defineConfig({
  logLevel: "warn",
  build: {
    target: ["chrome123", "edge123", "firefox121", "safari17.5"],
    // The content security policy allows no data: or inline source.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The SDK is one file of about half a megabyte.
    chunkSizeWarningLimit: 1000,
    // The licenses of the bundled libraries ask for their text beside the copies.
    license: { fileName: "licenses.md" },
  },
});
