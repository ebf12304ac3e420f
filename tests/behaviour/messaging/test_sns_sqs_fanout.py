"""What SnsSqsFanout does, seen by the clients of a deployed one."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aws_cdk import App, CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_sns as sns
from botocore.exceptions import ClientError

from cdp_constructs import QueueConsumer, SnsSqsFanout
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from tests.queues import messages_in

ORDER_ARCHIVE = Path(__file__).parents[3] / "docs/examples/order_archive"
REGION = "us-east-1"
BUCKET = "fanout-photos"


@architecture
def shop(stack: Stack) -> None:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    table = dynamodb.TableV2(
        stack,
        "Orders",
        partition_key=dynamodb.Attribute(name="order_id", type=dynamodb.AttributeType.STRING),
        removal_policy=RemovalPolicy.DESTROY,
    )
    archiver = add_function(
        stack,
        "Archiver",
        handler=ORDER_ARCHIVE,
        description="Archives orders",
        invocation=Invocation.EVENT_SOURCE,
        environment={"TABLE_NAME": table.table_name},
    )
    table.grant(archiver, "dynamodb:PutItem")
    fanout = SnsSqsFanout(stack, "Messages", alarm_topic=alarms)
    subscribers = {
        "Archive": fanout.add_subscriber(
            "Archive",
            consumer=QueueConsumer(archiver, max_receive_count=2),
            filter_policy={"kind": ["order"]},
        ),
        "All": fanout.add_subscriber("All"),
        "Returns": fanout.add_subscriber("Returns", filter_policy={"kind": [{"prefix": "return"}]}),
        "Large": fanout.add_subscriber(
            "Large", filter_policy={"order": {"total": [{"numeric": [">=", 1000]}]}}, filter_on="body"
        ),
        "Enveloped": fanout.add_subscriber("Enveloped", raw_message_delivery=False),
        "Vanishing": fanout.add_subscriber("Vanishing", filter_policy={"kind": ["vanishing"]}),
    }
    fanout.grant_publish(iam.ServicePrincipal("s3.amazonaws.com"), source_arn=f"arn:aws:s3:::{BUCKET}")
    fanout.grant_publish(iam.ServicePrincipal("events.amazonaws.com"))
    events.CfnRule(
        stack,
        "Restocked",
        event_pattern={"source": ["warehouse"]},
        targets=[events.CfnRule.TargetProperty(id="Topic", arn=fanout.topic.topic_arn)],
    )
    iot_role = iam.Role(stack, "IotRole", assumed_by=iam.ServicePrincipal("iot.amazonaws.com"))
    fanout.grant_publish(iot_role)
    iot.CfnTopicRule(
        stack,
        "Scanned",
        topic_rule_payload=iot.CfnTopicRule.TopicRulePayloadProperty(
            sql="SELECT * FROM 'scanners'",
            actions=[
                iot.CfnTopicRule.ActionProperty(
                    sns=iot.CfnTopicRule.SnsActionProperty(
                        target_arn=fanout.topic.topic_arn, role_arn=iot_role.role_arn, message_format="RAW"
                    )
                )
            ],
        ),
    )
    publisher, stranger = (
        iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal()) for name in ("Publisher", "Stranger")
    )
    fanout.grant_publish(publisher)
    outputs = {
        "Topic": fanout.topic.topic_arn,
        "Table": table.table_name,
        "PublisherRole": publisher.role_arn,
        "StrangerRole": stranger.role_arn,
        **{f"{name}Queue": subscriber.queue.queue_url for name, subscriber in subscribers.items()},
        "ArchiveQueueArn": subscribers["Archive"].queue.queue_arn,
        "ArchiveFailed": subscribers["Archive"].dead_letter_queue.queue_url,
        "ArchiveFailedArn": subscribers["Archive"].dead_letter_queue.queue_arn,
        "VanishingUndelivered": subscribers["Vanishing"].subscription_dead_letter_queue.queue_url,
    }
    for name, value in outputs.items():
        CfnOutput(stack, name, value=value)


@architecture
def ledger(stack: Stack) -> None:
    fanout = SnsSqsFanout(stack, "Ledger", fifo=True, content_based_deduplication=True)
    booking = fanout.add_subscriber("Booking")
    CfnOutput(stack, "Topic", value=fanout.topic.topic_arn)
    CfnOutput(stack, "BookingQueue", value=booking.queue.queue_url)


@architecture
def two_regions(app: App) -> None:
    stacks = {
        region: Stack(app, f"FanoutBetween{name}", env=Environment(region=region))
        for name, region in (("Tokyo", "ap-northeast-1"), ("Oregon", "us-west-2"))
    }
    for region, stack in stacks.items():
        fanout = SnsSqsFanout(stack, "Messages")
        for place, scope in stacks.items():
            name = f"Of{region}In{place}".replace("-", "")
            subscriber = fanout.add_remote_subscriber(scope, name)
            CfnOutput(scope, f"Queue{name}", value=subscriber.queue.queue_url)
        CfnOutput(stack, "Topic", value=fanout.topic.topic_arn)


Deploy = Callable[[Callable[..., Any]], Deployment]


class Shop:
    """The deployed shop, and what its clients do with it."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        self.outputs = deployment.outputs["SnsSqsFanoutShop"]
        self.sqs = cloud.client("sqs", REGION)
        self.dynamodb = cloud.client("dynamodb", REGION)

    def as_role(self, role: str, service: str) -> Any:
        sts = self.cloud.client("sts", REGION)
        answer = sts.assume_role(RoleArn=self.outputs[role], RoleSessionName="test")
        return self.cloud.client(service, REGION, answer["Credentials"])

    def publish(self, body: str, kind: str = "order") -> None:
        self.as_role("PublisherRole", "sns").publish(
            TopicArn=self.outputs["Topic"],
            Message=body,
            MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
        )

    def received(self, queue: str, text: str, *, seconds: float = 10) -> str:
        """The first message that contains the text; messages seen before it are deleted."""
        return self.received_until(queue, text, seconds=seconds)[-1]

    def received_until(self, queue: str, text: str, *, seconds: float = 10) -> list[str]:
        """Messages up to the first that contains the text, which are taken out."""
        return take_until(self.sqs, self.outputs[queue], text, seconds)

    def waiting(self, queue: str) -> int:
        """How many messages the queue has, those that a consumer is working on included."""
        return messages_in(self.sqs, self.outputs[queue])

    def archived(self, order_id: str) -> bool:
        answer = self.dynamodb.get_item(
            TableName=self.outputs["Table"], Key={"order_id": {"S": order_id}}, ConsistentRead=True
        )
        return "Item" in answer


