"""What IdempotentFunction does, seen by its clients: each request once, whatever comes twice, dies or is refused."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import boto3
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from botocore.config import Config
from botocore.exceptions import ClientError

from cdp_constructs import IdempotentFunction
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from demo.repeats import deliver_some_twice
from tests.run_once import counted, function_with_ledger

pytestmark = pytest.mark.conformance

REGION = "us-east-1"
# Says in a table of its own when it begins and when it is done, and does what the event tells it.
CODE = """
import base64, json, os, time, uuid
import boto3
from aws_lambda_powertools import Logger
from run_once import run_once
logger = Logger()
ledger = boto3.resource("dynamodb").Table(os.environ["LEDGER"])
def note(order, what, context):
    item = {"order": order["id"], "entry": what + uuid.uuid4().hex, "request": context.aws_request_id}
    ledger.put_item(Item=item)
def started(order):
    query = ledger.query(KeyConditionExpression="#o = :o", ExpressionAttributeNames={"#o": "order"},
        ExpressionAttributeValues={":o": order["id"]}, ConsistentRead=True)
    return sum(item["entry"].startswith("started") for item in query["Items"])
def work(order, context):
    note(order, "started", context)
    if order.get("dies") and started(order) == 1: os._exit(1)
    time.sleep(order.get("seconds", 0))
    if started(order) <= order.get("fails", 0): raise ValueError("refused")
    note(order, "done", context)
    if order.get("complains"): logger.error("done, although the mail was refused")
    return {"receipt": uuid.uuid4().hex}
def handler(event, context):
    if "Records" not in event: return work(event, context)
    for record in event["Records"]:
        if "kinesis" in record:
            order = json.loads(base64.b64decode(record["kinesis"]["data"]))
            number = record["kinesis"]["sequenceNumber"]
        else:
            order = json.loads(record["dynamodb"]["NewImage"]["text"]["S"])
            number = record["dynamodb"]["SequenceNumber"]
        if order.get("kills"): raise MemoryError("a record that takes the function down")
        try: run_once(order["id"], lambda: work(order, context))
        except ValueError: return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}
