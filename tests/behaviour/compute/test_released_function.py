"""ReleasedFunction on the embedded cloud: versions that read each other's data, and bad ones that lose the calls."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from cdp_constructs import QueueConsumer, ReleasedFunction, SnsSqsFanout, TrafficShift
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.local import Deployment, DeploymentError, LocalCloud
from cdp_constructs.testing import architecture, eventually

REGION = "us-east-1"
CHECK = Path(__file__).parents[3] / "docs/examples/check_quote"
COMMON = """
import os
import boto3

VERSION = {version}
TABLE = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def handler(event, context):
    if "write" in event:
        TABLE.put_item(Item={{"pk": event["write"], "by": VERSION, **new_item()}})
        return {{"by": VERSION}}
    if "read" in event:
        item = TABLE.get_item(Key={{"pk": event["read"]}}, ConsistentRead=True)["Item"]
        return {{"by": VERSION, "written_by": int(item["by"]), "total": total(item)}}
    return {{"total": {{"tea": 4}}[event["article"]] * event["pieces"]}}
"""
# The second version adds the currency and keeps the member that the first one reads.
FIRST = """
def new_item():
    return {"total": 700}

def total(item):
    return int(item["total"])
"""
SECOND = """
def new_item():
    return {"total": 700, "money": {"amount": "7.00", "currency": "EUR"}}

def total(item):
    money = item.get("money") or {"amount": int(item["total"]) / 100}
    return round(float(money["amount"]) * 100)
"""
BROKEN = """
def new_item():
    raise ValueError("no connection")

def total(item):
    return 0
"""
WRONG = SECOND.replace("def total", "{'tea': 4}['coffee']\n\ndef total")


INVOKED = """
import json, os
import boto3

def handler(event, context):
    alias = context.invoked_function_arn.rpartition(":")[2]
    if "Records" in event:
        queue = boto3.client("sqs")
        for record in event["Records"]:
            queue.send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps([record["body"], alias]))
        return {"batchItemFailures": []}
    return {"statusCode": 200, "body": alias}
