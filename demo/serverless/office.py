"""The deployed price lists, as a supplier, a buyer, a shop and an operator reach them."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from boto3.dynamodb.types import TypeDeserializer

from cdp_constructs.local import Deployment, LocalCloud
from demo.bring_up import physical_id
from demo.report import StepFailed, eventually, expect

__all__ = ["Execution", "Office", "Row", "rows"]

Row = dict[str, Any]


def rows(count: int, *, cents: int = 1_000, text: str = "") -> list[Row]:
    """Return so many rows of a price list."""
    return [
        {"sku": f"A-{number:05}", "name": f"Article {number}", "cents": cents + number % 100, "text": text}
        for number in range(count)
    ]


class Execution:
    """One execution, as its history has it."""

    def __init__(self, office: "Office", arn: str) -> None:
        """Look at an execution of a workflow."""
        self._states = office.states
        self.arn = arn
        self.name = arn.rpartition(":")[2]

    def described(self) -> dict[str, Any]:
        """Return what Step Functions says about it."""
        answer: dict[str, Any] = self._states.describe_execution(executionArn=self.arn)
        return answer

    def ended(self, within: float = 60) -> dict[str, Any]:
        """Wait for its end."""
        return eventually(
            lambda: found if (found := self.described())["status"] != "RUNNING" else None,
            within=within,
            what=f"the end of {self.name}",
        )

    def events(self) -> list[dict[str, Any]]:
        """Return its history."""
        pages = self._states.get_paginator("get_execution_history").paginate(executionArn=self.arn)
        return [event for page in pages for event in page["events"]]

    def entered(self) -> list[str]:
        """Return the states that it entered, those inside of branches and items not included."""
        return [one["stateEnteredEventDetails"]["name"] for one in self.events() if "stateEnteredEventDetails" in one]

    def seconds_in(self, state: str) -> float:
        """Return how long it was in a state."""
        times: dict[str, datetime] = {}
        for event in self.events():
            for kind in ("stateEnteredEventDetails", "stateExitedEventDetails"):
                if event.get(kind, {}).get("name") == state:
                    times[kind] = event["timestamp"]
        return (times["stateExitedEventDetails"] - times["stateEnteredEventDetails"]).total_seconds()

    def output_of(self, state: str) -> Any:
        """Return what a state handed on."""
        (found,) = [
            one["stateExitedEventDetails"]["output"]
            for one in self.events()
            if one.get("stateExitedEventDetails", {}).get("name") == state
        ]
        return json.loads(found)


class Office:
    """The price lists on an embedded cloud.

    Args:
        cloud: The embedded cloud.
        deployment: The stack.
        region: Where it runs.
        name: The stack's name.
    """

    def __init__(
        self, cloud: LocalCloud, deployment: Deployment, *, region: str = "ap-northeast-1", name: str = "Serverless"
    ) -> None:
        self.cloud, self.deployment, self.region, self.name = cloud, deployment, region, name
        self.outputs = deployment.outputs[name]
        self.states, self.sqs = cloud.client("stepfunctions", region), cloud.client("sqs", region)
        self.functions, self.s3 = cloud.client("lambda", region), cloud.client("s3", region)
        self._database = cloud.client("dynamodb", region)
        self._mailbox = self._subscribe()
        self._mails: list[dict[str, Any]] = []

    def resource(self, prefix: str) -> str:
        """Return the physical id of a resource."""
        return physical_id(self.deployment, self.name, prefix)

    # What a supplier does

    def send(self, supplier: str, listed: Sequence[Any]) -> Execution:
        """Send a list; return the execution that it starts."""
        return self.started(self.post(json.dumps({"supplier": supplier, "rows": listed})))

    def post(self, body: str) -> str:
        """Put a message into the queue of lists; return its id."""
        answer = self.sqs.send_message(QueueUrl=self.outputs["QueueUrl"], MessageBody=body)
        return str(answer["MessageId"])

    def started(self, message: str) -> Execution:
        """Wait for the execution of a message."""
        arn = f"{self.outputs['ImportArn'].replace(':stateMachine:', ':execution:')}:{message}"
        execution = Execution(self, arn)

        def there() -> bool:
            try:
                return bool(execution.described())
            except self.states.exceptions.ExecutionDoesNotExist:
                return False

        eventually(lambda: there() or None, within=30, what="the execution")
        return execution

    def supplier(self) -> str:
        """Return the name of a new supplier."""
        return f"s-{uuid4().hex[:12]}"

    # What a buyer does

    def mail(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for the last mail of some kind."""

        def mailed() -> dict[str, Any] | None:
            for message in self.sqs.receive_message(QueueUrl=self._mailbox, MaxNumberOfMessages=10).get("Messages", []):
                self._mails.append(json.loads(json.loads(message["Body"])["Message"]))
                self.sqs.delete_message(QueueUrl=self._mailbox, ReceiptHandle=message["ReceiptHandle"])
            found = [mail for mail in self._mails if fits(mail)]
            return found[-1] if found else None

        return eventually(mailed, within=30, what="the mail")

    def link(self, execution: Execution) -> str:
        """Wait for the mail about a list, and return its link, as it leads into the embedded cloud."""
        mail = self.mail(lambda mail: f"/approvals/{execution.name}." in mail.get("link", ""))
        address = urlsplit(mail["link"])
        base = self.cloud.http_api_url(str(address.hostname).partition(".")[0], self.region)
        return f"{base}{address.path}?{address.query}"

    def decide(self, link: str, decision: str, by: str = "Kim") -> httpx.Response:
        """Press a button of the page behind a link."""
        return httpx.post(link, data={"decision": decision, "by": by, "comment": "as agreed"}, timeout=20)

    def waits(self, execution: Execution) -> None:
        """Wait until an execution waits for its answer."""
        eventually(lambda: "Approve" in execution.entered() or None, within=30, what="the question")
        table, key = self.resource("ImportsApprovalTable"), {"id": {"S": f"{execution.name}.Approve"}}
        eventually(
            lambda: self._database.get_item(TableName=table, Key=key).get("Item"), within=30, what="the task token"
        )

    # What a shop does

    def quote(self, supplier: str, basket: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Ask what a basket costs."""
        given = json.dumps({"supplier": supplier, "basket": list(basket)})
        answer: dict[str, Any] = self.states.start_sync_execution(stateMachineArn=self.outputs["QuoteArn"], input=given)
        return answer

    def announcements(self) -> list[dict[str, Any]]:
        """Take the announcements out of the shops' queue."""
        found: list[dict[str, Any]] = []
        queue = self.outputs["ShopsQueueUrl"]
        while messages := self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def version(self) -> tuple[str, dict[str, float]]:
        """Return the version that answers prices, and the shares of another one."""
        alias = self.functions.get_alias(FunctionName=self.resource("QuotesPriceFunction"), Name="live")
        shares: dict[str, float] = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return alias["FunctionVersion"], shares

    def price_until_it_fails(self, supplier: str, line: Mapping[str, Any], *, most: int) -> int:
        """Call the function behind the quotes until a call fails; return how many calls that took."""
        payload = json.dumps({"supplier": supplier, "line": line})
        name = f"{self.resource('QuotesPriceFunction')}:live"
        for number in range(1, most + 1):
            if "FunctionError" in self.functions.invoke(FunctionName=name, Payload=payload):
                return number
        raise StepFailed(f"none of {most} calls failed")

    # What is there

    def item(self, kind: str, supplier: str) -> dict[str, Any]:
        """Return an item such as ``CURRENT`` of a supplier; empty when there is none."""
        key = {"pk": {"S": f"{kind}#{supplier}"}, "sk": {"S": "LIST"}}
        item = self._database.get_item(TableName=self.outputs["TableName"], Key=key, ConsistentRead=True).get("Item")
        read = TypeDeserializer()
        return {name: read.deserialize(value) for name, value in (item or {}).items()}

    def saved(self, supplier: str, version: str) -> int:
        """Return how many prices of a version are in the table."""
        asked = {
            "TableName": self.outputs["TableName"],
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"VERSION#{supplier}/{version}"}},
            "Select": "COUNT",
        }
        pages = self._database.get_paginator("query").paginate(**asked)
        return sum(page["Count"] for page in pages)

    def waiting(self, prefix: str) -> int:
        """Return how many messages a queue has."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.resource(prefix), AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    # What an operator does, and what fails

    def hasten(self) -> None:
        """Let a message that failed be visible again after a second instead of three minutes."""
        self.sqs.set_queue_attributes(QueueUrl=self.outputs["QueueUrl"], Attributes={"VisibilityTimeout": "1"})

    def redrive(self, execution: Execution) -> None:
        """Let an execution go on at the step that failed."""
        self.states.redrive_execution(executionArn=execution.arn)

    def handler_of(self, function: str, handler: str | None = None) -> str:
        """Return the handler of a function, and set another one, as a bad deployment does."""
        name = self.resource(function)
        before = str(self.functions.get_function_configuration(FunctionName=name)["Handler"])
        if handler is not None:
            self.functions.update_function_configuration(FunctionName=name, Handler=handler)
        return before

    def series_of(self, execution: Execution) -> float:
        """Make the checks of a list in series, by a state machine like the deployed one; return the seconds."""
        arn = self.outputs["ImportArn"]
        described = self.states.describe_state_machine(stateMachineArn=arn)
        branches = json.loads(described["definition"])["States"]["Check"]["Branches"]
        states = {name: state for branch in branches for name, state in branch["States"].items()}
        first, second = states
        states[first] = {name: value for name, value in states[first].items() if name != "End"}
        # Each gets the list, whatever the one before answered.
        states[first] |= {"Next": second, "ResultPath": None}
        made = self.states.create_state_machine(
            name=f"series-{uuid4().hex[:8]}",
            definition=json.dumps({"StartAt": first, "States": states, "TimeoutSeconds": 60}),
            roleArn=described["roleArn"],
        )["stateMachineArn"]
        given = json.dumps(execution.output_of("Read"))
        run = self.states.start_execution(stateMachineArn=made, input=given)["executionArn"]
        series = Execution(self, run)
        expect(series.ended()["status"] == "SUCCEEDED", f"{series.described()}")
        taken = series.seconds_in(first) + series.seconds_in(second)
        self.states.delete_state_machine(stateMachineArn=made)
        return taken

    def _subscribe(self) -> str:
        """Subscribe a mailbox to the questions, where a mail server would be."""
        queue = self.sqs.create_queue(QueueName=f"mailbox-{uuid4().hex[:8]}")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn}]}
        self.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
        self.cloud.client("sns", self.region).subscribe(
            TopicArn=self.outputs["MessagesArn"],
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"FilterPolicy": json.dumps({"kind": ["question", "reminder"]})},
        )
        return str(queue)
