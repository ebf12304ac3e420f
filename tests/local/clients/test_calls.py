"""The embedded cloud counts requests by Region, service and operation."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.clients.calls import Call

TOKYO = "ap-northeast-1"


def test_every_request_counts_once_where_it_was_signed_for(cloud: LocalCloud) -> None:
    before = cloud.api_calls()
    sqs: Any = cloud.client("sqs", region=TOKYO)
    queue = sqs.create_queue(QueueName="counted")["QueueUrl"]
    for _ in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody="once")
    cloud.client("sns", region="us-west-2").list_topics()
    done = cloud.api_calls() - before
    assert done[Call(TOKYO, "sqs", "SendMessage")] == 3
    assert done[Call(TOKYO, "sqs", "CreateQueue")] == 1
    assert done[Call("us-west-2", "sns", "ListTopics")] == 1
    assert done[Call("us-west-2", "sqs", "SendMessage")] == 0


def test_a_refused_request_counts_and_a_bucket_is_no_operation(cloud: LocalCloud) -> None:
    before = cloud.api_calls()
    with pytest.raises(ClientError):
        cloud.client("s3", region=TOKYO).get_object(Bucket="there-is-none", Key="any")
    done = cloud.api_calls() - before
    assert {call: count for call, count in done.items() if call.service == "s3"} == {Call(TOKYO, "s3", "GET"): 1}
