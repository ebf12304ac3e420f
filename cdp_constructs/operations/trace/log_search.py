"""Every log line of deployed stacks that has an id, by CloudWatch Logs Insights."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from cdp_constructs.operations.deployed.errors import OperatorError
from cdp_constructs.operations.deployed.log_lines import fields_of
from cdp_constructs.operations.deployed.stacks import DeployedStack, Resource
from cdp_constructs.operations.trace.ids import written

__all__ = ["Line", "Place", "lines_with"]

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
_MOST_GROUPS = 50
_MOST_LINES = 1000
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 60
_RUNNING = {"Scheduled", "Running", "Unknown"}


@dataclass(frozen=True)
class Place:
    """A function, or a log group that is of none.

    Attributes:
        stack: Its stack.
        resource: What the template says.
    """

    stack: DeployedStack
    resource: Resource

    @property
    def name(self) -> str:
        """Its logical id without the CDK's hash."""
        return self.resource.name

    @property
    def region(self) -> str:
        """The Region."""
        return self.stack.region

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others."""
        return self.region, self.resource.physical_id


@dataclass(frozen=True)
class Line:
    """A line of a log that has the id.

    Attributes:
        place: Whose log it is.
        logged: When CloudWatch got it, in seconds since 1970.
        text: As it was written.
    """

    place: Place
    logged: float
    text: str

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """What a line in JSON has; nothing for any other line."""
        return fields_of(self.text)

    @cached_property
    def time(self) -> float:
        """When it was written, in seconds since 1970: what the line says of itself, or else when it arrived."""
        try:
            return datetime.strptime(str(self.fields.get("timestamp")), "%Y-%m-%d %H:%M:%S,%f%z").timestamp()
        except ValueError:
            return self.logged

    @property
    def is_error(self) -> bool:
        """Whether it says that something failed."""
        return self.fields.get("level") in {"ERROR", "CRITICAL"}


def lines_with(stacks: Sequence[DeployedStack], identity: str, *, since: float) -> list[Line]:
    """Return the lines of some stacks that have an id, the oldest first.

    Args:
        stacks: In any Regions.
        identity: The id.
        since: The earliest time, in seconds since 1970.

    Raises:
        OperatorError: when CloudWatch does not finish the search.
    """
    found = [line for stack in stacks for line in _of_stack(stack, identity, since)]
    return sorted(found, key=lambda line: line.time)


def _of_stack(stack: DeployedStack, identity: str, since: float) -> Iterator[Line]:
    places = _places(stack)
    names = list(places)
    # All are asked before the first is waited for.
    asked = [_ask(stack, names[at : at + _MOST_GROUPS], identity, since) for at in range(0, len(names), _MOST_GROUPS)]
    for query in asked:
        for row in _answer(stack, query):
            # AWS writes the account before the name.
            place = places.get(row["@log"].rpartition(":")[2])
            if place is not None:
                logged = datetime.strptime(row["@timestamp"], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
                yield Line(place, logged.timestamp(), row["@message"].rstrip("\n"))


def _places(stack: DeployedStack) -> dict[str, Place]:
    """Return whose log each group of a stack is: a function's, or its own."""
    groups = {item.physical_id: Place(stack, item) for item in stack.of_type("AWS::Logs::LogGroup")}
    for function in stack.of_type("AWS::Lambda::Function"):
        name = stack.log_group(function)
        if name in groups:
            groups[name] = Place(stack, function)
    return groups


def _ask(stack: DeployedStack, groups: Sequence[str], identity: str, since: float) -> str:
    query = (
        f"fields @timestamp, @log, @message | filter @message like /{'|'.join(written(identity))}/ "
        f"| sort @timestamp asc | limit {_MOST_LINES}"
    )
    answer = stack.client("logs").start_query(
        logGroupNames=list(groups), startTime=int(since), endTime=int(time.time()) + 60, queryString=query
    )
    return str(answer["queryId"])


def _answer(stack: DeployedStack, query: str) -> list[dict[str, str]]:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        answer = stack.client("logs").get_query_results(queryId=query)
        if answer["status"] == "Complete":
            return [{cell["field"]: cell.get("value", "") for cell in row} for row in answer["results"]]
        if answer["status"] not in _RUNNING or time.monotonic() > until:
            raise OperatorError(
                f"Logs Insights: {answer['status']} in {stack.region}; ask for less, such as --since 15m"
            )
        time.sleep(_POLL_SECONDS)
