"""IAM: policy variables stand for what the request has."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud


@pytest.fixture
def user(cloud: LocalCloud) -> Any:
    """Return what makes a client of a service for the user `reader`, who may do one thing."""
    iam = cloud.client("iam")
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]

    def may(action: str, resource: str, service: str, condition: dict[str, Any] | None = None) -> Any:
        statement = {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition or {}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="reader", PolicyName="one", PolicyDocument=document)
        return cloud.client(service, credentials=(key["AccessKeyId"], key["SecretAccessKey"]))

    yield may
    iam.delete_user_policy(UserName="reader", PolicyName="one")
    iam.delete_access_key(UserName="reader", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="reader")


def test_a_resource_is_that_of_the_user_who_asks(cloud: LocalCloud, user: Any) -> None:
    root = cloud.client("sqs")
    for name in ("queue-of-reader", "queue-of-other"):
        root.create_queue(QueueName=name)
    sqs = user("sqs:ReceiveMessage", "arn:aws:sqs:*:*:queue-of-${aws:username}", "sqs")
    sqs.receive_message(QueueUrl=root.get_queue_url(QueueName="queue-of-reader")["QueueUrl"])
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.receive_message(QueueUrl=root.get_queue_url(QueueName="queue-of-other")["QueueUrl"])


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("${aws:PrincipalAccount}", True),
        ("${aws:PrincipalTag/team}", False),
        ("${aws:PrincipalTag/team, '000000000000'}", True),
    ],
)
def test_a_condition_compares_with_what_the_request_has(user: Any, *, value: str, allowed: bool) -> None:
    condition = {"StringEquals": {"aws:PrincipalAccount": value}}
    sqs = user("sqs:ListQueues", "*", "sqs", condition)
    if allowed:
        sqs.list_queues()
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            sqs.list_queues()
