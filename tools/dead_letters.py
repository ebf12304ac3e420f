"""See what failed in a stack, and put it back: `python -m tools.dead_letters list --stack Chat-ap-northeast-1`.

For somebody who was woken up: `list` says which queues hold failed messages, `show` prints them without taking them
away, and `replay` puts them where they failed and waits until all have been moved. It uses the AWS credentials and the
Region of the environment, like the AWS CLI, and `AWS_ENDPOINT_URL` leads it to an embedded cloud.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import boto3
import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

__all__ = ["DeadLetterQueue", "Stack", "app"]

_MOST_RECEIVED = 10
_POLL_SECONDS = 1.0
_DONE = {"COMPLETED", "FAILED", "CANCELLED"}

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
console = Console(soft_wrap=True)

StackName = Annotated[str, typer.Option("--stack", help="The stack, such as Chat-ap-northeast-1.")]
QueueName = Annotated[str, typer.Argument(help="The queue's logical id, or a part of it that only one has.")]


@dataclass(frozen=True)
class DeadLetterQueue:
    """A queue of a stack that keeps failed messages."""

    name: str
    """Its logical id."""
    url: str
    arn: str
    messages: int
    """How many wait, about."""
    destination: str | None
    """ARN of the queue where they failed; None when they came from no queue, so that moving them helps nobody."""
    from_topic: bool
    """Whether SNS could not deliver them. SQS moves only what failed in a queue, so these are moved from here."""


class Stack:
    """The queues of a stack, as they are deployed."""

    def __init__(self, name: str, session: "boto3.Session | None" = None) -> None:
        """Look at one stack in the Region of the session.

        Args:
            name: The stack's name.
            session: Whose credentials and Region are used; by default those of the environment.
        """
        session = session or boto3.Session()
        self.name = name
        self.sqs: SQSClient = session.client("sqs")
        self._sns: SNSClient = session.client("sns")
        pages = session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
        self._resources = [item for page in pages for item in page["StackResourceSummaries"]]

    def dead_letter_queues(self) -> list[DeadLetterQueue]:
        """Return the queues that keep failed messages: those that send their own failures nowhere."""
        found = {logical_id: (url, self._attributes(url)) for logical_id, url in self._of_type("AWS::SQS::Queue")}
        in_queues, from_topics = self._destinations(found)
        return [
            DeadLetterQueue(
                name=logical_id,
                url=url,
                arn=attributes["QueueArn"],
                messages=int(attributes["ApproximateNumberOfMessages"]),
                destination=in_queues.get(attributes["QueueArn"]) or from_topics.get(attributes["QueueArn"]),
                from_topic=attributes["QueueArn"] in from_topics.keys() - in_queues.keys(),
            )
            for logical_id, (url, attributes) in sorted(found.items())
            if "RedrivePolicy" not in attributes
        ]

    def queue(self, part: str) -> DeadLetterQueue:
        """Return the one dead-letter queue whose logical id is, or contains, a text.

        Raises:
            typer.BadParameter: when there is none, or more than one.
        """
        queues = self.dead_letter_queues()
        fitting = [queue for queue in queues if queue.name == part] or [item for item in queues if part in item.name]
        if len(fitting) != 1:
            names = ", ".join(queue.name for queue in fitting or queues)
            raise typer.BadParameter(
                f"{part!r} fits {len(fitting)} dead-letter queues of {self.name}; use one of {names}"
            )
        return fitting[0]

    def peek(self, queue: DeadLetterQueue, limit: int) -> list[dict[str, Any]]:
        """Return messages, oldest first as far as SQS tells, and leave them where they are."""
        seen: dict[str, dict[str, Any]] = {}
        try:
            while len(seen) < limit:
                # Hidden while the rest is read, so that the same ones do not come again.
                answer = self.sqs.receive_message(
                    QueueUrl=queue.url,
                    MaxNumberOfMessages=min(_MOST_RECEIVED, limit - len(seen)),
                    VisibilityTimeout=60,
                    WaitTimeSeconds=1,
                    MessageAttributeNames=["All"],
                    MessageSystemAttributeNames=["SentTimestamp"],
                )
                if not answer.get("Messages"):
                    break
                seen |= {message["MessageId"]: dict(message) for message in answer["Messages"]}
        finally:
            for message in seen.values():
                self.sqs.change_message_visibility(
                    QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )
        return sorted(seen.values(), key=lambda message: int(message.get("Attributes", {}).get("SentTimestamp", 0)))

    def replay(self, queue: DeadLetterQueue, per_second: int | None, told: Callable[[int], None]) -> int:
        """Move every message to where it failed, and return how many were moved.

        Args:
            queue: A queue with a destination.
            per_second: Most messages a second, 1 to 500; as fast as SQS can by default.
            told: Hears how many have been moved so far.

        Raises:
            RuntimeError: when SQS gives up; what was not moved is still in the queue.
        """
        if queue.from_topic:
            return self._carry(queue, per_second, told)
        speed = {} if per_second is None else {"MaxNumberOfMessagesPerSecond": per_second}
        self.sqs.start_message_move_task(SourceArn=queue.arn, DestinationArn=str(queue.destination), **speed)
        while True:
            (task, *_) = self.sqs.list_message_move_tasks(SourceArn=queue.arn, MaxResults=1)["Results"]
            moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
            told(moved)
            if task["Status"] in _DONE:
                break
            time.sleep(_POLL_SECONDS)
        if task["Status"] != "COMPLETED":
            raise RuntimeError(f"{task['Status']}: {task.get('FailureReason', 'no reason given')}; {moved} were moved")
        return moved

    def _carry(self, queue: DeadLetterQueue, per_second: int | None, told: Callable[[int], None]) -> int:
        """Send each message to its queue and then delete it here: in between it is in both, and never in none."""
        destination = str(queue.destination).split(":")
        target = self.sqs.get_queue_url(QueueName=destination[-1], QueueOwnerAWSAccountId=destination[-2])["QueueUrl"]
        moved = 0
        while True:
            answer = self.sqs.receive_message(
                QueueUrl=queue.url,
                MaxNumberOfMessages=_MOST_RECEIVED,
                VisibilityTimeout=60,
                WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
            )
            if not answer.get("Messages"):
                return moved
            for message in answer["Messages"]:
                attributes: Any = message.get("MessageAttributes", {})
                self.sqs.send_message(QueueUrl=target, MessageBody=message["Body"], MessageAttributes=attributes)
                self.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
                told(moved)
                if per_second is not None:
                    time.sleep(1 / per_second)

    def _of_type(self, resource_type: str) -> Iterator[tuple[str, str]]:
        for item in self._resources:
            if item["ResourceType"] == resource_type:
                yield item["LogicalResourceId"], item["PhysicalResourceId"]

    def _attributes(self, url: str) -> dict[str, str]:
        wanted = ["QueueArn", "ApproximateNumberOfMessages", "RedrivePolicy"]
        return dict(self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"])  # type: ignore[arg-type]

    def _destinations(self, queues: dict[str, tuple[str, dict[str, str]]]) -> tuple[dict[str, str], dict[str, str]]:
        """Return by the ARN of a dead-letter queue the queue that it belongs to, and the one that its topic feeds."""
        in_queues, from_topics = {}, {}
        for _, subscription in self._of_type("AWS::SNS::Subscription"):
            attributes = self._sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
            queue = self._fed(subscription.rpartition(":")[0]).get(subscription)
            if queue is not None and "RedrivePolicy" in attributes:
                from_topics[json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]] = queue
        for _, attributes in queues.values():
            if "RedrivePolicy" in attributes:
                in_queues[json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]] = attributes["QueueArn"]
        return in_queues, from_topics

    def _fed(self, topic: str) -> dict[str, str]:
        """Return the queues that a topic feeds, by subscription."""
        pages = self._sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        subscriptions = [item for page in pages for item in page["Subscriptions"]]
        return {item["SubscriptionArn"]: item["Endpoint"] for item in subscriptions if item["Protocol"] == "sqs"}


@app.command("list")
def list_queues(
    stack: StackName, *, every: Annotated[bool, typer.Option("--all", help="Also empty queues.")] = False
) -> None:
    """Say which queues hold failed messages."""
    queues = [queue for queue in Stack(stack).dead_letter_queues() if queue.messages or every]
    if not queues:
        console.print(f"No failed messages in {stack}.")
        return
    table = Table("queue", "messages", "replay puts them into")
    for queue in queues:
        table.add_row(queue.name, str(queue.messages), (queue.destination or "nothing; see the runbook").split(":")[-1])
    # A name that is cut is no name: whoever copies it needs all of it, also from a pipe or a narrow window.
    needed = console.measure(table, options=console.options.update(max_width=1000)).maximum
    Console(width=max(needed, console.width)).print(table, crop=False)


@app.command()
def show(queue: QueueName, stack: StackName, limit: Annotated[int, typer.Option(min=1, max=1000)] = 5) -> None:
    """Print failed messages, the oldest first, and leave them in the queue."""
    deployed = Stack(stack)
    for message in deployed.peek(deployed.queue(queue), limit):
        sent = int(message.get("Attributes", {}).get("SentTimestamp", 0)) / 1000
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(sent))
        attributes = {name: item.get("StringValue") for name, item in message.get("MessageAttributes", {}).items()}
        console.rule(f"{message['MessageId']} sent {when}", align="left")
        if attributes:
            console.print(attributes)
        try:
            console.print_json(message["Body"])
        except json.JSONDecodeError:
            console.print(message["Body"], markup=False)


@app.command()
def replay(
    queue: QueueName,
    stack: StackName,
    per_second: Annotated[int | None, typer.Option(min=1, max=500, help="Most messages a second.")] = None,
) -> None:
    """Put all failed messages back to where they failed. Fix the cause first: what fails again comes back here."""
    deployed = Stack(stack)
    found = deployed.queue(queue)
    if found.destination is None:
        console.print(f"{found.name} has messages that came from no queue; its runbook says what to do with them.")
        raise typer.Exit(1)
    with console.status(f"{found.name}: moving") as status:
        try:
            moved = deployed.replay(found, per_second, lambda count: status.update(f"{found.name}: {count} moved"))
        except RuntimeError as error:
            console.print(f"{found.name}: {error}")
            raise typer.Exit(1) from error
    console.print(f"{found.name}: {moved} moved to {found.destination.split(':')[-1]}")


if __name__ == "__main__":
    app()
