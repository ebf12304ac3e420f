"""The command `cdp trace ID`: the way of one message through deployed stacks, and where it stopped."""

import json
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cdp_constructs.cli.session import Profile, explained
from cdp_constructs.operations.deployed.errors import OperatorError
from cdp_constructs.operations.deployed.stacks import DeployedStack, open_session
from cdp_constructs.operations.trace.ids import correlation_id
from cdp_constructs.operations.trace.log_search import Line
from cdp_constructs.operations.trace.way import Stop, Way, follow, reason_of

__all__ = ["trace", "way_lines"]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_VALUE = 60
# What every line of Powertools has.
_USUAL = {
    *("level", "location", "message", "timestamp", "service", "cold_start", "xray_trace_id", "sampling_rate"),
    *("function_name", "function_memory_size", "function_arn", "function_request_id", "tenant_id"),
    *("correlation_id", "correlation_ids", "traceparent", "exception", "exception_name", "exception_notes"),
    *("stack_trace", "attributes"),
}


def trace(
    identity: Annotated[
        str, typer.Argument(metavar="ID", help="A correlation id, a traceparent, or a UUID such as a session's.")
    ],
    stack: Annotated[
        list[str],
        typer.Option("--stack", envvar="CDP_STACK", help="A stack; repeatable. Name all Regions'.", show_default=False),
    ],
    region: Annotated[
        list[str] | None,
        typer.Option(
            "--region",
            help="A Region; repeatable. The stacks are looked for in each. By default AWS_REGION, AWS_DEFAULT_REGION, "
            "or the profile's.",
            show_default=False,
        ),
    ] = None,
    profile: Profile = None,
    *,
    since: Annotated[str, typer.Option(help="How far back: 30s, 15m, 2h, 1d.")] = "1h",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print what happened to one message, in order, and where it stopped."""
    with explained():
        wanted = correlation_id(identity)
        if not (age := re.fullmatch(r"(\d+)([smhd])", since)):
            raise OperatorError(f"--since {since!r} is no time; write 30s, 15m, 2h or 1d")
        deployed = list(_find(stack, region, profile))
        way = follow(deployed, wanted, since=time.time() - int(age[1]) * _SECONDS[age[2]])
        if as_json:
            typer.echo(json.dumps(_document(wanted, way), indent=2))
        else:
            for line in way_lines(way):
                typer.echo(line)
        if not way.lines and not way.stops:
            raise OperatorError(
                f"no line of the last {since} has {wanted}; look further back with --since, or in other stacks and "
                "Regions (CloudWatch shows a line some seconds after it was written)"
            )


def _find(names: list[str], regions: list[str] | None, profile: str | None) -> list[DeployedStack]:
    """Return the stacks of some names in some Regions; each must be in one of them.

    Raises:
        OperatorError: for a name that is in none.
    """
    from botocore.exceptions import ClientError

    found: list[DeployedStack] = []
    for name in names:
        places: Sequence[str | None] = regions or [None]
        several = [DeployedStack(name, open_session(region, profile)) for region in places]
        known = []
        for deployed in several:
            try:
                _ = deployed.resources
            except ClientError as error:
                if len(several) == 1 or "does not exist" not in error.response["Error"].get("Message", ""):
                    raise
            else:
                known.append(deployed)
        if not known:
            raise OperatorError(f"there is no stack {name} in {', '.join(one.region for one in several)}")
        found += known
    return found


def way_lines(way: Way) -> list[str]:
    """Return the way as lines of text: time, milliseconds since the start, Region, function, what happened."""
    if not way.lines:
        return [_stopped(stop) for stop in way.stops]
    start = way.lines[0].time
    rows = [
        (
            f"{datetime.fromtimestamp(line.time, UTC):%H:%M:%S.%f}"[:-3],
            f"+{round((line.time - start) * 1000)} ms",
            line.place.region,
            line.place.name,
            _happened(line),
        )
        for line in way.lines
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    texts = [
        "  ".join([row[0], row[1].rjust(widths[1]), row[2].ljust(widths[2]), row[3].ljust(widths[3]), row[4]])
        for row in rows
    ]
    texts += [_stopped(stop) for stop in way.stops]
    texts += [f"not yet  {stop.region}  {stop.name} {stop.reason}" for stop in way.pending]
    if not way.stops and not way.pending:
        texts.append("It went everywhere that it had to.")
    return texts


def _stopped(stop: Stop) -> str:
    return f"STOPPED  {stop.region}  {stop.name} {stop.reason}"


def _happened(line: Line) -> str:
    fields = line.fields
    if not fields:
        return line.text[:200]
    more = " ".join(f"{name}={_short(value)}" for name, value in fields.items() if name not in _USUAL)
    said = str(fields.get("message", ""))
    if line.is_error:
        said = f"{fields['level']}: {said}: {reason_of(fields)}"
    return f"{said}  {more}".rstrip()


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _document(identity: str, way: Way) -> dict[str, Any]:
    def stopped(stops: Any) -> list[dict[str, str]]:
        return [{"region": stop.region, "name": stop.name, "reason": stop.reason} for stop in stops]

    return {
        "correlation_id": identity,
        "lines": [
            {
                "time": datetime.fromtimestamp(line.time, UTC).isoformat(timespec="milliseconds"),
                "region": line.place.region,
                "stack": line.place.stack.name,
                "name": line.place.name,
                "line": dict(line.fields) or line.text,
            }
            for line in way.lines
        ],
        "stopped": stopped(way.stops),
        "not_yet": stopped(way.pending),
    }
