"""Rules that deliver to Kinesis streams, delivery streams and log groups."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.local.resources import allow, arn, function, role

SOURCE = "shop.orders"


def _target(logical_id: str, **properties: Any) -> dict[str, Any]:
    return {"Id": logical_id, "Arn": arn(logical_id), **properties}


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    by_rule = {"RoleArn": arn("ByRule")}
    targets = [
        _target("Stream", KinesisParameters={"PartitionKeyPath": "$.detail.shop"}, InputPath="$.detail", **by_rule),
        _target("Delivery", Input='{"constant": true}', **by_rule),
        _target("Forbidden", **by_rule),
        _target("Log"),
    ]
    to_bucket = {"BucketARN": arn("Bucket"), "RoleARN": arn("ByFirehose")}
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}}
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {
                "Stream": stream,
                "Forbidden": stream,
                "Bucket": {"Type": "AWS::S3::Bucket"},
                "Log": {"Type": "AWS::Logs::LogGroup"},
                "ByFirehose": role(allow(["s3:*"], {"Fn::Sub": "${Bucket.Arn}/*"}, arn("Bucket")), service="firehose"),
                "Delivery": {
                    "Type": "AWS::KinesisFirehose::DeliveryStream",
                    "Properties": {"ExtendedS3DestinationConfiguration": to_bucket},
                },
                "ByRule": role(
                    allow(["kinesis:PutRecord"], arn("Stream")),
                    allow(["firehose:PutRecord"], arn("Delivery")),
                    service="events",
                ),
                "Rule": {
                    "Type": "AWS::Events::Rule",
                    "Properties": {"EventPattern": {"source": [SOURCE]}, "Targets": targets},
                },
            },
            "Outputs": {
                name: {"Value": {"Ref": name}} for name in ("Stream", "Forbidden", "Bucket", "Log", "Delivery")
            },
        }
    )
    return outputs


@pytest.fixture(scope="module")
def published(cloud: LocalCloud, deployed: dict[str, str]) -> dict[str, str]:
    entry = {"Source": SOURCE, "DetailType": "placed", "Detail": json.dumps({"shop": "left", "order": 7})}
    answer = cloud.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0
    return deployed


def _records(cloud: LocalCloud, stream: str) -> Callable[[], list[Any]]:
    def read() -> list[Any]:
        kinesis = cloud.client("kinesis")
        [shard] = kinesis.list_shards(StreamName=stream)["Shards"]
        position = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = kinesis.get_shard_iterator(StreamName=stream, **position)["ShardIterator"]
        return list(kinesis.get_records(ShardIterator=iterator)["Records"])

    return read


def test_a_stream_gets_what_the_input_path_leads_to(cloud: LocalCloud, published: dict[str, str]) -> None:
    [record] = eventually(_records(cloud, published["Stream"]))
    assert json.loads(record["Data"]) == {"shop": "left", "order": 7}
    assert record["PartitionKey"] == "left"


def test_a_role_without_permission_delivers_nothing(cloud: LocalCloud, published: dict[str, str]) -> None:
    eventually(_records(cloud, published["Stream"]))  # the other targets have had their turn
    assert _records(cloud, published["Forbidden"])() == []


def test_a_delivery_stream_gets_the_constant_input(cloud: LocalCloud, published: dict[str, str]) -> None:
    eventually(lambda: cloud.flush_delivery_stream(published["Delivery"], "us-east-1"))
    s3 = cloud.client("s3")
    [item] = eventually(lambda: s3.list_objects_v2(Bucket=published["Bucket"]).get("Contents"))
    assert json.loads(s3.get_object(Bucket=published["Bucket"], Key=item["Key"])["Body"].read()) == {"constant": True}


def test_a_log_group_gets_the_event(cloud: LocalCloud, published: dict[str, str]) -> None:
    logs = cloud.client("logs")
    [event] = eventually(lambda: logs.filter_log_events(logGroupName=published["Log"])["events"])
    assert json.loads(event["message"])["detail-type"] == "placed"


def test_targets_of_a_rule_come_in_pages(cloud: LocalCloud) -> None:
    events = cloud.client("events")
    events.put_rule(Name="paged", EventPattern='{"source": ["paged"]}')
    queue = cloud.client("sqs").create_queue(QueueName="paged")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{queue.rpartition('/')[2]}"
    events.put_targets(Rule="paged", Targets=[{"Id": str(number), "Arn": arn} for number in range(3)])
    first = events.list_targets_by_rule(Rule="paged", Limit=2)
    rest = events.list_targets_by_rule(Rule="paged", Limit=2, NextToken=first["NextToken"])
    assert [each["Id"] for each in first["Targets"]] == ["0", "1"]
    assert [each["Id"] for each in rest["Targets"]] == ["2"]
    assert "NextToken" not in rest


def test_a_schedule_writes_to_a_stream_with_its_partition_key(cloud: LocalCloud, stacks: Any) -> None:
    target = {
        "Arn": arn("Stream"),
        "RoleArn": arn("Role"),
        "Input": "a record",
        "KinesisParameters": {"PartitionKey": "fixed"},
    }
    schedule = {"ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    resources = {
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Role": role(allow("kinesis:PutRecord", arn("Stream")), service="scheduler"),
        "Schedule": {"Type": "AWS::Scheduler::Schedule", "Properties": schedule},
    }
    names = ("Stream", "Schedule")
    outputs = stacks.deploy({"Resources": resources, "Outputs": {name: {"Value": {"Ref": name}} for name in names}})
    cloud.fire_schedule(outputs["Schedule"], "us-east-1")
    [record] = eventually(_records(cloud, outputs["Stream"]))
    assert (record["Data"], record["PartitionKey"]) == (b"a record", "fixed")
    by_number = {"ShardId": "shardId-0", "ShardIteratorType": "TRIM_HORIZON"}
    iterator = cloud.client("kinesis").get_shard_iterator(StreamName=outputs["Stream"], **by_number)
    assert iterator["ShardIterator"]


def _schedule(kind: str, role_name: str, **target: Any) -> dict[str, Any]:
    called = {"Arn": arn(kind), "RoleArn": arn(role_name), "Input": '{"n": 1}', **target}
    schedule = {"ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": called}
    return {"Type": "AWS::Scheduler::Schedule", "Properties": schedule}


def test_a_schedule_calls_its_target_under_its_role(cloud: LocalCloud, stacks: Any) -> None:
    denied = [
        allow(["sqs:SendMessage", "sns:Publish"], "*"),
        {"Effect": "Deny", "Action": ["sqs:SendMessage"], "Resource": [arn("Queue")]},
        {"Effect": "Deny", "Action": ["sns:Publish"], "Resource": ["*"]},
    ]
    on_bus = {"EventBridgeParameters": {"Source": "a.schedule", "DetailType": "due"}}
    rule = {
        "EventBusName": {"Ref": "Bus"},
        "EventPattern": {"source": ["a.schedule"]},
        "Targets": [{"Id": "Log", "Arn": arn("Log")}],
    }
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "of-schedules"}},
        "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/aws/events/of-schedules"}},
        "OnBus": {"Type": "AWS::Events::Rule", "Properties": rule},
        "ByFunction": role(),
        "Function": function("def handler(event, context):\n    print('called with', event)", "ByFunction"),
        "Role": role(
            allow(["sqs:SendMessage"], arn("Queue")),
            allow(["lambda:InvokeFunction"], arn("Function")),
            allow(["events:PutEvents"], arn("Bus")),
            service="scheduler",
        ),
        "Powerless": role(*denied, service="scheduler"),
        "ToQueue": _schedule("Queue", "Role"),
        "ToFunction": _schedule("Function", "Role"),
        "ToBus": _schedule("Bus", "Role", **on_bus),
        "Denied": _schedule("Queue", "Powerless", DeadLetterConfig={"Arn": arn("Dead")}, Input="testing dlq"),
        "DeniedTopic": _schedule("Topic", "Powerless", DeadLetterConfig={"Arn": arn("Dead")}),
    }
    resources["DeniedTopic"]["Properties"]["Target"]["Arn"] = {"Ref": "Topic"}
    names = ("Queue", "Dead", "Topic", "Function", "ToQueue", "ToFunction", "ToBus", "Denied", "DeniedTopic")
    outputs = stacks.deploy({"Resources": resources, "Outputs": {name: {"Value": {"Ref": name}} for name in names}})
    for name in ("Denied", "DeniedTopic", "ToQueue", "ToFunction", "ToBus"):
        cloud.fire_schedule(outputs[name], "us-east-1")
    sqs, logs = cloud.client("sqs"), cloud.client("logs")

    def received(queue: str, number: int) -> Any:
        answer = sqs.receive_message(
            QueueUrl=outputs[queue], MessageAttributeNames=["All"], MaxNumberOfMessages=10, VisibilityTimeout=0
        ).get("Messages", [])
        return answer if len(answer) == number else None

    dead = eventually(lambda: received("Dead", 2), what="what may not be sent")
    assert sorted((json.loads(message["Body"]) for message in dead), key=str) == [
        {"Message": '{"n": 1}', "TopicArn": outputs["Topic"]},
        {"MessageBody": "testing dlq", "QueueUrl": outputs["Queue"]},
    ]
    for message in dead:
        assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] in {"AccessDenied", "AuthorizationError"}
        assert ":schedule/" in message["MessageAttributes"]["SCHEDULE_ARN"]["StringValue"]
    assert eventually(lambda: received("Queue", 1))[0]["Body"] == '{"n": 1}'

    def logged(group: str, text: str) -> Any:
        try:
            return [event for event in logs.filter_log_events(logGroupName=group)["events"] if text in event["message"]]
        except logs.exceptions.ResourceNotFoundException:
            return None

    assert eventually(lambda: logged(f"/aws/lambda/{outputs['Function']}", "called with {'n': 1}"))
    assert eventually(lambda: logged("/aws/events/of-schedules", '"detail-type": "due"'))


def test_the_result_of_a_function_reaches_its_destination(cloud: LocalCloud, stacks: Any) -> None:
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "Function"},
        "Principal": "events.amazonaws.com",
    }
    to_queue = {"OnSuccess": {"Destination": arn("Queue")}}
    invoked = {"FunctionName": {"Ref": "Function"}, "Qualifier": "$LATEST", "DestinationConfig": to_queue}
    rule = {"EventPattern": {"source": ["chained"]}, "Targets": [_target("Function")]}
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Role": role(allow("sqs:SendMessage", arn("Queue"))),
        "Function": function("def handler(event, context):\n    return event['detail']", "Role"),
        "Invoked": {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": invoked},
        "Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
    }
    url = stacks.deploy({"Resources": resources, "Outputs": {"Queue": {"Value": {"Ref": "Queue"}}}})["Queue"]
    cloud.client("events").put_events(Entries=[{"Source": "chained", "DetailType": "a", "Detail": '{"n": 1}'}])
    sqs = cloud.client("sqs")
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"), within=30, what="the result")
    assert '"responsePayload":{"n":1}' in message["Body"]