"""


def function(stack: Stack, name: str) -> tuple[lambda_.Function, dynamodb.TableV2]:
    actions = ["dynamodb:PutItem", "dynamodb:Query"]
    return function_with_ledger(stack, name, CODE, keys=("order", "entry"), actions=actions)


@architecture
def shop(stack: Stack) -> None:
    topic = sns.Topic(stack, "Operators", enforce_ssl=True)
    outputs = {}
    payments, ledger = function(stack, "Payments")
    of_payments = IdempotentFunction(
        stack,
        "PaymentsOnce",
        function=payments,
        key_path="id",
        validation_path="amount",
        alarm_topic=topic,
        removal_policy=RemovalPolicy.DESTROY,
    )
    outputs |= {"Payments": payments.function_name, "PaymentsLedger": ledger.table_name}
    outputs |= {"Failed": of_payments.dead_letter_queue.queue_url}
    mails, ledger = function(stack, "Mails")
    # It has no key: the id of the request is what retries share.
    of_mails = IdempotentFunction(
        stack, "MailsOnce", function=mails, reserved_concurrency=2, table=of_payments.table, alarm_topic=topic
    )
    outputs |= {"Mails": mails.function_name, "MailsLedger": ledger.table_name}
    outputs |= {"Late": of_mails.dead_letter_queue.queue_url}
    orders, ledger = function(stack, "Orders")
    of_orders = IdempotentFunction(stack, "OrdersOnce", function=orders, table=of_payments.table, alarm_topic=topic)
    stream = kinesis.Stream(stack, "Stream", removal_policy=RemovalPolicy.DESTROY)
    table = dynamodb.TableV2(
        stack,
        "Changes",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
        dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
        removal_policy=RemovalPolicy.DESTROY,
    )
    of_orders.add_stream_source("OfStream", stream=stream, retry_attempts=1)
    of_orders.add_stream_source("OfTable", table=table, retry_attempts=1)
    outputs |= {"OrdersLedger": ledger.table_name, "Stream": stream.stream_name, "Changes": table.table_name}
    outputs |= {name: queue.queue_url for name, queue in of_orders.stream_dead_letter_queues.items()}
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Name", value=value)
    for alarm in [*of_payments.alarms, *of_orders.alarms]:
        CfnOutput(stack, f"{alarm.node.scope.node.id}{alarm.node.id}Name", value=alarm.alarm_name)  # type: ignore[union-attr]


class Shop:
    """The deployed shop, and what its clients do with it."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        (outputs,) = deployment.outputs.values()
        self.outputs = {name.removesuffix("Name"): value for name, value in outputs.items()}
        self.cloud = cloud
        self.sqs = cloud.client("sqs", REGION)
        self.functions = self.client(attempts=1)
        self._dynamodb = cloud.client("dynamodb", REGION)

    def client(self, *, attempts: int) -> Any:
        credentials = self.sqs._request_signer._credentials
        return boto3.client(
            "lambda",
            region_name=REGION,
            endpoint_url=self.cloud.endpoint,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            config=Config(retries={"mode": "standard", "total_max_attempts": attempts}, max_pool_connections=50),
        )

    def call(self, function: str, order: dict[str, Any], client: Any = None) -> dict[str, Any]:
        answer = (client or self.functions).invoke(FunctionName=self.outputs[function], Payload=json.dumps(order))
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        return result

    def send(self, function: str, order: dict[str, Any]) -> str:
        name, text = self.outputs[function], json.dumps(order)
        answer = self.functions.invoke(FunctionName=name, Payload=text, InvocationType="Event")
        return str(answer["ResponseMetadata"]["RequestId"])

    def entries(self, function: str, order: dict[str, Any], what: str) -> list[dict[str, Any]]:
        answer = self._dynamodb.query(
            TableName=self.outputs[f"{function}Ledger"],
            KeyConditionExpression="#o = :o AND begins_with(#e, :e)",
            ExpressionAttributeNames={"#o": "order", "#e": "entry"},
            ExpressionAttributeValues={":o": {"S": order["id"]}, ":e": {"S": what}},
            ConsistentRead=True,
        )
        return [{name: value["S"] for name, value in item.items()} for item in answer["Items"]]

    def times(self, function: str, order: dict[str, Any], what: str = "done") -> int:
        return len(self.entries(function, order, what))

    def messages(self, queue: str) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.outputs[queue], MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.outputs[queue], ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def is_alarmed(self, alarm: str) -> bool:
        self.cloud.metrics.advance(minutes=1)
        client = self.cloud.client("cloudwatch", REGION)
        (found,) = client.describe_alarms(AlarmNames=[self.outputs[alarm]])["MetricAlarms"]
        return bool(found["StateValue"] == "ALARM")


