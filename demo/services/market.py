"""The deployed services, as a shop, a warehouse and an operator reach them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from cdp_constructs.local import Deployment, LocalCloud
from demo.bring_up import ROOT, physical_id
from demo.report import StepFailed, eventually, expect
from demo.services.books import Books, Reader, read_event
from stacks.services.service_stack import SERVICES

__all__ = ["Market", "Order"]

Order = dict[str, Any]
_AT_ONCE = 25
_CALLERS = 4


class Market:
    """The services on an embedded cloud.

    Args:
        cloud: The embedded cloud.
        deployment: The services' stacks.
        region: Where they run.
        copy_region: Where copies of all events are.
        name: Prefix of the stacks' names.
    """

    def __init__(
        self,
        cloud: LocalCloud,
        deployment: Deployment,
        *,
        region: str = "ap-northeast-1",
        copy_region: str = "us-west-2",
        name: str = "Services",
    ) -> None:
        self.cloud, self.deployment, self.region, self.copy_region = cloud, deployment, region, copy_region
        self._name = name
        self._functions = cloud.client("lambda", region)
        self._database = cloud.client("dynamodb", region)
        self.sqs = cloud.client("sqs", region)
        self._copies = cloud.client("sqs", copy_region)
        self.stocked: dict[str, int] = {}
        self._copied: list[str] = []

    # What callers do

    def restock(self, sku: str, quantity: int, delivery: str) -> None:
        """Let goods arrive."""
        answer = self._invoke("shipping", {"delivery": delivery, "sku": sku, "quantity": quantity})
        expect(answer.get("new") is not None, f"{answer}")
        if answer["new"]:
            self.stocked[sku] = self.stocked.get(sku, 0) + quantity

    def place(self, orders: Sequence[Order]) -> int:
        """Place orders, 25 a call, and return how many were new."""
        batches = [orders[start : start + _AT_ONCE] for start in range(0, len(orders), _AT_ONCE)]
        with ThreadPoolExecutor(_CALLERS) as callers:
            answers = list(callers.map(lambda batch: self._invoke("orders", {"orders": list(batch)}), batches))
        expect(all("placed" in answer for answer in answers), f"{answers[:1]}")
        return sum(len(answer["placed"]) for answer in answers)

    def _invoke(self, service: str, request: dict[str, Any]) -> dict[str, Any]:
        name = self.deployment.outputs[self.stack(service)]["CommandName"]
        answer = self._functions.invoke(FunctionName=name, Payload=json.dumps(request))
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        return result

    # What is there

    def stack(self, service: str) -> str:
        """Return the name of a service's stack."""
        return f"{self._name}{service.capitalize()}"

    def resource(self, service: str, prefix: str) -> str:
        """Return the physical id of a resource of a service."""
        return physical_id(self.deployment, self.stack(service), prefix)

    def table(self, service: str) -> str:
        """Return the name of a service's table."""
        return self.deployment.outputs[self.stack(service)]["TableName"]

    def status(self, order: str) -> str:
        """Return the status of an order, as orders has it."""
        item = self._item("orders", f"ORDER#{order}", "ORDER")
        return item["status"] if item else "unknown"

    def payment(self, order: str) -> str | None:
        """Return the status of an order's payment."""
        item = self._item("billing", f"PAYMENT#{order}", "PAYMENT")
        return item["status"] if item else None

    def _item(self, service: str, pk: str, sk: str) -> dict[str, Any] | None:
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        answer = self._database.get_item(TableName=self.table(service), Key=key, ConsistentRead=True)
        return _plain(answer["Item"]) if "Item" in answer else None

    def settle(self, orders: Sequence[str], *, within: float) -> None:
        """Wait until no order is pending any more.

        Raises:
            StepFailed: one still is.
        """
        waiting = list(orders)

        def settled() -> bool | None:
            while waiting and self.status(waiting[-1]) not in {"pending", "unknown"}:
                waiting.pop()
            return not waiting or None

        try:
            eventually(settled, within=within, what="the end of every order")
        except StepFailed as failed:
            raise StepFailed(f"{len(waiting)} of {len(orders)} are not settled, such as {waiting[-1]}") from failed

    def items(self, service: str) -> Iterator[dict[str, Any]]:
        """Yield all items of a service's table."""
        pages = self._database.get_paginator("scan").paginate(TableName=self.table(service), ConsistentRead=True)
        for page in pages:
            for item in page["Items"]:
                yield _plain(item)

    def books(self) -> Books:
        """Return what is in all tables."""
        found = {service: list(self.items(service)) for service in SERVICES}
        states = {service: _states(items) for service, items in found.items()}
        orders = states["orders"]["ORDER"]
        return Books(
            events=[read_event(item) for items in found.values() for item in items if item["pk"].startswith("OUTBOX#")],
            readers={
                service: Reader(
                    receives=frozenset(kind for kinds in SERVICES[service].receives.values() for kind in kinds),
                    handled=frozenset(
                        item["pk"].removeprefix("INBOX#") for item in items if item["pk"].startswith("INBOX#")
                    ),
                )
                for service, items in found.items()
            },
            orders={
                order: (
                    item["status"],
                    states["billing"]["PAYMENT"].get(order, {}).get("status"),
                    states["shipping"]["SHIPMENT"].get(order, {}).get("status"),
                )
                for order, item in orders.items()
            },
            stock={sku: int(item["left"]) for sku, item in states["shipping"]["STOCK"].items()},
            stocked=self.stocked,
            quantities={order: (item["sku"], int(item["quantity"])) for order, item in orders.items()},
        )

    def copies(self) -> list[str]:
        """Return the identities of all events that are in the other Region's queues, repetitions included."""
        queues = [self.resource("copies", f"{service.capitalize()}CopiesQueue") for service in SERVICES]
        with ThreadPoolExecutor(len(queues)) as readers:
            for found in readers.map(self._read_copies, queues):
                self._copied += found
        return self._copied

    def _read_copies(self, url: str) -> list[str]:
        found = []
        while messages := self._copies.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            documents = [json.loads(message["Body"]) for message in messages]
            found += [f"{document['source']}/{document['id']}" for document in documents]
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ]
            self._copies.delete_message_batch(QueueUrl=url, Entries=entries)
        return found

    def waiting(self, service: str, prefix: str) -> int:
        """Return how many messages a queue of a service has."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.resource(service, prefix), AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    # What an operator and a fault do

    def publish_again(self, service: str, count: int) -> int:
        """Publish some events of a service a second time, as SNS and Lambda may; return how many."""
        topic = physical_id(self.deployment, f"{self._name}Events", f"{service.capitalize()}Topic")
        sns = self.cloud.client("sns", self.region)
        repeated = [item for item in self.items(service) if item["pk"].startswith("OUTBOX#")][:count]
        for start in range(0, len(repeated), 10):
            entries = [
                {
                    "Id": str(number),
                    "Message": item["message"],
                    "MessageAttributes": {
                        name: {"DataType": "String", "StringValue": value} for name, value in item["attributes"].items()
                    },
                }
                for number, item in enumerate(repeated[start : start + 10])
            ]
            answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
            expect(not answer.get("Failed"), f"{answer.get('Failed')}")
        return len(repeated)

    def hasten(self) -> None:
        """Let messages of a function that was killed be visible again after 15 seconds instead of a minute."""
        for service, heard in SERVICES.items():
            for publisher in heard.receives:
                queue = self.resource(service, f"Of{publisher.capitalize()}Queue")
                self.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "15"})

    def kill(self, service: str) -> int:
        """Kill the processes of a service's function; return how many there were."""
        return self.cloud.crash_function(self.resource(service, "Function"), self.region)

    def operate(self, *command: str) -> str:
        """Run ``cdp`` as an operator does, and return what it printed.

        Raises:
            StepFailed: with what it printed, when it failed.
        """
        run = subprocess.run(  # noqa: S603 - this project's command
            [sys.executable, "-m", "cdp_constructs.cli", *command],
            cwd=ROOT,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                **self.cloud.root.environment(self.cloud.endpoint, self.region),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        expect(run.returncode == 0, f"cdp {' '.join(command)}: {run.stderr.strip()[-300:]}")
        return run.stdout


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    read = TypeDeserializer()
    return {name: read.deserialize(value) for name, value in item.items()}


def _states(items: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the state of a service, by the kind of item and what it is about."""
    found: dict[str, dict[str, dict[str, Any]]] = {"ORDER": {}, "PAYMENT": {}, "SHIPMENT": {}, "STOCK": {}}
    for item in items:
        kind, _, name = item["pk"].partition("#")
        if kind in found:
            found[kind][name] = item
    return found
