"""What an operator does at night: see what failed, look at it, put it back."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_sqs as sqs
from typer.testing import CliRunner

from cdp_constructs import SnsSqsFanout
from cdp_constructs.core.queues import add_dead_letter_queue
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture
from tools.dead_letters import app

REGION = "us-east-1"


@architecture
def orders(stack: Stack) -> None:
    billing = SnsSqsFanout(stack, "Orders").add_subscriber("Billing")
    alone: sqs.Queue = add_dead_letter_queue(stack, "Alone", alarm_topic=None, holds="events without a queue")
    queues = {
        "Queue": billing.queue,
        "Failed": billing.dead_letter_queue,
        "Undelivered": billing.subscription_dead_letter_queue,
        "Loose": alone,
    }
    for name, queue in queues.items():
        CfnOutput(stack, name, value=queue.queue_url)


class Operator:
    """Somebody with a shell, and what the queues hold."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        (self.stack,) = deployment.outputs
        self.urls = deployment.outputs[self.stack]
        self.sqs = cloud.client("sqs", REGION)

    def run(self, command: str, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [command, "--stack", self.stack, *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    def put(self, queue: str, *bodies: str) -> None:
        for body in bodies:
            attribute = {"kind": {"DataType": "String", "StringValue": "order"}}
            self.sqs.send_message(QueueUrl=self.urls[queue], MessageBody=body, MessageAttributes=attribute)

    def count(self, queue: str) -> int:
        name = "ApproximateNumberOfMessages"
        found = self.sqs.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=[name])
        return int(found["Attributes"][name])

    def take(self, queue: str) -> list[Any]:
        taken = []
        while True:
            answer = self.sqs.receive_message(
                QueueUrl=self.urls[queue], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            if not answer.get("Messages"):
                return taken
            for message in answer["Messages"]:
                self.sqs.delete_message(QueueUrl=self.urls[queue], ReceiptHandle=message["ReceiptHandle"])
                taken.append((message["Body"], message["MessageAttributes"]["kind"]["StringValue"]))


@pytest.fixture
def operator(
    local_cloud: LocalCloud, deployed: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    environment = {
        **local_cloud.root.environment(local_cloud.endpoint, REGION),
        "AWS_DEFAULT_REGION": REGION,
        "COLUMNS": "200",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = Operator(local_cloud, deployed(orders))
    yield found
    for queue in found.urls:
        found.sqs.purge_queue(QueueUrl=found.urls[queue])


def test_nothing_failed(operator: Operator) -> None:
    assert operator.run("list") == (0, f"No failed messages in {operator.stack}.\n")
    _, everything = operator.run("list", "--all")
    assert everything.count("DeadLetterQueue") == 2
    assert "Alone" in everything


def test_what_failed_in_a_queue_is_seen_and_put_back(operator: Operator) -> None:
    bodies = [json.dumps({"order": number}) for number in range(12)]
    operator.put("Failed", *bodies)
    status, listed = operator.run("list")
    assert status == 0
    assert "12" in listed
    assert "OrdersBillingQueue" in listed
    status, shown = operator.run("show", "BillingDeadLetter", "--limit", "12")
    assert (status, shown.count('"order"'), shown.count("'kind': 'order'")) == (0, 12, 12)
    # Looking takes nothing away, and can be done again at once.
    assert operator.run("show", "BillingDeadLetter")[1].count('"order"') == 5
    assert operator.count("Failed") == 12
    status, said = operator.run("replay", "BillingDeadLetter")
    assert status == 0, said
    assert "12 moved to" in said
    assert sorted(operator.take("Queue")) == sorted((body, "order") for body in bodies)
    assert operator.count("Failed") == 0


def test_what_a_topic_could_not_deliver_is_carried_to_its_queue(operator: Operator) -> None:
    operator.put("Undelivered", "not even JSON [bold]", "two", "three")
    assert "not even JSON [bold]" in operator.run("show", "Subscription")[1]
    status, said = operator.run("replay", "Subscription", "--per-second", "100")
    assert status == 0
    assert "3 moved to" in said
    assert sorted(operator.take("Queue")) == [(body, "order") for body in ("not even JSON [bold]", "three", "two")]
    assert operator.count("Undelivered") == 0


def test_what_came_from_no_queue_stays_where_it_is(operator: Operator) -> None:
    operator.put("Loose", "event")
    assert "nothing; see the runbook" in operator.run("list")[1]
    status, said = operator.run("replay", "Alone")
    assert (status, "its runbook says" in said) == (1, True)
    assert operator.count("Loose") == 1


def test_a_name_that_fits_several_queues_or_none_is_refused_with_their_names(operator: Operator) -> None:
    for part in ("DeadLetterQueue", "nonsense"):
        status, said = operator.run("show", part)
        assert status == 2
        assert "OrdersBillingSubscriptionDeadLetterQueue" in said.replace("\n", "").replace(" ", "").replace("│", "")
