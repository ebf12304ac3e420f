"""What TransactionalOutbox does, seen by the clients of a deployed one: state and event do not part."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from botocore.config import Config
from botocore.exceptions import ClientError

from cdp_constructs import TransactionalOutbox
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from transactional_outbox import ConditionFailedError, Event, Outbox

PLACE_ORDER = Path(__file__).parents[3] / "docs/examples/place_order"
REGION = "us-east-1"
NEW = "attribute_not_exists(pk)"


@architecture
def shop(stack: Stack) -> None:
    outbox = TransactionalOutbox(stack, "Orders", removal_policy=RemovalPolicy.DESTROY)
    place = add_function(
        stack, "PlaceOrder", handler=PLACE_ORDER, description="Takes orders", invocation=Invocation.REQUEST
    )
    outbox.share_with(place, partitions=["ORDER"])
    outputs = {
        "PlaceOrder": place.function_name,
        "Publisher": outbox.function.function_name,
        "Table": outbox.table.table_name,
        "Events": outbox.fanout.add_subscriber("Events").queue.queue_url,
        "Refused": outbox.record_dead_letter_queue.queue_url,
    }
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Name", value=value)


class Shop:
    """The deployed shop, and what its clients do with it."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        (outputs,) = deployment.outputs.values()
        self.outputs = {name.removesuffix("Name"): value for name, value in outputs.items()}
        self.cloud = cloud
        self.sqs = cloud.client("sqs", REGION)
        self._functions = cloud.client("lambda", REGION)
        dynamodb = cloud.client("dynamodb", REGION)
        credentials = dynamodb._request_signer._credentials
        self.table = boto3.resource(
            "dynamodb",
            region_name=REGION,
            endpoint_url=cloud.endpoint,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            config=Config(retries={"total_max_attempts": 1}),
        ).Table(self.outputs["Table"])
        self.outbox = Outbox(self.table)
        self._seen: list[str] = []

    def place(self, number: str) -> dict[str, Any]:
        payload = json.dumps({"number": number, "total": 7})
        answer = self._functions.invoke(FunctionName=self.outputs["PlaceOrder"], Payload=payload)
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        return result

    def events(self, text: str) -> list[str]:
        """All messages so far that have a text in them."""
        while messages := self.sqs.receive_message(QueueUrl=self.outputs["Events"], MaxNumberOfMessages=10).get(
            "Messages", []
        ):
            for message in messages:
                self._seen.append(message["Body"])
                self.sqs.delete_message(QueueUrl=self.outputs["Events"], ReceiptHandle=message["ReceiptHandle"])
        return [body for body in self._seen if text in body]

    def has(self, number: str) -> bool:
        return "Item" in self.table.get_item(Key={"pk": f"ORDER#{number}", "sk": "ORDER"}, ConsistentRead=True)


@pytest.fixture(scope="module")
def deployed_shop(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Shop:
    return Shop(local_cloud, deployed(shop))


def order(number: str) -> dict[str, Any]:
    return {"Put": {"Item": {"pk": f"ORDER#{number}", "sk": "ORDER"}, "ConditionExpression": NEW}}


def about(number: str, text: str = "") -> Event:
    return Event(id=uuid4().hex, subject=number, message=json.dumps({"order": number, "text": text}))


def test_an_order_and_its_event_are_there(deployed_shop: Shop) -> None:
    number = uuid4().hex
    assert deployed_shop.place(number) == {"number": number, "status": "placed"}
    assert deployed_shop.has(number)
    (event,) = eventually(lambda: deployed_shop.events(number), what="the event")
    assert json.loads(event) == {"order": number, "total": 7}


def test_what_was_placed_before_is_not_announced_again(deployed_shop: Shop) -> None:
    number, marker = uuid4().hex, uuid4().hex
    deployed_shop.place(number)
    assert deployed_shop.place(number)["status"] == "placed before"
    deployed_shop.place(marker)
    eventually(lambda: deployed_shop.events(marker), what="a later event")
    assert len(deployed_shop.events(number)) == 1


def test_a_transaction_that_fails_leaves_neither(deployed_shop: Shop) -> None:
    number, marker = uuid4().hex, uuid4().hex
    deployed_shop.place(marker)
    with pytest.raises(ConditionFailedError):
        deployed_shop.outbox.write([order(number), order(marker)], events=[about(number)])
    with (
        deployed_shop.cloud.inject_fault("dynamodb", REGION, operation="TransactWriteItems"),
        pytest.raises(ClientError),
    ):
        deployed_shop.outbox.write([order(number)], events=[about(number)])
    assert not deployed_shop.has(number)
    last = uuid4().hex
    deployed_shop.place(last)
    eventually(lambda: deployed_shop.events(last), what="a later event")
    assert deployed_shop.events(number) == []


def test_each_event_of_a_subject_is_published(deployed_shop: Shop) -> None:
    number = uuid4().hex
    for text in range(25):
        deployed_shop.outbox.write([], events=[about(number, str(text))])
    eventually(lambda: len(deployed_shop.events(number)) == 25, what="all of them")
    assert {json.loads(body)["text"] for body in deployed_shop.events(number)} == {str(text) for text in range(25)}


def test_nothing_is_lost_while_sns_does_not_answer(deployed_shop: Shop) -> None:
    numbers = [uuid4().hex for _ in range(5)]
    with deployed_shop.cloud.inject_fault("sns", REGION):
        for number in numbers:
            assert deployed_shop.place(number)["status"] == "placed"
        time.sleep(2)
        assert not any(deployed_shop.events(number) for number in numbers)
    for number in numbers:
        eventually(lambda number=number: deployed_shop.events(number), what="the event", within=30)  # type: ignore[misc]


def test_nothing_is_lost_when_the_publisher_is_killed(deployed_shop: Shop) -> None:
    numbers = [uuid4().hex for _ in range(20)]
    for number in numbers:
        deployed_shop.outbox.write([order(number)], events=[about(number)])
        if number == numbers[10]:
            deployed_shop.cloud.crash_function(deployed_shop.outputs["Publisher"], REGION)
    for number in numbers:
        eventually(lambda number=number: deployed_shop.events(number), what="the event", within=30)  # type: ignore[misc]


def test_a_poison_item_costs_only_itself(deployed_shop: Shop) -> None:
    poison, good = uuid4().hex, uuid4().hex
    deployed_shop.table.put_item(Item={"pk": f"OUTBOX#{poison}", "sk": "1", "message": {"no": "text"}})
    deployed_shop.place(good)
    eventually(lambda: deployed_shop.events(good), what="the event behind it")

    def refused() -> dict[str, Any] | None:
        url = deployed_shop.outputs["Refused"]
        for message in deployed_shop.sqs.receive_message(QueueUrl=url).get("Messages", []):
            body: dict[str, Any] = json.loads(message["Body"])
            if poison in message["Body"]:
                return body
        return None

    letter = eventually(refused, what="the dead letter")
    assert letter["key"]["pk"]["S"] == f"OUTBOX#{poison}"
    assert "message is no text" in letter["reason"]


def test_a_message_is_handled_once(deployed_shop: Shop) -> None:
    number, message = uuid4().hex, uuid4().hex
    assert deployed_shop.outbox.write([order(number)], events=[about(number)], handled=message)
    assert not deployed_shop.outbox.write([order(number)], events=[about(number)], handled=message)
    last = uuid4().hex
    deployed_shop.place(last)
    eventually(lambda: deployed_shop.events(last), what="a later event")
    assert len(deployed_shop.events(number)) == 1
