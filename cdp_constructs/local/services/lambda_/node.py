"""Lambda: what functions on Node.js can import beside their own code and layers.

Lambda's runtimes bring the AWS SDK for JavaScript: version 3 from Node.js 18 on, version 2 before. Here it is a
download that the user asks for once. It is linked above the folder of the function's code, where `require` and `import`
look last, so that what a function or a layer includes comes first.
"""

import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from cdp_constructs.local.kit import ministack, node_sdk
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.kit.patch import patch, replace
from cdp_constructs.local.services.lambda_ import folders

__all__ = ["link_sdk"]

_lambda: Any = ministack.module("services.lambda_svc", "_functions")

_VERSION_2 = re.compile(r"nodejs(?:[468]\.|10|12|14|16)")
_NOT_FOUND = re.compile(
    r"Worker init failed: .*?(?:Cannot find (?:module|package)|no stub for) '(?P<name>[^']+)'", re.DOTALL
)
_OF_RUNTIME = re.compile(r"aws-sdk(?:/|$)|@(?:aws-sdk|smithy|aws-crypto)/")

_KEYS_ONLY = """\
      accessKeyId: process.env.AWS_ACCESS_KEY_ID || "test",
      secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY || "test",
"""
"""Without them version 2 of the SDK reads the variables itself, the session token included."""

_HTTP_1 = """
// The gateway speaks HTTP/1.1 only, where clients of streaming services begin with HTTP/2.
const _originalLoad = Module._load;
Module._load = function (request) {
  const loaded = _originalLoad.apply(this, arguments);
  if (request === "@smithy/node-http-handler" && loaded.NodeHttp2Handler !== loaded.NodeHttpHandler) {
    loaded.NodeHttp2Handler = loaded.NodeHttpHandler;
  }
  return loaded;
};
"""
_NAMES = resources.files(__package__).joinpath("modules", "names.js").read_text(encoding="utf-8")
_RETURNED = "      } else if (handlerFn.length < 3 && result !== undefined) {\n"
_NOTHING = """\
      } else if (handlerFn.length < 2 && result === undefined) {
        // It takes neither a callback nor a context, so that nobody will answer for it.
        setImmediate(() => settle(null, null));
"""
_IMPORT = 'const Module = require("module");\n'
_OF_AWS = """\
    if (host.endsWith(".amazonaws.com") || host.endsWith(".amazonaws.com.cn")) {
"""
_OF_CLOUD = """\
    if (_isOfCloud(host, options.port)) {
"""
_REDIRECT = """\
      options.hostname = msHost;
      options.host = msHost + ":" + msPort;
"""
_HOST = """\
      // The gateway tells APIs and buckets apart by the host that was asked for.
      const given = Array.isArray(options.headers) ? {} : options.headers || {};
      if (!Object.keys(given).some((name) => name.toLowerCase() === "host")) {
        options.headers = Object.assign({ host: `${_localName(host)}:${msPort}` }, given);
      }
"""


def _version(runtime: str) -> str:
    return "v2" if _VERSION_2.match(runtime) else "v3"


def _is_installed() -> bool:
    return Path(os.environ[node_sdk.VARIABLE]).is_dir()


def _link(version: str) -> Path:
    return folders.readable(Path(os.environ[node_sdk.VARIABLE]) / version / "node_modules")


_packages = {version: once(partial(_link, version)) for version in ("v2", "v3")}
"""By version of the SDK, what makes the folder of its packages that every function can read."""


def link_sdk(code: Path, runtime: str) -> None:
    """Let the function whose code is in this folder find the SDK that its runtime brings, if it is installed."""
    link = code.parent / "node_modules"
    if _is_installed() and not link.is_symlink():
        link.symlink_to(_packages[_version(runtime)]())


@replace("ministack.core.lambda_runtime:_NODEJS_WORKER_SCRIPT")
def _script(original: str) -> str:
    for part in (_KEYS_ONLY, _IMPORT, _OF_AWS, _REDIRECT, _RETURNED):
        if original.count(part) != 1:
            raise RuntimeError(f"MiniStack's worker does not have {part.strip()!r} once")
    script = original.replace(_KEYS_ONLY, "").replace(_IMPORT, _IMPORT + _HTTP_1 + _NAMES)
    script = script.replace(_RETURNED, _NOTHING + _RETURNED)
    return script.replace(_OF_AWS, _OF_CLOUD).replace(_REDIRECT, _HOST + _REDIRECT)


@patch("ministack.services.lambda_svc:_execute_function_warm")
def _execute(original: Callable[..., dict[str, Any]], *arguments: Any, **options: Any) -> dict[str, Any]:
    """Name a module that a function cannot import as Lambda does, and what to run when Lambda's runtime has it."""
    result = original(*arguments, **options)
    body = result.get("body")
    if not result.get("error") or not isinstance(body, dict):
        return result
    found = _NOT_FOUND.match(str(body.get("errorMessage", "")))
    if found is None:
        return result
    config: Mapping[str, Any] = arguments[0].get("config") or arguments[0]
    message = f"Error: Cannot find module '{found['name']}'{_remedy(found['name'], config.get('Runtime', ''))}"
    return {**result, "body": {"errorType": "Runtime.ImportModuleError", "errorMessage": message, "trace": []}}


@patch("ministack.services.lambda_svc:_invoke")
async def _invoke(original: Callable[..., Awaitable[Any]], name: str, *arguments: Any, **options: Any) -> Any:
    """Answer with JSON as Node.js writes it, without spaces, which callers may compare as text."""
    status, headers, body = await original(name, *arguments, **options)
    config = (_lambda._functions.get(name.partition(":")[0]) or {}).get("config") or {}
    if isinstance(body, bytes) and body[:1] in {b"{", b"["} and str(config.get("Runtime", "")).startswith("nodejs"):
        body = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()
    return status, headers, body


def _remedy(name: str, runtime: str) -> str:
    if _OF_RUNTIME.match(name) is None or name.startswith("aws-sdk") != (_version(runtime) == "v2"):
        return ""
    if not _is_installed():
        return f"; Lambda's runtime has it: run `{node_sdk.COMMAND}` once, and the embedded cloud has it too"
    return "; Lambda's runtime has it, and the embedded cloud has not: add it to the function's package"
