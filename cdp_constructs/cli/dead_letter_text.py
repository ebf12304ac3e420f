"""What `cdp dead-letters` prints about queues and their messages."""

import json
import time
from typing import Any

import typer

from cdp_constructs.operations.dead_letters.causes import body_of
from cdp_constructs.operations.dead_letters.messages import Message
from cdp_constructs.operations.dead_letters.queues import DeadLetterQueue
from cdp_constructs.operations.dead_letters.replay import destination_of

__all__ = ["about", "describe", "length_of", "print_message", "time_of"]


def describe(queue: DeadLetterQueue, visible: int, hidden: int) -> None:
    """Print how many messages wait, since when, why, and what to do next."""
    hiding = f" and {hidden} that somebody is reading" if hidden else ""
    oldest = queue.oldest(visible)
    aged = f", the oldest sent {length_of(oldest[0])} ago" if oldest else ""
    typer.echo(f"{queue.name}  {visible} message{'' if visible == 1 else 's'}{hiding}{aged}")
    for line in about(queue):
        typer.echo(f"  {line}")
    if oldest and (cause := queue.cause_of(oldest[1])):
        typer.echo(f"  cause of the oldest: {' '.join(cause.split())}")
    if oldest:
        typer.echo(f"  next: cdp dead-letters {'records' if queue.is_of_stream else 'show'} {queue.name}")


def about(queue: DeadLetterQueue) -> list[str]:
    """Return where the messages come from, whose log tells more, and where a replay delivers them."""
    lines = []
    for origin in queue.origins:
        tries = ""
        if origin.deliveries and origin.seconds_until_failed:
            until = length_of(origin.seconds_until_failed)
            tries = f": {origin.deliveries} deliveries, {until} from the first failure to this queue"
        lines.append(f"from: {origin.source.name} ({origin.kind}{tries})")
    if queue.consumer is not None:
        lines.append(f"consumer: {queue.consumer.name}; its log: cdp logs {queue.consumer.name}  {_link(queue)}")
    lines.append(f"replay: to {destination_of(queue) or 'nothing; see the runbook'}")
    return lines


def print_message(queue: DeadLetterQueue, message: Message) -> None:
    """Print a message with its cause and attributes."""
    typer.echo(f"-- {message.id}  sent {time_of(message.sent)}, received {message.receives} times with this one")
    if cause := queue.cause_of(message):
        typer.echo(f"cause: {' '.join(cause.split())}")
    for name in sorted(message.attributes):
        typer.echo(f"{name}: {message.text(name)}")
    body: Any = body_of(message)
    typer.echo(body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False))


def length_of(seconds: float) -> str:
    """Return a length of time in words."""
    if seconds < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.0f} s"
    if seconds < 7200:  # noqa: PLR2004  # two hours
        return f"{-(-seconds // 60):.0f} min"
    return f"{seconds / 3600:.0f} h"


def time_of(seconds: float) -> str:
    """Return a moment in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _link(queue: DeadLetterQueue) -> str:
    """Return where the log is: in the console of AWS, or under which name in another cloud."""
    group, client = str(queue.log_group), queue.stack.client("logs")
    if not client.meta.endpoint_url.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")):
        return f"({group})"
    written = group.replace("/", "$252F")
    region = queue.stack.region
    return (
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{written}"
    )
