"""A stand-in for the command `docker`: its containers are processes that run `main.py` of the folder of their image.

`install` makes it the `docker` of a folder, which a test puts on the PATH. What it is asked is in the file `calls`
there, a line of JSON each.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

SECONDS = 0.02


def install(folder: Path, **described: Any) -> None:
    """Put `docker` into a folder; its answer to `info` is what is given, or the error in it."""
    folder.mkdir(exist_ok=True)
    for name in ("containers", "images"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "info.json").write_text(json.dumps({"Name": socket.gethostname(), **described}))
    command = folder / "docker"
    command.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, __file__, str(folder)])} "$@"\n')
    command.chmod(0o755)


def calls(folder: Path, verb: str) -> list[list[str]]:
    """Return what it was asked to do."""
    lines = [json.loads(line) for line in (folder / "calls").read_text().splitlines()]
    return [line for line in lines if line[0] == verb]


class _Engine:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _say(self, text: str, code: int = 0) -> int:
        (sys.stderr if code else sys.stdout).write(f"{text}\n")
        return code

    def _image(self, tag: str) -> Path:
        return self._folder / "images" / tag.replace("/", "+")

    def _records(self) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        for record in (self._folder / "containers").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
                yield record, json.loads(record.read_text())

    def _send(self, name: str, number: int) -> bool:
        for record, described in self._records():
            if record.name == name:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(described["pid"], number)
                return True
        return False

    def info(self, _arguments: Sequence[str]) -> int:
        described = json.loads((self._folder / "info.json").read_text())
        return self._say(described["error"], 1) if "error" in described else self._say(json.dumps(described))

    def build(self, arguments: Sequence[str]) -> int:
        options = argparse.ArgumentParser()
        for name in ("--tag", "--file", "context"):
            options.add_argument(name)
        given = options.parse_args(arguments)
        if "BROKEN" in Path(given.file).read_text():
            return self._say("ERROR: failed to solve: unknown instruction: BROKEN", 1)
        self._image(given.tag).write_text(given.context)
        return 0

    def image(self, arguments: Sequence[str]) -> int:
        if not self._image(arguments[-1]).exists():
            return self._say(f"Error response from daemon: No such image: {arguments[-1]}", 1)
        digest = hashlib.sha256(self._image(arguments[-1]).read_bytes()).hexdigest()
        configuration = json.dumps({"Env": ["GREETING=hello", "PYTHONPATH=/of/image"]})
        return self._say(f"sha256:{digest}" if ".Id" in arguments[2] else configuration)

    def pull(self, arguments: Sequence[str]) -> int:
        return self._say(f"Error response from daemon: manifest for {arguments[-1]} not found", 1)

    def run(self, arguments: Sequence[str]) -> int:
        options = argparse.ArgumentParser()
        for name in ("--name", "--network", "--memory", "image"):
            options.add_argument(name)
        for name in ("--label", "--env", "--volume", "--security-opt"):
            options.add_argument(name, action="append")
        options.add_argument("--rm", action="store_true")
        given = options.parse_args(arguments)
        variables = {"GREETING": "hello"}
        for each in given.env:
            name, is_given, value = each.partition("=")
            variables[name] = value if is_given else os.environ[name]
        command = [sys.executable, f"{self._image(given.image).read_text()}/main.py"]
        process = subprocess.Popen(command, env=variables, start_new_session=True)
        record = self._folder / "containers" / given.name
        described = {"pid": process.pid, "labels": given.label, "variables": variables}
        record.with_suffix(".new").write_text(json.dumps(described))
        record.with_suffix(".new").rename(record)
        code = process.wait()
        record.unlink(missing_ok=True)
        return code if code >= 0 else 128 - code

    def stop(self, arguments: Sequence[str]) -> int:
        _, seconds, name = arguments
        if not self._send(name, signal.SIGTERM):
            return self._say(f"Error response from daemon: No such container: {name}", 1)
        deadline = time.monotonic() + int(seconds)
        while (self._folder / "containers" / name).exists():
            if time.monotonic() > deadline:
                self._send(name, signal.SIGKILL)
            time.sleep(SECONDS)
        return 0

    def kill(self, arguments: Sequence[str]) -> int:
        return 0 if self._send(arguments[-1], signal.Signals[arguments[1]]) else 1

    def rm(self, arguments: Sequence[str]) -> int:
        for name in arguments[1:]:
            self._send(name, signal.SIGKILL)
            (self._folder / "containers" / name).unlink(missing_ok=True)
        return 0

    def exec(self, arguments: Sequence[str]) -> int:
        name, *command = arguments
        found = next(described for record, described in self._records() if record.name == name)
        return subprocess.run(command, check=False, env=found["variables"]).returncode

    def ps(self, arguments: Sequence[str]) -> int:
        wanted = arguments[-1].removeprefix("label=")
        return self._say("\n".join(record.name for record, found in self._records() if wanted in found["labels"]))


def main() -> int:
    folder, verb, *arguments = sys.argv[1:]
    with (Path(folder) / "calls").open("a") as asked:
        asked.write(json.dumps([verb, *arguments]) + "\n")
    code: int = getattr(_Engine(Path(folder)), verb)(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
