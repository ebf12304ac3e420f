#!/usr/bin/env python3
"""Sends one command to Valkey and prints the answer, as health checks of containers do it with `valkey-cli`."""

import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

_OPTIONS = {"-h": "localhost", "-p": "6379", "-a": os.environ.get("REDISCLI_AUTH", "")}


def _answer(stream: Any) -> Iterator[str]:
    kind, rest = (line := stream.readline().rstrip(b"\r\n"))[:1], line[1:]
    if kind == b"$":
        yield stream.read(int(rest) + 2)[:-2].decode() if int(rest) >= 0 else ""
    elif kind == b"*":
        for _ in range(int(rest)):
            yield from _answer(stream)
    elif kind == b"-":
        yield f"(error) {rest.decode()}"
    else:
        yield rest.decode()


def main() -> int:
    """Send the command; the exit code is 1 when nobody answers."""
    words = sys.argv[1:]
    while words and words[0] in _OPTIONS:
        option = words.pop(0)
        _OPTIONS[option] = words.pop(0)
    commands = [["AUTH", _OPTIONS["-a"]]] if _OPTIONS["-a"] else []
    try:
        with socket.create_connection((_OPTIONS["-h"], int(_OPTIONS["-p"])), 5) as connection:
            stream = connection.makefile("rwb")
            for command in [*commands, words or ["PING"]]:
                encoded = [f"${len(word.encode())}\r\n{word}\r\n" for word in command]
                stream.write(f"*{len(command)}\r\n{''.join(encoded)}".encode())
                stream.flush()
                lines = list(_answer(stream))
    except OSError as error:
        sys.stderr.write(f"Could not connect to Valkey at {_OPTIONS['-h']}:{_OPTIONS['-p']}: {error}\n")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