"""


@architecture
def called_by_services(stack: Stack) -> None:
    seen = sqs.Queue(stack, "Seen")
    function = lambda_.Function(
        stack,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline(INVOKED),
        environment={"SEEN": seen.queue_url},
    )
    seen.grant_send_messages(function)
    release = ReleasedFunction(stack, "Release", function=function, alias_name="production")
    api = apigatewayv2.HttpApi(stack, "Api")
    api.add_routes(path="/", integration=integrations.HttpLambdaIntegration("Alias", release.alias))
    fanout = SnsSqsFanout(stack, "Orders")
    fanout.add_subscriber("Release", consumer=QueueConsumer(release.alias))
    for name, value in {"Api": api.api_id, "Topic": fanout.topic.topic_arn, "Queue": seen.queue_url}.items():
        CfnOutput(stack, f"{name}Id", value=value)


class Shop:
    """A shop whose orders get new versions."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self.cloud = cloud
        self._folder = folder
        self._name = f"Released{uuid4().hex[:8]}"
        self._threads = ThreadPoolExecutor(1)
        self._functions = cloud.client("lambda", REGION)
        self.outputs: dict[str, str] = {}

    def deploy(self, version: int, code: str, *, check: bool = False, **options: Any) -> None:
        """Deploy a version.

        Raises:
            DeploymentError: it was rolled back.
        """
        handler = self._folder / f"code{uuid4().hex}" / "orders"
        handler.mkdir(parents=True)
        (handler / "index.py").write_text(COMMON.format(version=version) + code)
        app = App(outdir=str(handler.parent / "cdk.out"))
        stack = Stack(app, self._name)
        table = dynamodb.TableV2(
            stack,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            removal_policy=RemovalPolicy.DESTROY,
        )
        orders = add_function(
            stack,
            "Orders",
            handler=handler,
            description="Takes orders",
            invocation=Invocation.REQUEST,
            environment={"TABLE": table.table_name},
            removal_policy=RemovalPolicy.DESTROY,
        )
        table.grant_read_write_data(orders)
        slow = cloudwatch.Metric(namespace="Shop", metric_name=self._name, period=Duration.minutes(1), statistic="max")
        alarm = cloudwatch.Alarm(
            stack,
            "Slow",
            metric=slow,
            threshold=3,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        release = ReleasedFunction(stack, "Release", function=orders, rollback_alarms=[alarm], **options)
        if check:
            hook = add_function(
                stack,
                "Check",
                handler=CHECK,
                description="Checks versions",
                invocation=Invocation.REQUEST,
                removal_policy=RemovalPolicy.DESTROY,
            )
            release.attach_before_traffic_hook(hook)
        CfnOutput(stack, "Function", value=orders.function_name)
        CfnOutput(stack, "Alias", value=release.alias.function_arn)
        self.outputs = dict(self.cloud.deploy(app.synth().directory).outputs[self._name])

    def start(self, version: int, code: str, **options: Any) -> "Future[None]":
        """Deploy a version, which waits for what moves its calls."""
        return self._threads.submit(self.deploy, version, code, **options)

    def call(self, **event: Any) -> dict[str, Any] | None:
        """Call the alias; None when the call failed."""
        answer = self._functions.invoke(FunctionName=self.outputs["Alias"], Payload=json.dumps(event))
        body: dict[str, Any] = json.loads(answer["Payload"].read())
        return None if "FunctionError" in answer else body

    def weights(self) -> dict[str, float]:
        alias = self._functions.get_alias(FunctionName=self.outputs["Function"], Name="live")
        weights: dict[str, float] = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return weights

    def versions(self) -> Counter[int]:
        """Who answers forty calls."""
        answers = [self.call(write=uuid4().hex) for _ in range(40)]
        return Counter(answer["by"] for answer in answers if answer)

    def slow(self, seconds: float) -> None:
        data = [{"MetricName": self._name, "Value": seconds}]
        self.cloud.client("cloudwatch", REGION).put_metric_data(Namespace="Shop", MetricData=data)


@pytest.fixture
def shop(local_cloud: LocalCloud, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(local_cloud, tmp_path)
    yield made
    made._threads.shutdown()
    local_cloud.client("cloudformation", REGION).delete_stack(StackName=made._name)


def test_apis_and_queues_call_the_alias(
    deployed: Callable[[Callable[..., Any]], Deployment], local_cloud: LocalCloud
) -> None:
    (outputs,) = deployed(called_by_services).outputs.values()
    assert httpx.get(local_cloud.http_api_url(outputs["ApiId"])).text == "production"
    local_cloud.client("sns", REGION).publish(TopicArn=outputs["TopicId"], Message="two teas")
    sqs_client = local_cloud.client("sqs", REGION)
    received = eventually(
        lambda: sqs_client.receive_message(QueueUrl=outputs["QueueId"]).get("Messages"), what="a call"
    )
    body, alias = json.loads(received[0]["Body"])
    assert "two teas" in body
    assert alias == "production"


def test_two_versions_read_what_the_other_one_wrote_while_both_get_calls(shop: Shop) -> None:
    halves = TrafficShift.linear(50, interval=Duration.minutes(5))
    shop.deploy(1, FIRST, traffic=halves)
    before = [uuid4().hex for _ in range(5)]
    assert all(shop.call(write=key) for key in before)
    with shop.cloud.hold_deployments():
        release = shop.start(2, SECOND, traffic=halves)
        eventually(shop.weights, what="two versions", within=60)
        during = [uuid4().hex for _ in range(30)]
        assert all(shop.call(write=key) for key in during)
        answers = [shop.call(read=key) for key in (*before, *during, *during)]
        # With halves, each of the four pairs is missing less than once in a million runs.
        assert Counter(answer["total"] for answer in answers if answer) == {700: len(answers)}
        pairs = {(answer["written_by"], answer["by"]) for answer in answers if answer}
        assert pairs == {(1, 1), (1, 2), (2, 1), (2, 2)}
        shop.cloud.metrics.advance(minutes=5)
        release.result(60)
    assert set(shop.versions()) == {2}
    assert all((shop.call(read=key) or {})["total"] == 700 for key in before)


def test_a_bad_version_fails_a_few_calls_of_a_minute_and_then_none(shop: Shop) -> None:
    tenth = TrafficShift.canary(10, interval=Duration.minutes(5))
    shop.deploy(1, FIRST, traffic=tenth)
    with shop.cloud.hold_deployments():
        release = shop.start(2, BROKEN, traffic=tenth)
        eventually(shop.weights, what="two versions", within=60)
        failed = sum(shop.call(write=uuid4().hex) is None for _ in range(150))
        # A tenth of the calls of the minute; none, or more than forty of 150, happen less than once in a million runs.
        assert 1 <= failed <= 40
        shop.cloud.metrics.advance(minutes=1)
        with pytest.raises(DeploymentError, match="ALARM_ACTIVE"):
            release.result(60)
    assert shop.versions() == {1: 40}
    shop.cloud.metrics.advance(minutes=1)
    shop.deploy(3, SECOND, traffic=tenth)  # its minutes last a second each
    assert shop.versions() == {3: 40}


def test_a_version_that_its_check_finds_wrong_gets_no_call(shop: Shop) -> None:
    shop.deploy(1, FIRST, check=True)
    with pytest.raises(DeploymentError, match="HOOK_EXECUTION_FAILURE"):
        shop.deploy(2, WRONG, check=True)
    assert shop.versions() == {1: 40}
    shop.deploy(3, SECOND, check=True, traffic=TrafficShift.all_at_once())
    assert shop.versions() == {3: 40}


def test_an_alarm_of_the_user_stops_a_release(shop: Shop) -> None:
    shop.deploy(1, FIRST)
    with shop.cloud.hold_deployments():
        release = shop.start(2, SECOND)
        eventually(shop.weights, what="two versions", within=60)
        shop.slow(9)
        shop.cloud.metrics.advance(minutes=1)
        with pytest.raises(DeploymentError, match="ALARM_ACTIVE"):
            release.result(60)
    assert shop.versions() == {1: 40}