@pytest.fixture(scope="module")
def deployed_shop(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Shop:
    return Shop(local_cloud, deployed(shop))


def order(**told: Any) -> dict[str, Any]:
    return {"id": uuid4().hex, "amount": 7, **told}


def all_at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [call.result() for call in [pool.submit(call) for call in calls]]


def test_what_comes_again_gets_the_result_of_the_first_time(deployed_shop: Shop) -> None:
    paid = order()
    first = deployed_shop.call("Payments", paid)
    assert first["receipt"]
    assert deployed_shop.call("Payments", paid) == first
    assert deployed_shop.times("Payments", paid) == 1


def test_of_two_at_the_same_time_one_is_done_and_the_other_is_told(deployed_shop: Shop) -> None:
    paid = order(seconds=1)
    answers = all_at_once([lambda: deployed_shop.call("Payments", paid)] * 2)
    (done,) = [one for one in answers if "receipt" in one]
    (told,) = [one for one in answers if one != done]
    assert told["errorType"] == "IdempotencyAlreadyInProgressError"
    assert deployed_shop.call("Payments", paid) == done
    assert deployed_shop.times("Payments", paid, "started") == 1


def test_of_many_requests_some_come_twice_and_each_is_done_once(deployed_shop: Shop) -> None:
    requests = [order(seconds=0.1) for _ in range(40)]
    client = deployed_shop.client(attempts=8)
    repeats = deliver_some_twice(client, deployed_shop.outputs["Payments"], requests, every=4, at_once=8)
    assert repeats.deliveries == 50
    assert repeats.met > 0, "no two deliveries came at once"
    assert repeats.are_equal
    assert [deployed_shop.times("Payments", one, "started") for one in requests] == [1] * len(requests)


def test_an_id_that_comes_with_another_amount_is_refused(deployed_shop: Shop) -> None:
    paid = order()
    deployed_shop.call("Payments", paid)
    assert deployed_shop.call("Payments", paid | {"amount": 8})["errorType"] == "IdempotencyValidationError"
    assert deployed_shop.times("Payments", paid) == 1


def test_a_request_without_an_id_is_refused(deployed_shop: Shop) -> None:
    assert deployed_shop.call("Payments", {"amount": 7})["errorType"] == "IdempotencyKeyError"


def test_an_attempt_that_dies_half_way_is_done_once_when_its_time_is_over(deployed_shop: Shop) -> None:
    paid = order(dies=True)
    assert "receipt" not in deployed_shop.call("Payments", paid)
    assert deployed_shop.call("Payments", paid)["errorType"] == "IdempotencyAlreadyInProgressError"
    eventually(lambda: "receipt" in deployed_shop.call("Payments", paid), within=30, what="the second attempt")
    assert deployed_shop.times("Payments", paid) == 1
    assert deployed_shop.times("Payments", paid, "started") == 2


def test_nothing_is_done_while_the_table_refuses_and_once_afterwards(deployed_shop: Shop) -> None:
    paid = order()
    with deployed_shop.cloud.inject_fault("dynamodb", REGION, operation="PutItem"):
        assert deployed_shop.call("Payments", paid)["errorType"] == "IdempotencyPersistenceLayerError"
    assert deployed_shop.times("Payments", paid, "started") == 0
    assert deployed_shop.call("Payments", paid)["receipt"]
    assert deployed_shop.times("Payments", paid) == 1


def test_work_that_is_done_ends_well_although_its_result_is_not_saved_and_that_raises_an_alarm(
    deployed_shop: Shop,
) -> None:
    paid = order()
    with deployed_shop.cloud.inject_fault("dynamodb", REGION, operation="UpdateItem"):
        assert deployed_shop.call("Payments", paid)["receipt"]
        assert deployed_shop.call("Payments", paid)["errorType"] == "IdempotencyAlreadyInProgressError"
    assert deployed_shop.times("Payments", paid) == 1
    eventually(lambda: deployed_shop.is_alarmed("PaymentsOnceLoggedErrorsAlarm"), what="the alarm")


def test_retries_of_an_asynchronous_invocation_have_one_request_id(deployed_shop: Shop) -> None:
    sent = order(fails=2)
    request_id = deployed_shop.send("Mails", sent)
    eventually(lambda: deployed_shop.times("Mails", sent), within=30, what="the third attempt")
    assert [one["request"] for one in deployed_shop.entries("Mails", sent, "started")] == [request_id] * 3


def test_an_event_that_lambda_delivers_twice_is_done_once(deployed_shop: Shop) -> None:
    sent = [order(seconds=0.3) for _ in range(5)]
    name = deployed_shop.outputs["Mails"]
    with deployed_shop.cloud.deliver_twice(name, REGION):
        for one in sent:
            deployed_shop.send("Mails", one)
    for one in sent:
        eventually(lambda one=one: deployed_shop.times("Mails", one), within=60, what="each mail")  # type: ignore[misc]
    eventually(
        lambda: counted(deployed_shop.cloud, name, "RepeatedRequests") >= len(sent), within=60, what="repetitions"
    )
    assert [deployed_shop.times("Mails", one, "started") for one in sent] == [1] * len(sent)


def test_an_event_that_waits_too_long_for_concurrency_is_kept(deployed_shop: Shop) -> None:
    busy = [order(seconds=4) for _ in range(2)]
    calls = ThreadPoolExecutor(2)
    for one in busy:
        calls.submit(deployed_shop.call, "Mails", one)
    for one in busy:
        eventually(lambda one=one: deployed_shop.times("Mails", one, "started"), what="the busy ones")  # type: ignore[misc]
    late = order()
    deployed_shop.send("Mails", late)
    deployed_shop.cloud.age_events(hours=6)
    (record,) = eventually(lambda: deployed_shop.messages("Late"), within=30, what="the dead letter")
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert (record["requestPayload"], deployed_shop.times("Mails", late, "started")) == (late, 0)
    calls.shutdown()


def test_an_event_that_always_fails_is_kept_and_raises_an_alarm(deployed_shop: Shop) -> None:
    paid = order(fails=9)
    deployed_shop.send("Payments", paid)
    (record,) = eventually(lambda: deployed_shop.messages("Failed"), within=30, what="the dead letter")
    assert record["requestPayload"] == paid
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    deployed_shop.send("Payments", order(fails=9))
    eventually(lambda: deployed_shop.is_alarmed("PaymentsOnceDeadLetterQueueAlarm"), within=60, what="the alarm")


def test_work_that_ends_well_in_spite_of_an_error_raises_an_alarm(deployed_shop: Shop) -> None:
    deployed_shop.cloud.metrics.advance(minutes=10)
    assert not deployed_shop.is_alarmed("PaymentsOnceLoggedErrorsAlarm")
    assert deployed_shop.call("Payments", order(complains=True))["receipt"]
    eventually(lambda: deployed_shop.is_alarmed("PaymentsOnceLoggedErrorsAlarm"), what="the alarm")


def test_more_than_the_concurrency_get_429_and_a_client_that_backs_off_gets_through(deployed_shop: Shop) -> None:
    sent = [order(seconds=1) for _ in range(6)]

    def impatient(one: dict[str, Any]) -> Any:
        try:
            return deployed_shop.call("Mails", one)
        except ClientError as error:
            return error.response

    answers = all_at_once([lambda one=one: impatient(one) for one in sent])  # type: ignore[misc]
    refused = [one for one in answers if "Error" in one]
    assert refused, "nobody was throttled"
    assert {one["Error"]["Code"] for one in refused} == {"TooManyRequestsException"}
    assert {one["ResponseMetadata"]["HTTPStatusCode"] for one in refused} == {429}
    patient = deployed_shop.client(attempts=12)
    answers = all_at_once([lambda: deployed_shop.call("Mails", order(seconds=0.5), patient)] * 6)
    assert all("receipt" in one for one in answers)


def test_events_that_find_no_concurrency_wait_and_cost_no_attempt(deployed_shop: Shop) -> None:
    sent = [order(seconds=1) for _ in range(8)]
    for one in sent:
        deployed_shop.send("Mails", one)
    for one in sent:
        eventually(lambda one=one: deployed_shop.times("Mails", one), within=60, what="each mail")  # type: ignore[misc]
    assert [deployed_shop.times("Mails", one, "started") for one in sent] == [1] * len(sent)


@pytest.mark.parametrize("source", ["OfStream", "OfTable"])
def test_a_poison_record_is_isolated_and_its_place_kept(deployed_shop: Shop, source: str) -> None:
    orders = [order(kills=number == 4) for number in range(8)]
    if source == "OfStream":
        records = [{"Data": json.dumps(one).encode(), "PartitionKey": "1"} for one in orders]
        deployed_shop.cloud.client("kinesis", REGION).put_records(
            StreamName=deployed_shop.outputs["Stream"], Records=records
        )
    else:
        for one in orders:
            deployed_shop.cloud.client("dynamodb", REGION).put_item(
                TableName=deployed_shop.outputs["Changes"],
                Item={"id": {"S": one["id"]}, "text": {"S": json.dumps(one)}},
            )
    healthy = [one for one in orders if not one["kills"]]
    for one in healthy:
        eventually(lambda one=one: deployed_shop.times("Orders", one), within=60, what="a healthy order")  # type: ignore[misc]
    (letter,) = eventually(lambda: deployed_shop.messages(source), within=60, what="the place of the poison record")
    batch = letter.get("KinesisBatchInfo") or letter["DDBStreamBatchInfo"]
    assert batch["batchSize"] == 1
    assert [deployed_shop.times("Orders", one) for one in healthy] == [1] * len(healthy)