def take_until(sqs: Any, url: str, text: str, seconds: float = 10) -> list[str]:
    taken: list[str] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
            taken.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            if text in message["Body"]:
                return taken
        time.sleep(0.01)
    return pytest.fail(f"no message with {text!r} within {seconds} s; there were {taken}")


def order(total: float | str = 10) -> tuple[str, str]:
    """An order number that no other test uses, and a message about it."""
    order_id = uuid4().hex
    return order_id, json.dumps({"order_id": order_id, "total": total})


@pytest.fixture(scope="module")
def deployed_shop(local_cloud: LocalCloud, deployed: Deploy) -> Shop:
    made = Shop(local_cloud, deployed(shop))
    # A minute of invisibility between two deliveries is right for the shop and long for a test.
    made.sqs.set_queue_attributes(QueueUrl=made.outputs["ArchiveQueue"], Attributes={"VisibilityTimeout": "2"})
    return made


def test_one_publish_reaches_every_subscriber_that_wants_it(deployed_shop: Shop) -> None:
    order_id, body = order()
    deployed_shop.publish(body)
    assert deployed_shop.received("AllQueue", order_id) == body
    eventually(lambda: deployed_shop.archived(order_id), what="the consumer archives the order")


def test_an_envelope_carries_topic_and_attributes(deployed_shop: Shop) -> None:
    order_id, body = order()
    deployed_shop.publish(body)
    envelope = json.loads(deployed_shop.received("EnvelopedQueue", order_id))
    assert envelope["TopicArn"] == deployed_shop.outputs["Topic"]
    assert envelope["Message"] == body
    assert envelope["MessageAttributes"]["kind"]["Value"] == "order"


