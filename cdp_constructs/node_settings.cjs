// Loaded by jsii's Node before anything else (see startup.py).
// The template validator is WebAssembly and runs for about a second. Left alone, V8 spends as much processor time again on
// optimising it meanwhile; only code that runs for long is worth that.
require("v8").setFlagsFromString("--wasm-tiering-budget=300000000");
