"""A cold start, as a process of its own: `python -m benchmarks.handler_process handler FOLDER` prints what it cost.

`inspect FOLDER` prints which clients a handler makes, and `bare CLIENTS` imports boto3 and Logger, makes the same
clients and, as asked, the resolver of Powertools and a pydantic model.
"""

import json
import re
import sys
import time
from importlib import import_module
from pathlib import Path


def main(arguments: list[str]) -> dict[str, object]:
    """Do what is asked, and return what it cost."""
    what, about, *extras = arguments
    started = time.process_time()
    if what == "bare":
        _bare(json.loads(about), extras)
    else:
        folder = Path(about)
        # Behind the layers: a module of the library may be named as a layer is.
        sys.path.append(str(folder.parents[1]))
        clients = _record_clients() if what == "inspect" else []
        import_module(f"{folder.parent.name}.{folder.name}.index")
    cpu = time.process_time() - started
    return {
        "cpu_ms": 1000 * cpu,
        "memory": _memory(),
        "xray": "aws_xray_sdk" in sys.modules,
        "resolver": "aws_lambda_powertools.event_handler" in sys.modules,
        "models": "pydantic.main" in sys.modules,
        "clients": clients if what == "inspect" else [],
    }


def _memory() -> float:
    """Return the most that this process had in use, in MB; not by getrusage, which begins with what its parent had."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _bare(clients: list[list[str]], extras: list[str]) -> None:
    import boto3
    from aws_lambda_powertools import Logger

    Logger()
    if "resolver" in extras:
        from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

        APIGatewayHttpResolver(enable_validation="models" in extras)
    if "models" in extras:
        from pydantic import BaseModel

        class Item(BaseModel):
            name: str
            size: int

        Item(name="a", size=1)
    for kind, service in clients:
        getattr(boto3, kind)(service)


def _record_clients() -> list[list[str]]:
    import boto3

    made: list[list[str]] = []
    for kind in ("client", "resource"):
        original = getattr(boto3, kind)

        def recording(*args: str, _kind: str = kind, _original: object = original, **options: object) -> object:
            made.append([_kind, args[0] if args else str(options["service_name"])])
            return _original(*args, **options)  # type: ignore[operator]

        setattr(boto3, kind, recording)
    return made


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))  # noqa: T201 - read by the benchmark