def test_a_filter_on_attributes_lets_only_matches_through(deployed_shop: Shop) -> None:
    unwanted, body = order()
    deployed_shop.publish(body, kind="order")
    wanted, body = order()
    deployed_shop.publish(body, kind="return-damaged")
    assert not any(unwanted in message for message in deployed_shop.received_until("ReturnsQueue", wanted))


def test_a_filter_on_the_body_lets_only_matches_through(deployed_shop: Shop) -> None:
    unwanted, wanted = uuid4().hex, uuid4().hex
    deployed_shop.publish(json.dumps({"order": {"id": unwanted, "total": 999}}), kind="quote")
    deployed_shop.publish(json.dumps({"order": {"id": wanted, "total": 1000}}), kind="quote")
    assert not any(unwanted in message for message in deployed_shop.received_until("LargeQueue", wanted))


def test_a_poison_message_is_set_aside_and_everything_behind_it_is_delivered(deployed_shop: Shop) -> None:
    poison, poisoned_body = order(total="not a number")
    before, after = [order() for _ in range(3)], [order() for _ in range(12)]
    for _, body in [*before, (poison, poisoned_body), *after]:
        deployed_shop.publish(body)
    for order_id, _ in [*before, *after]:
        eventually(lambda order_id=order_id: deployed_shop.archived(order_id), what="the good orders are archived")  # type: ignore[misc]
    assert deployed_shop.received("ArchiveFailed", poison, seconds=30) == poisoned_body
    assert not deployed_shop.archived(poison)


def test_what_an_outage_put_aside_is_replayed(deployed_shop: Shop, local_cloud: LocalCloud) -> None:
    order_id, body = order()
    already_failed = deployed_shop.waiting("ArchiveFailed")
    with local_cloud.inject_fault("dynamodb", REGION, operation="PutItem"):
        deployed_shop.publish(body)
        eventually(lambda: deployed_shop.waiting("ArchiveFailed") > already_failed, what="it failed", within=40)
    assert not deployed_shop.archived(order_id)
    deployed_shop.sqs.start_message_move_task(
        SourceArn=deployed_shop.outputs["ArchiveFailedArn"], DestinationArn=deployed_shop.outputs["ArchiveQueueArn"]
    )
    eventually(lambda: deployed_shop.archived(order_id), what="the replayed order is archived")


def test_a_duplicate_is_archived_once(deployed_shop: Shop) -> None:
    failed_before = deployed_shop.waiting("ArchiveFailed")
    order_id, body = order()
    for _ in range(2):
        deployed_shop.publish(body)
    eventually(lambda: deployed_shop.archived(order_id), what="the order is archived")
    eventually(lambda: deployed_shop.waiting("ArchiveQueue") == 0, what="the duplicate is worked off")
    assert deployed_shop.waiting("ArchiveFailed") == failed_before


def test_nobody_publishes_without_a_grant(deployed_shop: Shop) -> None:
    stranger = deployed_shop.as_role("StrangerRole", "sns")
    with pytest.raises(ClientError, match="not authorized"):
        stranger.publish(TopicArn=deployed_shop.outputs["Topic"], Message="let me in")


@pytest.mark.parametrize("role", ["StrangerRole", "PublisherRole"])
def test_nobody_goes_past_the_topic_to_a_queue(deployed_shop: Shop, role: str) -> None:
    caller = deployed_shop.as_role(role, "sqs")
    with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
        caller.send_message(QueueUrl=deployed_shop.outputs["AllQueue"], MessageBody="let me in")
    with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
        caller.receive_message(QueueUrl=deployed_shop.outputs["AllQueue"])


