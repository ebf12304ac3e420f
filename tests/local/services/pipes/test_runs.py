"""Pipes: queues and streams are read, filtered, enriched and delivered; what fails is retried or given up."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import allow, arn, function, role

ENRICH = """
def handler(events, context):
    return [{"order": event, "seen": True} for event in events]
"""
PART = """
def handler(events, context):
    return {"batchItemFailures": [{"itemIdentifier": event["messageId"]} for event in events if "bad" in event["body"]]}
"""
REFUSE = """
def handler(events, context):
    raise ValueError("no")
"""
BY_PIPES = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "pipes.amazonaws.com"}}
READ = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]


def _pipe(source: str, target: Any, **properties: Any) -> dict[str, Any]:
    given = {"RoleArn": arn("Role"), "Source": arn(source), "Target": target, **properties}
    return {"Type": "AWS::Pipes::Pipe", "Properties": given}


@pytest.fixture(scope="module")
def deployed(stacks: Any) -> dict[str, str]:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 1}}
    pipe_role = role(
        allow([*READ, "sqs:SendMessage"], arn("Orders"), arn("Shipped"), arn("Parts"), arn("Dead"), arn("FromStream")),
        allow(["kinesis:*"], arn("Stream"), arn("Failing")),
        allow(["lambda:InvokeFunction"], arn("Enrich"), arn("Part"), arn("Refuse")),
        allow(["states:StartExecution"], {"Ref": "Machine"}),
    )
    pipe_role["Properties"]["AssumeRolePolicyDocument"] = {"Statement": [BY_PIPES]}
    of_failing = {
        "StartingPosition": "TRIM_HORIZON",
        "MaximumRetryAttempts": 0,
        "DeadLetterConfig": {"Arn": arn("Dead")},
    }
    pattern = json.dumps({"body": {"kind": ["order"]}})
    machine = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}}
    names = ("Orders", "Shipped", "Parts", "Dead", "FromStream", "Forbidden", "Stream", "Failing", "Losing", "Machine")
    outputs: dict[str, str] = stacks.deploy(
        {
            "Resources": {
                **dict.fromkeys(("Orders", "Shipped", "Parts", "Dead", "FromStream", "Forbidden"), queue),
                "Stream": stream,
                "Failing": stream,
                "Role": pipe_role,
                "OfFunctions": role(),
                "OfMachine": role(service="states"),
                "Enrich": function(ENRICH, "OfFunctions"),
                "Part": function(PART, "OfFunctions"),
                "Refuse": function(REFUSE, "OfFunctions"),
                "Machine": {
                    "Type": "AWS::StepFunctions::StateMachine",
                    "Properties": {"RoleArn": arn("OfMachine"), "DefinitionString": json.dumps(machine)},
                },
                "Enriched": _pipe(
                    "Orders",
                    arn("Shipped"),
                    SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": pattern}]}},
                    Enrichment=arn("Enrich"),
                    EnrichmentParameters={
                        "InputTemplate": '{"number": <$.body.number>, "by": "<aws.pipes.pipe-name>"}'
                    },
                ),
                "Partly": _pipe("Parts", arn("Part")),
                "Streamed": _pipe(
                    "Stream",
                    arn("FromStream"),
                    SourceParameters={"KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON"}},
                    TargetParameters={"InputTemplate": "<$.partitionKey>"},
                ),
                "Fails": _pipe("Failing", arn("Refuse"), SourceParameters={"KinesisStreamParameters": of_failing}),
                "Losing": role(allow(READ, arn("Forbidden")), service="pipes"),
                "NotAllowed": _pipe("Forbidden", {"Ref": "Machine"}, RoleArn=arn("Losing")),
            },
            "Outputs": {name: {"Value": {"Ref": name}} for name in names},
        },
        region="us-west-2",
    )
    return outputs


@pytest.fixture
def client(cloud: LocalCloud) -> Callable[[str], Any]:
    return lambda service: cloud.client(service, region="us-west-2")


@pytest.fixture
def taken(client: Callable[[str], Any], deployed: dict[str, str], eventually: Callable[..., Any]) -> Any:
    """Return a function that waits for one message of a queue and deletes it."""

    def take(queue: str) -> Any:
        sqs = client("sqs")
        received = lambda: sqs.receive_message(QueueUrl=deployed[queue]).get("Messages")  # noqa: E731
        [message] = eventually(received, within=20)
        sqs.delete_message(QueueUrl=deployed[queue], ReceiptHandle=message["ReceiptHandle"])
        return message["Body"]

    return take


def _waiting(client: Callable[[str], Any], url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(map(int, found.values()))


def test_messages_are_filtered_enriched_and_delivered(
    client: Callable[[str], Any], deployed: dict[str, str], taken: Any, eventually: Callable[..., Any]
) -> None:
    for body in ({"kind": "note", "number": 1}, {"kind": "order", "number": 2}):
        client("sqs").send_message(QueueUrl=deployed["Orders"], MessageBody=json.dumps(body))
    delivered = json.loads(taken("Shipped"))
    assert delivered["seen"] is True
    assert delivered["order"]["number"] == 2
    assert "Enriched" in delivered["order"]["by"]
    eventually(lambda: _waiting(client, deployed["Orders"]) == 0, within=10)
    assert _waiting(client, deployed["Shipped"]) == 0, "what the filter leaves out is delivered nowhere"


def test_only_messages_that_the_function_reports_stay_in_the_queue(
    client: Callable[[str], Any], deployed: dict[str, str], eventually: Callable[..., Any]
) -> None:
    for body in ("good", "bad"):
        client("sqs").send_message(QueueUrl=deployed["Parts"], MessageBody=body)
    eventually(lambda: _waiting(client, deployed["Parts"]) == 1, within=10)
    received = lambda: client("sqs").receive_message(QueueUrl=deployed["Parts"]).get("Messages")  # noqa: E731
    [message] = eventually(received, within=10)
    assert message["Body"] == "bad"


def test_a_stream_is_read_from_its_beginning_and_a_template_may_be_a_text(
    client: Callable[[str], Any], deployed: dict[str, str], taken: Any
) -> None:
    client("kinesis").put_record(StreamName=deployed["Stream"], PartitionKey="room-7", Data=b"{}")
    assert taken("FromStream") == "room-7"


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(
    client: Callable[[str], Any], deployed: dict[str, str], taken: Any
) -> None:
    put = client("kinesis").put_record(StreamName=deployed["Failing"], PartitionKey="1", Data=b"{}")
    given_up = json.loads(taken("Dead"))
    assert given_up["context"]["condition"] == "RetryAttemptsExhausted"
    assert given_up["source"]["sequenceNumbers"] == [put["SequenceNumber"]]
    assert given_up["approximateInvokeCount"] == 1


def test_without_permission_for_the_source_nothing_is_read(
    client: Callable[[str], Any], deployed: dict[str, str]
) -> None:
    url = deployed["Forbidden"]
    client("iam").delete_role_policy(RoleName=deployed["Losing"], PolicyName="own")
    client("sqs").send_message(QueueUrl=url, MessageBody="kept")
    executions = client("stepfunctions").list_executions(stateMachineArn=deployed["Machine"])["executions"]
    assert executions == []
    assert _waiting(client, url) == 1


def test_a_pipe_is_described_with_its_parameters(client: Callable[[str], Any]) -> None:
    pipes = client("pipes")
    [found] = [pipe for pipe in pipes.list_pipes()["Pipes"] if "Enriched" in pipe["Name"]]
    described = pipes.describe_pipe(Name=found["Name"])
    assert described["EnrichmentParameters"]["InputTemplate"].startswith('{"number"')
    assert described["SourceParameters"]["FilterCriteria"]["Filters"]
