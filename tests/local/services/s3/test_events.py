"""S3's events through EventBridge: what happened, to which version, in which order."""

import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local import LocalCloud

TEMPLATE = {
    "Resources": {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "VersioningConfiguration": {"Status": "Enabled"},
                "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
            },
        },
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {
                    "source": ["aws.s3"],
                    "detail": {"bucket": {"name": [{"Ref": "Bucket"}]}, "object": {"key": [{"prefix": "in/"}]}},
                },
                "Targets": [{"Id": "Queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
            },
        },
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                            "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]}}},
                        }
                    ]
                },
            },
        },
    },
    "Outputs": {"Bucket": {"Value": {"Ref": "Bucket"}}, "Queue": {"Value": {"Ref": "Queue"}}},
}


def test_events_name_type_version_and_order(cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]) -> None:
    outputs = stacks.deploy(TEMPLATE)
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    target = {"Bucket": outputs["Bucket"], "Key": "in/été 1.txt"}
    s3.put_object(Bucket=outputs["Bucket"], Key="elsewhere", Body=b"")
    first = s3.put_object(**target, Body=b"1")["VersionId"]
    second = s3.put_object(**target, Body=b"22")["VersionId"]
    marker = s3.delete_object(**target)["VersionId"]
    s3.delete_object(**target, VersionId=first)

    events: list[dict[str, Any]] = []

    def all_of_them() -> bool:
        answer = sqs.receive_message(QueueUrl=outputs["Queue"], MaxNumberOfMessages=10)
        events.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
        return len(events) >= 4

    eventually(all_of_them)
    events.sort(key=lambda event: event["detail"]["object"]["sequencer"])
    seen = [
        (event["detail-type"], event["detail"].get("deletion-type"), event["detail"]["object"]["version-id"])
        for event in events
    ]
    assert seen == [
        ("Object Created", None, first),
        ("Object Created", None, second),
        ("Object Deleted", "Delete Marker Created", marker),
        ("Object Deleted", "Permanently Deleted", first),
    ]
    assert {event["detail"]["object"]["key"] for event in events} == {"in/été 1.txt"}
    assert events[1]["detail"]["object"]["size"] == 2
