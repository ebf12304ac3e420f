"""What an operator does at night: see what failed and why, deliver it again, remove what cannot be repaired."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from typer.testing import CliRunner

from cdp_constructs import SnsSqsFanout, TopicRule
from cdp_constructs.cli.app import app
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.messaging.sns_sqs_fanout import SnsSqsFanout as Fanout
from cdp_constructs.testing import architecture

REGION = "us-east-1"
# Fails on what says so, keeps everything else in a table.
WORKER = """
import json, os, boto3
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
def handler(event, context):
    for record in event.get("Records", [event]):
        text = json.dumps(record)
        if "poison" in text and not table.get_item(Key={"pk": "fixed"}).get("Item"):
            print(json.dumps({"level": "ERROR", "message": "failed", "message_id": record.get("messageId"),
                              "exception": "Traceback …\\nLookupError: no such room"}))
            raise LookupError("no such room")
        table.put_item(Item={"pk": "done#" + record.get("messageId", context.aws_request_id), "text": text})
"""


def worker(stack: Stack, name: str, table: dynamodb.ITable, **options: Any) -> lambda_.Function:
    function = lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline(WORKER),
        environment={"TABLE_NAME": table.table_name},
        log_group=logs.LogGroup(stack, f"{name}Logs"),
        **options,
    )
    table.grant_read_write_data(function)
    return function


@architecture
def orders(stack: Stack) -> None:
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        stream=dynamodb.StreamViewType.NEW_IMAGE,
    )
    billing = SnsSqsFanout(stack, "Orders").add_subscriber("Billing")
    ledger = Fanout(stack, "Ledger", fifo=True).add_subscriber("Booking")
    loose = add_dead_letter_queue(stack, "Alone", alarm_topic=None, holds="events without a queue")
    packed = add_dead_letter_queue(stack, "Packing/DeadLetterQueue".replace("/", ""), alarm_topic=None, holds="parcels")
    packing = add_work_queue(
        stack, "Packing", dead_letter_queue=packed, visibility_timeout=Duration.seconds(1), max_receive_count=2
    )
    worker(stack, "Packer", table, timeout=Duration.seconds(1)).add_event_source(sources.SqsEventSource(packing))
    called = add_dead_letter_queue(stack, "FailedCalls", alarm_topic=None, holds="calls")
    caller = worker(stack, "Called", table, on_failure=destinations.SqsDestination(called), retry_attempts=0)
    undelivered = add_dead_letter_queue(stack, "UndeliveredEvents", alarm_topic=None, holds="events")
    rule = events.Rule(stack, "Rule", event_pattern=events.EventPattern(source=["shop"]))
    rule.add_target(targets.LambdaFunction(caller, dead_letter_queue=undelivered))
    given_up = add_dead_letter_queue(stack, "GivenUp", alarm_topic=None, holds="parts of the stream")
    reader = worker(stack, "Reader", table)
    reader.add_event_source(
        sources.DynamoEventSource(
            table,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            retry_attempts=0,
            filters=[{"pattern": json.dumps({"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "order#"}]}}}})}],
            on_failure=sources.SqsDlq(given_up),
        )
    )
    measured = TopicRule(stack, "Measured", sql="SELECT * FROM 'dt/+'", description="Keeps measurements")
    measured.add_queue(billing.queue)
    mails = add_dead_letter_queue(stack, "MailFailures", alarm_topic=None, holds="mails")
    sns.Subscription(
        stack,
        "Mail",
        topic=sns.Topic(stack, "Alarms"),
        protocol=sns.SubscriptionProtocol.EMAIL,
        endpoint="ops@example.com",
        dead_letter_queue=mails,
    )
    queues = {
        "Queue": billing.queue,
        "Failed": billing.dead_letter_queue,
        "Undelivered": billing.subscription_dead_letter_queue,
        "Loose": loose,
        "Booked": ledger.queue,
        "Unbooked": ledger.dead_letter_queue,
        "Packing": packing,
        "Unpacked": packed,
        "FailedCalls": called,
        "UndeliveredEvents": undelivered,
        "GivenUp": given_up,
        "MailFailures": mails,
        "Unmeasured": measured.dead_letter_queue,
    }
    for name, queue in queues.items():
        CfnOutput(stack, f"{name}Url", value=queue.queue_url)
    CfnOutput(stack, "TableName", value=table.table_name)
    CfnOutput(stack, "CallerName", value=caller.function_name)


class Operator:
    """Somebody with a shell, and what the queues hold."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        (self.stack,) = deployment.outputs
        self.outputs = deployment.outputs[self.stack]
        self.urls = {name.removesuffix("Url"): url for name, url in self.outputs.items() if name.endswith("Url")}
        self.cloud = cloud
        self.sqs = cloud.client("sqs", REGION)
        self.items = cloud.client("dynamodb", REGION)

    def run(self, *arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == status, result.output
        return result.output

    def dead_letters(self, *arguments: str, status: int = 0) -> str:
        return self.run("dead-letters", *arguments, status=status)

    def put(self, queue: str, *bodies: str, **order: str) -> list[str]:
        attribute = {"kind": {"DataType": "String", "StringValue": "order"}}
        return [
            self.sqs.send_message(QueueUrl=self.urls[queue], MessageBody=body, MessageAttributes=attribute, **order)[
                "MessageId"
            ]
            for body in bodies
        ]

    def count(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    def wait_for(self, queue: str, count: int = 1) -> None:
        ending = time.monotonic() + 30
        while self.count(queue) != count:
            assert time.monotonic() < ending, f"{self.count(queue)} in {queue}"
            time.sleep(0.1)

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
                kind = message.get("MessageAttributes", {}).get("kind", {}).get("StringValue")
                taken.append((message["Body"], kind))

    def fix(self) -> None:
        """Correct the cause: from now on the workers take everything."""
        self.items.put_item(TableName=self.outputs["TableName"], Item={"pk": {"S": "fixed"}})

    def done(self, text: str) -> int:
        """Return how many calls succeeded with a text."""
        items = self.items.scan(TableName=self.outputs["TableName"])["Items"]
        return sum(text in item.get("text", {}).get("S", "") for item in items)

    def wait_until_done(self, text: str) -> None:
        ending = time.monotonic() + 30
        while not self.done(text):
            assert time.monotonic() < ending, text
            time.sleep(0.1)


@pytest.fixture
def operator(
    local_cloud: LocalCloud, deployed: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    found = Operator(local_cloud, deployed(orders))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    for name, value in local_cloud.root.environment(local_cloud.endpoint, REGION).items():
        if name != "AWS_DEFAULT_REGION":
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("CDP_STACK", found.stack)
    yield found
    found.items.delete_item(TableName=found.outputs["TableName"], Key={"pk": {"S": "fixed"}})
    for queue in found.urls:
        found.sqs.purge_queue(QueueUrl=found.urls[queue])


def test_nothing_failed(operator: Operator) -> None:
    assert operator.dead_letters("list") == f"No failed messages in {operator.stack}.\n"
    everything = operator.dead_letters("list", "--all")
    for name in ("OrdersBillingDeadLetterQueue", "OrdersBillingSubscriptionDeadLetterQueue", "Alone", "GivenUp"):
        assert f"{name}  0 messages" in everything
    assert operator.dead_letters("show", "Alone") == "Alone is empty.\n"


def test_what_failed_in_a_queue_is_seen_and_put_back(operator: Operator) -> None:
    bodies = [json.dumps({"order": number}) for number in range(12)]
    operator.put("Failed", *bodies)
    listed = operator.dead_letters("list")
    assert "OrdersBillingDeadLetterQueue  12 messages, the oldest sent" in listed
    assert "from: OrdersBillingQueue" in listed
    assert "replay: to OrdersBillingQueue" in listed
    shown = operator.dead_letters("show", "Orders/Billing", "--limit", "12")
    assert (shown.count('"order"'), shown.count("kind: order")) == (12, 12)
    # Looking takes nothing away, hides nothing, and can be done again at once.
    again = operator.dead_letters("show", "Orders/Billing")
    assert again.count('"order"') == 5
    assert "5 of 12" in again
    said = operator.dead_letters("replay", "Orders/Billing")
    assert "12 delivered again to OrdersBillingQueue" in said
    assert sorted(operator.take("Queue")) == sorted((body, "order") for body in bodies)
    assert operator.count("Failed") == 0


def test_reading_hides_nothing(operator: Operator) -> None:
    operator.put("Failed", *"abcdefghijklm")
    for command in (["list"], ["show", "Orders/Billing"], ["export", "Orders/Billing"]):
        operator.dead_letters(*command)
        found = operator.sqs.get_queue_attributes(
            QueueUrl=operator.urls["Failed"], AttributeNames=["ApproximateNumberOfMessages"]
        )
        assert found["Attributes"]["ApproximateNumberOfMessages"] == "13"


def test_a_poison_message_is_found_explained_and_removed_and_the_others_are_delivered(operator: Operator) -> None:
    (poison,) = operator.put("Packing", "poison")
    operator.wait_for("Unpacked")
    operator.put("Unpacked", "good", "better")
    # Step 1: which queue, whose log, why. Step 2: the message. Step 3: away with it. Step 4: the others again.
    listed = operator.dead_letters("list")
    assert "2 deliveries, 2 s from the first failure" in listed
    assert "consumer: Packer; its log: cdp logs Packer" in listed
    assert "LookupError: no such room" in listed
    shown = operator.dead_letters("show", "Packing")
    assert poison in shown
    assert "cause: LookupError: no such room" in shown
    assert poison in operator.run("logs", "Packer", "--filter", poison)
    assert "1 removed, 2 left" in operator.dead_letters("drop", "Packing", poison)
    said = operator.dead_letters("replay", "Packing")
    assert "2 delivered again to Packing" in said
    assert "Look again in 2 s" in said
    for text in ("good", "better"):
        operator.wait_until_done(text)
    assert operator.count("Unpacked") == 0


def test_one_message_is_replayed_and_the_others_stay(operator: Operator) -> None:
    one, other = operator.put("Failed", "one", "other")
    said = operator.dead_letters("replay", "Orders/Billing", "--only", one)
    assert "1 delivered again" in said
    assert operator.take("Queue") == [("one", "order")]
    assert other in operator.dead_letters("show", "Orders/Billing")
    missing = operator.dead_letters("replay", "Orders/Billing", "--only", one, status=1)
    assert f"has no message {one}" in missing


def test_what_fails_again_is_watched_until_it_is_back(operator: Operator) -> None:
    operator.put("Unpacked", "poison")
    said = operator.dead_letters("replay", "Packing", "--watch")
    assert "Waiting 2 s" in said
    operator.wait_for("Unpacked")
    operator.fix()
    assert "none failed again" in operator.dead_letters("replay", "Packing", "--watch")


def test_what_a_topic_could_not_deliver_is_carried_to_its_queue(operator: Operator) -> None:
    operator.put("Undelivered", "not even JSON [bold]", "two", "three")
    assert "not even JSON [bold]" in operator.dead_letters("show", "BillingSubscription")
    assert "3 delivered again" in operator.dead_letters("replay", "BillingSubscription", "--rate", "100")
    assert sorted(operator.take("Queue")) == [(body, "order") for body in ("not even JSON [bold]", "three", "two")]
    assert operator.count("Undelivered") == 0


def test_order_within_a_group_is_kept(operator: Operator) -> None:
    for number in range(3):
        operator.put("Unbooked", str(number), MessageGroupId="account", MessageDeduplicationId=f"d{number}")
    assert "3 of 3" in operator.dead_letters("show", "Ledger/Booking")
    operator.dead_letters("replay", "Ledger/Booking")
    assert [body for body, _ in operator.take("Booked")] == ["0", "1", "2"]


def test_a_message_of_a_group_is_replayed_alone(operator: Operator) -> None:
    ids = [
        operator.put("Unbooked", str(number), MessageGroupId="account", MessageDeduplicationId=f"e{number}")[0]
        for number in range(2)
    ]
    operator.dead_letters("replay", "Ledger/Booking", "--only", ids[1])
    assert [body for body, _ in operator.take("Booked")] == ["1"]
    assert operator.count("Unbooked") == 1


def test_a_failed_call_is_made_again(operator: Operator) -> None:
    functions = operator.cloud.client("lambda", REGION)
    functions.invoke(
        FunctionName=operator.outputs["CallerName"], InvocationType="Event", Payload=b'{"order": "poison call"}'
    )
    operator.wait_for("FailedCalls")
    assert "LookupError: no such room" in operator.dead_letters("list")
    operator.fix()
    assert "1 delivered again to Called" in operator.dead_letters("replay", "FailedCalls")
    operator.wait_until_done("poison call")


def test_an_event_that_a_rule_could_not_deliver_goes_to_its_function(operator: Operator) -> None:
    attributes = {
        "RULE_ARN": f"arn:aws:events:{REGION}:000000000000:rule/Rule",
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": "not allowed",
    }
    operator.sqs.send_message(
        QueueUrl=operator.urls["UndeliveredEvents"],
        MessageBody=json.dumps({"source": "shop", "detail": {"order": "from a rule"}}),
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )
    assert "cause: NO_PERMISSIONS: not allowed" in operator.dead_letters("show", "UndeliveredEvents")
    operator.dead_letters("replay", "UndeliveredEvents")
    operator.wait_until_done("from a rule")


def test_records_of_a_stream_are_read_and_processed_again(operator: Operator) -> None:
    for key in ("order#poison", "room#poison"):
        operator.items.put_item(TableName=operator.outputs["TableName"], Item={"pk": {"S": key}})
    operator.wait_for("GivenUp")
    assert "next: cdp dead-letters records GivenUp" in operator.dead_letters("list")
    assert "use cdp dead-letters records" in operator.dead_letters("replay", "GivenUp", status=1)
    read = operator.dead_letters("records", "GivenUp")
    # What the mapping leaves out, the function is not given here either.
    assert ("order#poison" in read, "room#poison" in read) == (True, False)
    assert "Reader failed again: LookupError" in operator.dead_letters("records", "GivenUp", "--process", status=1)
    assert operator.count("GivenUp") == 1
    operator.fix()
    assert "1 records processed by Reader" in operator.dead_letters("records", "GivenUp", "--process")
    assert operator.done("order#poison") == 1
    assert operator.count("GivenUp") == 0
    for key in ("order#poison", "room#poison"):
        operator.items.delete_item(TableName=operator.outputs["TableName"], Key={"pk": {"S": key}})


def test_what_an_iot_rule_failed_on_is_published_again(operator: Operator) -> None:
    payload = {"celsius": 21, "from": "a device"}
    failure = {
        "ruleName": "Measured",
        "topic": "dt/climate",
        "base64OriginalPayload": base64.b64encode(json.dumps(payload).encode()).decode(),
        "failures": [{"failedAction": "SqsAction", "errorMessage": "throttled"}],
    }
    operator.put("Unmeasured", json.dumps(failure))
    assert "cause: SqsAction: throttled" in operator.dead_letters("show", "Measured")
    operator.dead_letters("replay", "Measured")
    operator.wait_for("Queue")
    assert [json.loads(body) for body, _ in operator.take("Queue")] == [payload]


@pytest.mark.parametrize(
    ("queue", "why"), [("Loose", "nothing in the stack sends to it"), ("MailFailures", "could not be mailed")]
)
def test_what_can_go_nowhere_stays_and_says_why(operator: Operator, queue: str, why: str) -> None:
    operator.put(queue, "event")
    name = {"Loose": "Alone"}.get(queue, queue)
    assert "replay: to nothing" in operator.dead_letters("list")
    assert why in operator.dead_letters("replay", name, status=1)
    assert operator.count(queue) == 1


def test_all_messages_are_exported_as_lines(operator: Operator) -> None:
    ids = operator.put("Failed", *(f"text {number}" for number in range(25)))
    lines = [json.loads(line) for line in operator.dead_letters("export", "Orders/Billing").splitlines()]
    assert {line["id"] for line in lines} == set(ids)
    assert {(line["attributes"]["kind"], line["body"][:4]) for line in lines} == {("order", "text")}
    assert operator.count("Failed") == 25


def test_a_name_that_fits_several_queues_or_none_is_refused_with_their_names(operator: Operator) -> None:
    for part in ("BillingS", "DeadLetterQueue", "nonsense"):
        said = operator.dead_letters("show", part, status=int(part != "BillingS"))
        assert ("OrdersBillingSubscriptionDeadLetterQueue" in said) or part == "BillingS"
        assert len(said.splitlines()) == 1


def test_a_resource_and_an_output_are_found_by_name(operator: Operator) -> None:
    assert operator.run("resource", "Called", "--type", "Function").strip() == operator.outputs["CallerName"]
    assert operator.run("output", "TableName").strip() == operator.outputs["TableName"]
    assert "it has: " in operator.run("output", "Nothing", status=1)
    assert "no resource of type Bucket" in operator.run("resource", "Called", "--type", "Bucket", status=1)


@pytest.mark.parametrize(
    ("changes", "arguments", "said"),
    [
        ({}, ["--stack", "NoSuchStack"], "does not exist in this Region; look at --stack and --region"),
        ({"AWS_REGION": None}, [], "no Region; export AWS_REGION"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, [], "no credentials; sign in"),
        ({"AWS_ACCESS_KEY_ID": "AKIANOBODY2345678901"}, [], "AWS does not know these credentials"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, [], "Could not connect to the endpoint URL"),
        ({}, ["--profile", "nobody"], "The config profile (nobody) could not be found"),
    ],
)
def test_a_mistake_is_one_line(
    operator: Operator,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str | None],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name, value in changes.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    output = operator.dead_letters("list", *arguments, status=1)
    assert said in output
    assert len(output.splitlines()) == 1
    assert output.startswith("error: ")


def test_a_region_can_be_given(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert "does not exist" in operator.dead_letters("list", status=1)
    assert "No failed messages" in operator.dead_letters("list", "--region", REGION)