def test_another_topic_does_not_get_into_a_subscribers_queue(deployed_shop: Shop, local_cloud: LocalCloud) -> None:
    client = local_cloud.client("sns", REGION)
    other = client.create_topic(Name="other")["TopicArn"]
    arn = deployed_shop.outputs["ArchiveQueueArn"].replace(
        _name(deployed_shop.outputs["ArchiveQueue"]), _name(deployed_shop.outputs["AllQueue"])
    )
    client.subscribe(TopicArn=other, Protocol="sqs", Endpoint=arn)
    client.publish(TopicArn=other, Message="from the other topic")
    order_id, body = order()
    deployed_shop.publish(body)
    received = deployed_shop.received_until("AllQueue", order_id)
    assert not any("from the other topic" in message for message in received)


def test_s3_publishes_to_the_encrypted_topic_for_the_granted_bucket_only(
    deployed_shop: Shop, local_cloud: LocalCloud
) -> None:
    s3 = local_cloud.client("s3", REGION)
    notification = {
        "TopicConfigurations": [{"TopicArn": deployed_shop.outputs["Topic"], "Events": ["s3:ObjectCreated:*"]}]
    }
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=notification)
    s3.put_object(Bucket=BUCKET, Key="granted.jpg", Body=b"jpeg")
    event = next(
        record
        for record in json.loads(deployed_shop.received("AllQueue", "granted.jpg"))["Records"]
        if record["eventName"].startswith("ObjectCreated")
    )
    assert event["s3"]["object"]["key"] == "granted.jpg"

    s3.create_bucket(Bucket="not-granted")
    with pytest.raises(ClientError, match="Unable to validate"):
        s3.put_bucket_notification_configuration(Bucket="not-granted", NotificationConfiguration=notification)


def test_eventbridge_publishes_to_the_encrypted_topic(deployed_shop: Shop, local_cloud: LocalCloud) -> None:
    article = uuid4().hex
    entry = {"Source": "warehouse", "DetailType": "Restocked", "Detail": json.dumps({"article": article})}
    local_cloud.client("events", REGION).put_events(Entries=[entry])
    assert json.loads(deployed_shop.received("AllQueue", article))["detail"] == {"article": article}


def test_an_iot_rule_publishes_with_its_role(deployed_shop: Shop, local_cloud: LocalCloud) -> None:
    article = uuid4().hex
    payload = json.dumps({"article": article}).encode()
    local_cloud.client("iot-data", REGION).publish(topic="scanners", payload=payload)
    assert json.loads(deployed_shop.received("AllQueue", article)) == {"article": article}


def test_what_sns_cannot_deliver_waits_in_the_subscriptions_dead_letter_queue(deployed_shop: Shop) -> None:
    deployed_shop.sqs.delete_queue(QueueUrl=deployed_shop.outputs["VanishingQueue"])
    message, body = order()
    deployed_shop.publish(body, kind="vanishing")
    assert message in deployed_shop.received("VanishingUndelivered", message)


def test_fifo_keeps_the_order_of_a_group_and_drops_repetitions(local_cloud: LocalCloud, deployed: Deploy) -> None:
    outputs = deployed(ledger).outputs["SnsSqsFanoutLedger"]
    topic = local_cloud.client("sns", REGION)
    run = uuid4().hex
    for number in [*range(15), 14, 3, "end"]:
        topic.publish(TopicArn=outputs["Topic"], Message=f"{run} {number}", MessageGroupId="account-1")
    received = take_until(local_cloud.client("sqs", REGION), outputs["BookingQueue"], f"{run} end")
    assert received == [f"{run} {number}" for number in [*range(15), "end"]]


@pytest.mark.parametrize("region", ["ap-northeast-1", "us-west-2"])
def test_a_message_reaches_the_queues_of_both_regions(local_cloud: LocalCloud, deployed: Deploy, region: str) -> None:
    deployment = deployed(two_regions)
    outputs = {place: deployment.outputs[name] for name, place in deployment.regions.items() if "Between" in name}
    text = uuid4().hex
    local_cloud.client("sns", region).publish(TopicArn=outputs[region]["Topic"], Message=text)
    for place, values in outputs.items():
        queue = values[f"QueueOf{region}In{place}".replace("-", "")]
        assert take_until(local_cloud.client("sqs", place), queue, text) == [text]


def _name(queue_url: str) -> str:
    return queue_url.rpartition("/")[2]
