"""The commands `cdp dead-letters …`: what failed in a stack, why, and how it is delivered again."""

import json
import sys
import time
from typing import Annotated

import typer

from cdp_constructs.cli.dead_letter_text import about, describe, length_of, print_message, time_of
from cdp_constructs.cli.session import Profile, Region, StackName, explained, open_stack
from cdp_constructs.operations.dead_letters.messages import Message
from cdp_constructs.operations.dead_letters.queues import DeadLetterQueue, dead_letter_queue, dead_letter_queues
from cdp_constructs.operations.dead_letters.replay import destination_of, replay_all, replay_some
from cdp_constructs.operations.dead_letters.stream_records import batch_of, process, records_of
from cdp_constructs.operations.deployed.errors import OperatorError

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="What failed in a deployed stack: see it, deliver it again, remove it. Consumers take a message twice, so a "
    "replay can be repeated.",
)

QueueName = Annotated[
    str, typer.Argument(metavar="QUEUE", help="The queue's name in `list`, its place, or a part that only one has.")
]
MessageId = Annotated[str, typer.Argument(metavar="MESSAGE", help="A message id, as `show` and the logs have it.")]
Only = Annotated[list[str] | None, typer.Option("--only", metavar="MESSAGE", help="This message. Repeatable.")]


@app.command("list")
def list_queues(
    stack: StackName,
    region: Region = None,
    profile: Profile = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Also empty queues.")] = False,
) -> None:
    """Say which queues hold failed messages, since when, and why."""
    with explained():
        deployed = open_stack(stack, region, profile)
        some = False
        for queue in dead_letter_queues(deployed):
            visible, hidden = queue.messages.count()
            if visible or hidden or every:
                describe(queue, visible, hidden)
                some = True
        if not some:
            typer.echo(f"No failed messages in {stack}.")


@app.command()
def show(
    queue: QueueName,
    stack: StackName,
    region: Region = None,
    profile: Profile = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 5,
) -> None:
    """Print failed messages, the oldest first, and leave them in the queue."""
    with explained():
        found = dead_letter_queue(open_stack(stack, region, profile), queue)
        messages = found.messages.peek(limit)
        total = max(len(messages), sum(found.messages.count()))
        if not messages:
            typer.echo(f"{found.name} is empty." if not total else f"{found.name}: {total} are read by somebody else.")
            return
        typer.echo(f"{found.name}: {len(messages)} of {total}")
        for line in about(found):
            typer.echo(f"  {line}")
        for message in messages:
            print_message(found, message)


@app.command()
def replay(
    queue: QueueName,
    stack: StackName,
    region: Region = None,
    profile: Profile = None,
    *,
    only: Only = None,
    rate: Annotated[int | None, typer.Option(min=1, max=500, help="Most messages a second.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Wait until it is known whether they fail again.")] = False,
) -> None:
    """Deliver failed messages again to where they were to go. Fix the cause first: what fails again comes back."""
    with explained():
        found = dead_letter_queue(open_stack(stack, region, profile), queue)
        if only:
            delivered = replay_some(found, only)
            _say_missing(found, only, delivered)
            moved = len(delivered)
        else:
            moved = replay_all(found, rate=rate, told=_progress)
        typer.echo(f"{found.name}: {moved} delivered again to {destination_of(found)}")
        if not moved:
            return
        seconds = found.seconds_until_failed
        if seconds is None:
            typer.echo("What fails again comes back. Look again: cdp dead-letters list")
        elif not watch:
            typer.echo(f"What fails again comes back. Look again in {length_of(seconds)}: cdp dead-letters list")
        else:
            _watch(found, seconds)


@app.command()
def drop(
    queue: QueueName,
    messages: Annotated[list[str], typer.Argument(metavar="MESSAGE...", help="Message ids, as `show` has them.")],
    stack: StackName,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Remove messages for ever; the others stay. `export` keeps a copy."""
    with explained():
        found = dead_letter_queue(open_stack(stack, region, profile), queue)
        removed = found.messages.take(messages, lambda _message: None)
        typer.echo(f"{found.name}: {len(removed)} removed, {sum(found.messages.count())} left")
        _say_missing(found, messages, removed)


@app.command()
def export(queue: QueueName, stack: StackName, region: Region = None, profile: Profile = None) -> None:
    """Print every message as a line of JSON, and leave them in the queue."""
    with explained():
        found = dead_letter_queue(open_stack(stack, region, profile), queue)
        for message in found.messages.peek():
            line = {
                "id": message.id,
                "sent": time_of(message.sent),
                "receives": message.receives,
                "group": message.system.get("MessageGroupId"),
                "attributes": {name: message.text(name) for name in message.attributes},
                "body": message.body,
            }
            typer.echo(json.dumps({key: value for key, value in line.items() if value is not None}))


@app.command()
def records(
    queue: QueueName,
    stack: StackName,
    region: Region = None,
    profile: Profile = None,
    *,
    only: Only = None,
    process_again: Annotated[
        bool, typer.Option("--process", help="Give them to the function; a message whose records succeed is removed.")
    ] = False,
) -> None:
    """Read the records of a stream that its function gave up, and give them to it again.

    The messages of such a queue name a shard and sequence numbers; the stream still has the records for 24 hours
    (DynamoDB), or for its retention period (Kinesis).
    """
    with explained():
        found = dead_letter_queue(open_stack(stack, region, profile), queue)
        if not found.is_of_stream:
            raise OperatorError(f"{found.name} holds messages and no places of a stream; use show and replay")
        waiting = [message for message in found.messages.peek() if not only or message.id in only]
        if not waiting:
            typer.echo(f"{found.name} is empty." if not only else f"{found.name} has none of these messages.")
        failed = 0
        for message in waiting:
            try:
                _process(found, message, process_again=process_again)
            except OperatorError as error:
                # The next ones are others: one that cannot be read holds up none.
                typer.echo(f"error: {message.id}: {error}", err=True)
                failed += 1
        if failed:
            raise typer.Exit(1)


def _process(queue: DeadLetterQueue, message: Message, *, process_again: bool) -> None:
    batch = batch_of(message)
    typer.echo(f"-- {message.id}  {batch.shard_id}  {batch.first} to {batch.last}  ({queue.cause_of(message)})")
    read = records_of(queue, batch)
    for record in read:
        typer.echo(json.dumps(record, ensure_ascii=False))
    if process_again:
        if read:
            process(queue, read)
        queue.messages.take([message.id], lambda _message: None)
        typer.echo(f"{len(read)} records processed by {queue.consumer.name if queue.consumer else ''}")


def _say_missing(queue: DeadLetterQueue, wanted: list[str], found: set[str]) -> None:
    if missing := [one for one in wanted if one not in found]:
        hint = " (of a FIFO queue only the first ten of a group can be reached)" if queue.messages.is_fifo else ""
        raise OperatorError(f"{queue.name} has no message {', '.join(missing)}{hint}")


def _watch(queue: DeadLetterQueue, seconds: int) -> None:
    typer.echo(f"Waiting {length_of(seconds)} for what fails again; Ctrl-C ends the waiting only.")
    ending = time.monotonic() + seconds
    while time.monotonic() < ending and not sum(queue.messages.count()):
        time.sleep(min(5.0, max(0.1, ending - time.monotonic())))
    back = sum(queue.messages.count())
    typer.echo(f"{queue.name}: {back} failed again" if back else f"{queue.name} is empty: none failed again.")


def _progress(count: int) -> None:
    """Count up in place on a terminal; a file or a pipe gets the result only."""
    if sys.stderr.isatty():
        typer.echo(f"{count} moved\r", nl=False, err=True)
