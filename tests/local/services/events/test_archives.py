"""EventBridge: what an archive kept is replayed to the rules."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local import LocalCloud

BUS = {"Fn::GetAtt": ["Bus", "Arn"]}
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "orders"}},
        "Archive": {
            "Type": "AWS::Events::Archive",
            "Properties": {"SourceArn": BUS, "RetentionDays": 3, "EventPattern": {"source": ["shop"]}},
        },
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Policy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                        }
                    ],
                },
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventBusName": {"Ref": "Bus"},
                "EventPattern": {"source": ["shop"]},
                "Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
            },
        },
        "Connection": {
            "Type": "AWS::Events::Connection",
            "Properties": {
                "AuthorizationType": "API_KEY",
                "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "value"}},
            },
        },
        "Destination": {
            "Type": "AWS::Events::ApiDestination",
            "Properties": {
                "ConnectionArn": {"Fn::GetAtt": ["Connection", "Arn"]},
                "HttpMethod": "POST",
                "InvocationEndpoint": "https://example.test/hook",
            },
        },
    },
    "Outputs": {
        "Queue": {"Value": {"Ref": "Queue"}},
        "BusArn": {"Value": BUS},
        "Archive": {"Value": {"Ref": "Archive"}},
        "ArchiveArn": {"Value": {"Fn::GetAtt": ["Archive", "Arn"]}},
        "Destination": {"Value": {"Ref": "Destination"}},
        "DestinationArn": {"Value": {"Fn::GetAtt": ["Destination", "Arn"]}},
    },
}


def test_an_archive_is_replayed(cloud: LocalCloud, stacks: Any, eventually: Callable[..., Any]) -> None:
    outputs = stacks.deploy(TEMPLATE, name="orders")
    events, sqs = cloud.client("events"), cloud.client("sqs")
    entry = {"EventBusName": "orders", "DetailType": "ordered", "Detail": json.dumps({"order": 1})}

    def received() -> list[Any]:
        messages = sqs.receive_message(QueueUrl=outputs["Queue"], MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=outputs["Queue"], ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    events.put_events(Entries=[{**entry, "Source": "shop"}, {**entry, "Source": "other"}])
    [first] = eventually(received)
    eventually(lambda: events.describe_archive(ArchiveName=outputs["Archive"])["EventCount"] == 1)

    events.start_replay(
        ReplayName="again",
        EventSourceArn=outputs["ArchiveArn"],
        EventStartTime=start,
        EventEndTime=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1),
        Destination={"Arn": outputs["BusArn"]},
    )
    [again] = eventually(received)
    assert again["detail"] == first["detail"] == {"order": 1}
    assert again["replay-name"] == "again"

    destination = events.describe_api_destination(Name=outputs["Destination"])
    assert destination["ApiDestinationArn"] == outputs["DestinationArn"]

    stacks.delete("orders")
    assert not events.list_archives()["Archives"]
    assert not events.list_connections()["Connections"]
    assert not events.list_api_destinations()["ApiDestinations"]
