"""What a call of a handler costs, against a bare handler that does the same with boto3 only.

Events, and the stand-in for AWS that answers them, are those of the property tests. A first call is recorded; the bare
handler then reads the same JSON and makes the same calls of AWS with the same clients, and nothing else. The stand-in
answers in this process, so that what the network costs both is in neither.
"""

import contextlib
import copy
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from botocore.auth import SigV4Auth
from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.exceptions import ClientError
from botocore.signers import S3PostPresigner

from benchmarks.cases import Case, cases
from benchmarks.handlers import LAYERS
from benchmarks.processes import ROOT

__all__ = ["measure"]

# Calls of AWS, forms that are signed, and the signatures of requests that are sent without a client of boto3.
_RECORDED = (
    (BaseClient, "_make_api_call"),
    (S3PostPresigner, "generate_presigned_post"),
    (SigV4Auth, "add_auth"),
)
_AT_A_TIME = 10
_Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
_CALL, _CONVERT, _RESPOND = BaseClient._make_api_call, BaseClient._convert_to_request_dict, Endpoint._get_response  # type: ignore[attr-defined]  # noqa: SLF001 - the parts of botocore around the socket


def measure(blocks: int, names: Sequence[str] = ()) -> dict[str, Any]:
    """Call handlers and bare handlers in turn, in blocks of ten, in a process of its own.

    Args:
        blocks: How many of each.
        names: Only these handlers; all whose events the property tests have by default.
    """
    # Functions have no AWS Common Runtime, with which boto3 signs faster.
    environment = {**os.environ, "BOTO_DISABLE_CRT": "true", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "benchmarks.calls", str(blocks), *names]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own interpreter and module
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _measure(blocks: int, names: Sequence[str]) -> dict[str, Any]:
    # By name: the tests are no part of what is type-checked here.
    sys.path.extend([*LAYERS, str(ROOT / "devices")])
    running = import_module("tests.properties.running")
    results: dict[str, Any] = {}
    for case in cases():
        if not names or case.name in names:
            with running.running(case.subject) as run, _up_to_the_socket(run):
                results[case.name] = _compare(run, running.CONTEXT, case, blocks)
    return results


def _compare(run: Any, context: Any, case: Case, blocks: int) -> dict[str, Any]:
    def ours() -> None:
        run.module.handler(copy.deepcopy(case.event), context)

    with _silent():
        ours()
        made: list[_Call] = []
        with _recording(made):
            ours()
        bare = _bare(case.event, made, context, case.also)
        pairs = [(_cpu(ours), _cpu(bare)) for _ in range(blocks)]
    return {
        "cpu_ms": statistics.median(one for one, _ in pairs),
        "bare_ms": statistics.median(other for _, other in pairs),
        "ratio": statistics.median(one / other for one, other in pairs),
        "aws_calls": len(made),
    }


def _answer(call: _Call) -> Any:
    """Make a call again; a refusal is an answer to handlers that look whether something is there."""
    function, arguments, options = call
    try:
        return function(*copy.deepcopy(arguments), **copy.deepcopy(options))
    except ClientError as refused:
        return refused.response


def _bare(
    event: dict[str, Any], made: list[_Call], context: Any, also: Callable[[list[Any]], None]
) -> Callable[[], None]:
    """Return a handler that reads JSON, or a form, and makes the same calls; of a request, in a route of Powertools."""

    def work(document: str) -> None:
        # A page sends its form otherwise.
        (json.loads if document[:1] in {"{", "["} else parse_qs)(document)
        also([_answer(call) for call in made])

    def batch() -> None:
        for record in copy.deepcopy(event)["Records"]:
            work(record.get("body") or json.dumps(record))
        json.dumps({"batchItemFailures": []})

    def invocation() -> None:
        work(json.dumps(event))
        json.dumps({})

    def request() -> None:
        app.resolve(copy.deepcopy(event), context)

    app = APIGatewayHttpResolver()

    @app.route(".+", method=["GET", "POST", "PUT"])
    def answer() -> Response[str]:
        work(app.current_event.body or "{}")
        return Response(200, content_type="application/json", body=json.dumps({}))

    if "Records" in event:
        return batch
    return request if "http" in event.get("requestContext", {}) else invocation


def _cpu(call: Callable[[], None]) -> float:
    started = time.process_time()
    for _ in range(_AT_A_TIME):
        call()
    return 1000 * (time.process_time() - started) / _AT_A_TIME


@contextlib.contextmanager
def _up_to_the_socket(run: Any) -> Iterator[None]:
    """Let botocore do what it does; the present world answers where a connection would be opened."""
    asked: list[tuple[str, Any]] = []
    stand_in = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001 - put back below

    def convert(client: Any, api_params: Any, operation_model: Any, **options: Any) -> Any:
        asked.append((f"{client.meta.service_model.service_name}.{operation_model.name}", api_params))
        return _CONVERT(client, api_params=api_params, operation_model=operation_model, **options)

    def respond(_endpoint: Any, _request: Any, _operation_model: Any, _context: Any) -> Any:
        name, parameters = asked.pop()
        response = SimpleNamespace(status_code=200, headers={}, content=b"")
        try:
            return (response, {**run.world.answer(name, parameters), "ResponseMetadata": {}}), None
        except ClientError as error:
            response.status_code = 400
            return (response, {**error.response, "ResponseMetadata": {"HTTPStatusCode": 400}}), None

    BaseClient._make_api_call = _CALL  # type: ignore[attr-defined]  # noqa: SLF001
    BaseClient._convert_to_request_dict = convert  # type: ignore[attr-defined]  # noqa: SLF001
    Endpoint._get_response = respond  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        yield
    finally:
        BaseClient._make_api_call = stand_in  # type: ignore[attr-defined]  # noqa: SLF001
        BaseClient._convert_to_request_dict = _CONVERT  # type: ignore[attr-defined]  # noqa: SLF001
        Endpoint._get_response = _RESPOND  # type: ignore[attr-defined]  # noqa: SLF001


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()):
        yield


@contextlib.contextmanager
def _recording(made: list[_Call]) -> Iterator[None]:
    originals = [(owner, name, getattr(owner, name)) for owner, name in _RECORDED]
    inside: list[str] = []  # a call of AWS signs its request itself
    for owner, name, original in originals:

        def record(*arguments: Any, _name: str = name, _original: Callable[..., Any] = original, **options: Any) -> Any:
            if not inside:
                kept = copy.deepcopy(arguments[1:]), copy.deepcopy(options)
                made.append((partial(_original, arguments[0]), *kept))
            inside.append(_name)
            try:
                return _original(*arguments, **options)
            finally:
                inside.pop()

        setattr(owner, name, record)
    try:
        yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]), sys.argv[2:])))  # noqa: T201 - read by the process that started this
