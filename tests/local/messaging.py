"""Topics and queues that conformance tests deploy and read."""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local import LocalCloud
from tests.queues import messages_in

TOKYO, OREGON = "ap-northeast-1", "us-west-2"
LAMBDA_ROLE = {
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]
}


def queue_policy(queue: str, source: Any) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": [queue, "Arn"]},
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [{"Ref": queue}], "PolicyDocument": document},
    }


def subscription(queue: str, **options: Any) -> dict[str, Any]:
    endpoint = {"Fn::GetAtt": [queue, "Arn"]}
    properties = {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": endpoint, **options}
    return {"Type": "AWS::SNS::Subscription", "Properties": properties}


def outputs(*names: str) -> dict[str, Any]:
    return {name: {"Value": {"Ref": name}} for name in names}


class Queues:
    """Reads queues of one Region."""

    def __init__(self, cloud: LocalCloud, region: str, eventually: Callable[..., Any]) -> None:
        self.client = cloud.client("sqs", region=region)
        self._eventually = eventually

    def take(self, url: str, count: int = 1, seconds: float = 10) -> list[dict[str, Any]]:
        """Wait for messages and delete them."""
        taken: list[dict[str, Any]] = []

        def enough() -> bool:
            answer = self.client.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
            )
            for message in answer.get("Messages", []):
                self.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                taken.append(message)
            return len(taken) >= count

        self._eventually(enough, within=seconds)
        return taken

    def bodies(self, url: str, count: int = 1, seconds: float = 10) -> list[str]:
        return [message["Body"] for message in self.take(url, count, seconds)]

    def depth(self, url: str) -> int:
        return messages_in(self.client, url)
