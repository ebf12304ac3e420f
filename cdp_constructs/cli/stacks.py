"""The commands on a deployed stack that the pages of runbooks use: a function's log, and what AWS calls a resource."""

import re
import time
from typing import Annotated

import typer

from cdp_constructs.cli.session import Profile, Region, StackName, explained, open_stack
from cdp_constructs.operations.deployed.errors import OperatorError
from cdp_constructs.operations.deployed.log_lines import log_lines
from cdp_constructs.operations.deployed.stacks import DeployedStack

__all__ = ["logs", "output", "resource"]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def logs(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A function or log group, by a part of its logical id.")],
    stack: StackName,
    region: Region = None,
    profile: Profile = None,
    *,
    since: Annotated[str, typer.Option(help="How far back: 30s, 15m, 2h, 1d.")] = "1h",
    pattern: Annotated[
        str, typer.Option("--filter", help="Text, or a filter pattern of CloudWatch Logs.", show_default=False)
    ] = "",
    errors: Annotated[bool, typer.Option("--errors", help="Only lines that tell an error.")] = False,
    group: Annotated[bool, typer.Option("--group", help="NAME is a log group's own name, of no stack.")] = False,
) -> None:
    """Print the lines of a function's log, or of another log group of the stack."""
    with explained():
        if not (age := re.fullmatch(r"(\d+)([smhd])", since)):
            raise OperatorError(f"--since {since!r} is no time; write 30s, 15m, 2h or 1d")
        deployed = open_stack(stack, region, profile)
        place = name
        if not group:
            place = _log_group(deployed, name)
        begin = time.time() - int(age[1]) * _SECONDS[age[2]]
        wanted = pattern if not pattern or pattern[0] in '"{[?-' else f'"{pattern}"'
        some = False
        for line in log_lines(deployed.client("logs"), place, since=begin, pattern=wanted):
            if not errors or line.error is not None:
                typer.echo(line.text)
                some = True
        if not some:
            typer.echo(f"Nothing in {place} in the last {since}.", err=True)


def resource(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A part of the logical id that only one has.")],
    stack: StackName,
    region: Region = None,
    profile: Profile = None,
    kind: Annotated[
        str | None, typer.Option("--type", help="Such as AWS::SQS::Queue, or its end.", show_default=False)
    ] = None,
) -> None:
    """Print what AWS calls a resource of the stack: a function's name, a queue's URL, a table's name."""
    with explained():
        deployed = open_stack(stack, region, profile)
        types = {item.type for item in deployed.resources.values() if item.type.endswith(kind or "")}
        if not types:
            raise OperatorError(f"{stack} has no resource of type {kind}")
        typer.echo(deployed.named(name, *sorted(types)).physical_id)


def output(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The output's name, such as ApiUrl.")],
    stack: StackName,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Print an output of the stack."""
    with explained():
        outputs = open_stack(stack, region, profile).outputs
        if name not in outputs:
            raise OperatorError(f"{stack} has no output {name!r}; it has: {', '.join(sorted(outputs)) or 'none'}")
        typer.echo(outputs[name])


def _log_group(stack: DeployedStack, name: str) -> str:
    """Return the log group of the function that a name fits, or else of the log group that it fits."""
    function = "AWS::Lambda::Function"
    if any(name.replace("/", "") in item.logical_id for item in stack.of_type(function)):
        return stack.log_group(stack.named(name, function))
    return stack.named(name, "AWS::Logs::LogGroup").physical_id
