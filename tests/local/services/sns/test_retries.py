"""SNS: AWS's own retry schedule for queues, on a clock that tests move."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.sns.retries import TRIES, seconds_before
from tests.local.messaging import OREGON, TOKYO, Queues, outputs, queue_policy, subscription

REDRIVE = {"deadLetterTargetArn": {"Fn::GetAtt": ["Undelivered", "Arn"]}}
TEMPLATE = {
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Orders": {"Type": "AWS::SQS::Queue"},
        "OrdersPolicy": queue_policy("Orders", {"Ref": "Topic"}),
        "Undelivered": {"Type": "AWS::SQS::Queue"},
        "UndeliveredPolicy": queue_policy("Undelivered", {"Ref": "Topic"}),
        "OrdersSubscription": subscription("Orders", RawMessageDelivery=True, RedrivePolicy=REDRIVE),
    },
    "Outputs": outputs("Topic", "Orders", "Undelivered"),
}
FIFO = {
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"FifoTopic": True, "ContentBasedDeduplication": True}},
        "Orders": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}},
        "OrdersPolicy": queue_policy("Orders", {"Ref": "Topic"}),
        "OrdersSubscription": subscription("Orders", RawMessageDelivery=True),
    },
    "Outputs": outputs("Topic", "Orders"),
}


@pytest.fixture
def queues(cloud: LocalCloud, eventually: Callable[..., Any]) -> Queues:
    return Queues(cloud, TOKYO, eventually)


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    names: dict[str, str] = stacks.deploy(TEMPLATE, region=TOKYO)
    return names


@pytest.fixture
def publish(cloud: LocalCloud, deployed: dict[str, str], queues: Queues) -> Iterator[Callable[[str], None]]:
    sns = cloud.client("sns", region=TOKYO)
    yield lambda body: sns.publish(TopicArn=deployed["Topic"], Message=body)
    for name in ("Orders", "Undelivered"):
        queues.client.purge_queue(QueueUrl=deployed[name])


def test_the_schedule_is_that_of_aws() -> None:
    assert TRIES == 100_015
    assert [seconds_before(retry) for retry in range(1, 6)] == [0, 0, 0, 1, 1]
    backoff = [seconds_before(retry) for retry in range(6, 16)]
    assert (backoff[0], backoff[-1]) == (1, 20)
    assert backoff == sorted(backoff)
    assert {seconds_before(retry) for retry in (16, 17, TRIES)} == {20}
    days = sum(seconds_before(retry) for retry in range(1, TRIES + 1)) / 86_400
    assert 23 < days < 24


def test_a_queue_that_answers_again_gets_the_message(
    cloud: LocalCloud, deployed: dict[str, str], queues: Queues, publish: Callable[[str], None]
) -> None:
    with cloud.inject_fault("sqs", TOKYO):
        publish("late")
        cloud.deliveries.advance(days=22)
        (waiting,) = cloud.deliveries.waiting(TOKYO)
        assert 90_000 < waiting.tries < TRIES
    assert cloud.deliveries.advance(seconds=20) == 0
    assert queues.bodies(deployed["Orders"]) == ["late"]
    assert queues.depth(deployed["Undelivered"]) == 0


def test_without_moving_the_clock_it_arrives_as_well(
    cloud: LocalCloud, deployed: dict[str, str], queues: Queues, publish: Callable[[str], None]
) -> None:
    with cloud.inject_fault("sqs", TOKYO, error="ServiceUnavailable"):
        publish("soon")
    assert queues.bodies(deployed["Orders"]) == ["soon"]


def test_a_queue_that_is_gone_when_sqs_answers_again_has_its_dead_letter_queue(
    cloud: LocalCloud, deployed: dict[str, str], queues: Queues, publish: Callable[[str], None]
) -> None:
    policy = queues.client.get_queue_attributes(QueueUrl=deployed["Orders"], AttributeNames=["Policy"])["Attributes"]
    with cloud.inject_fault("sqs", TOKYO):
        publish("given up")
        assert cloud.deliveries.advance(days=23) == 1
    queues.client.set_queue_attributes(QueueUrl=deployed["Orders"], Attributes={"Policy": ""})
    cloud.deliveries.advance(seconds=20)
    assert queues.bodies(deployed["Undelivered"]) == ["given up"]
    queues.client.set_queue_attributes(QueueUrl=deployed["Orders"], Attributes=policy)


def test_a_dead_letter_queue_of_the_same_sqs_does_not_answer_either(
    cloud: LocalCloud, deployed: dict[str, str], queues: Queues, publish: Callable[[str], None]
) -> None:
    with cloud.inject_fault("sqs", TOKYO):
        publish("lost")
        assert cloud.deliveries.advance(days=24) == 0
    assert queues.depth(deployed["Orders"]) == queues.depth(deployed["Undelivered"]) == 0
    metrics = cloud.client("cloudwatch", region=TOKYO)
    names = {one["MetricName"] for one in metrics.list_metrics(Namespace="AWS/SNS")["Metrics"]}
    assert "NumberOfNotificationsFailedToRedriveToDlq" in names


def test_an_error_of_the_client_is_not_retried(
    cloud: LocalCloud, deployed: dict[str, str], queues: Queues, publish: Callable[[str], None]
) -> None:
    policy = queues.client.get_queue_attributes(QueueUrl=deployed["Orders"], AttributeNames=["Policy"])["Attributes"]
    queues.client.set_queue_attributes(QueueUrl=deployed["Orders"], Attributes={"Policy": ""})
    publish("refused")
    assert cloud.deliveries.waiting(TOKYO) == []
    assert queues.bodies(deployed["Undelivered"]) == ["refused"]
    queues.client.set_queue_attributes(QueueUrl=deployed["Orders"], Attributes=policy)


@pytest.fixture(scope="module")
def far(stacks: Any, deployed: dict[str, str]) -> str:
    """A queue of Oregon; its subscription, and the dead-letter queue of that, are in Tokyo."""
    undelivered = f"arn:aws:sqs:{TOKYO}:000000000000:{deployed['Undelivered'].rpartition('/')[2]}"
    options = {"TopicArn": deployed["Topic"], "Region": TOKYO, "RawMessageDelivery": True}
    template = {
        "Resources": {
            "Far": {"Type": "AWS::SQS::Queue"},
            "FarPolicy": queue_policy("Far", deployed["Topic"]),
            "FarSubscription": subscription("Far", RedrivePolicy={"deadLetterTargetArn": undelivered}, **options),
        },
        "Outputs": outputs("Far"),
    }
    url: str = stacks.deploy(template, region=OREGON)["Far"]
    return url


def test_a_queue_of_a_region_that_is_cut_off_gets_it_when_it_is_back(
    cloud: LocalCloud, far: str, publish: Callable[[str], None], eventually: Callable[..., Any]
) -> None:
    with cloud.cut_off(OREGON):
        publish("far")
        cloud.deliveries.advance(days=1)
        assert len(cloud.deliveries.waiting(OREGON)) == 1
    cloud.deliveries.advance(seconds=20)
    assert Queues(cloud, OREGON, eventually).bodies(far) == ["far"]


def test_when_the_retries_are_used_up_the_dead_letter_queue_has_it(
    cloud: LocalCloud, far: str, deployed: dict[str, str], queues: Queues, publish: Callable[[str], None]
) -> None:
    with cloud.inject_fault("sqs", OREGON):
        publish("given up")
        assert cloud.deliveries.advance(days=23) == 1
        assert cloud.deliveries.advance(days=1) == 0
    assert queues.bodies(deployed["Undelivered"]) == ["given up"]
    assert queues.bodies(deployed["Orders"]) == ["given up"]
    assert cloud.client("sqs", region=OREGON).receive_message(QueueUrl=far).get("Messages", []) == []


def test_a_fifo_topic_keeps_the_order_of_a_group(cloud: LocalCloud, stacks: Any, queues: Queues) -> None:
    names = stacks.deploy(FIFO, region=TOKYO)
    sns = cloud.client("sns", region=TOKYO)
    with cloud.inject_fault("sqs", TOKYO):
        for number in range(3):
            sns.publish(TopicArn=names["Topic"], Message=str(number), MessageGroupId="a")
    sns.publish(TopicArn=names["Topic"], Message="3", MessageGroupId="a")
    cloud.deliveries.advance(seconds=20)
    assert queues.bodies(names["Orders"], 4) == ["0", "1", "2", "3"]


def test_time_only_goes_on(cloud: LocalCloud) -> None:
    with pytest.raises(Exception, match="400"):
        cloud.deliveries.advance(seconds=0)


def test_what_waits_is_json(cloud: LocalCloud) -> None:
    assert json.dumps([one.queue for one in cloud.deliveries.waiting(TOKYO)]) == "[]"
