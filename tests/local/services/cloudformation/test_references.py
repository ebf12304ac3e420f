"""Templates that name what they do not have, or have members that nobody reads, are refused before a stack is made."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.assembly.assemblies import template
from tests.local.refusals import fails
from tests.local.resources import allow, arn, function, role, table

Name = Callable[[str], str]
QUEUE = {"Type": "AWS::SQS::Queue"}
HANDLER = "def handler(event, context): return None"


def outputs(value: Any) -> dict[str, Any]:
    return {"Outputs": {"Out": {"Value": value}}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (template({"Q": QUEUE}, **outputs({"Ref": "Nope"})), r"\[Nope\] in the Outputs block"),
        (template({"Q": QUEUE}, **outputs({"Fn::GetAtt": ["Nope", "Arn"]})), r"\[Nope\] in the Outputs block"),
        (template({"Q": QUEUE}, **outputs({"Fn::GetAtt": "Nope.Arn"})), r"\[Nope\] in the Outputs block"),
        (template({"Q": QUEUE}, **outputs({"Fn::Sub": "a ${Nope.Arn}"})), r"\[Nope\] in the Outputs block"),
        (template({"Q": {**QUEUE, "Properties": {"QueueName": {"Ref": "Nope"}}}}), r"\[Nope\] in the Resources block"),
        (template({"Q": {**QUEUE, "DependsOn": ["Nope"]}}), r"\[Nope\] in the Resources block"),
        (template({"Q": {**QUEUE, "Condition": "Nope"}}), "Unresolved condition dependency Nope"),
        (template({"Q": {**QUEUE, "Propertees": {}}}), "Invalid template resource property 'Propertees'"),
        (template({"Q": QUEUE}, Ressources={}), r"Invalid template property or properties \[Ressources\]"),
        (template({"Q-1": QUEUE}), "Resource name Q-1 is non alphanumeric"),
    ],
)
def test_a_template_that_names_what_it_has_not(stacks: Any, body: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        stacks.deploy(body)


def test_what_a_template_may_name(stacks: Any) -> None:
    text = "${AWS::Region} ${!Literal} ${Own} ${Q.QueueName} ${Given}"
    values: dict[str, Any] = {"Pseudo": {"Fn::Sub": [text, {"Own": "own"}]}, "Given": {"Ref": "Given"}}
    body = template(
        {"Q": {**QUEUE, "Condition": "Always", "DependsOn": "First", "Description": "of Q"}, "First": QUEUE},
        Parameters={"Given": {"Type": "String", "Default": "g"}},
        Conditions={"Always": {"Fn::Equals": [{"Ref": "Given"}, "g"]}},
        Outputs={name: {"Value": value} for name, value in values.items()},
    )
    made = stacks.deploy(body)
    assert made["Pseudo"].startswith("us-east-1 ${Literal} own ")
    assert made["Given"] == "g"


def test_what_a_macro_has_not_made_yet_is_not_looked_for(cloud: LocalCloud, stacks: Any) -> None:
    serverless = template({"F": {"Type": "AWS::Serverless::Function"}}, **outputs({"Ref": "ServerlessRestApi"}))
    serverless = {**serverless, "Transform": "AWS::Serverless-2016-10-31", "Globals": {"Function": {}}}
    cloud.client("cloudformation").validate_template(TemplateBody=json.dumps(serverless))
    for_each = {"Fn::ForEach::Queues": ["Name", ["One", "Two"], {"Queue${Name}": QUEUE}]}
    made = template(for_each, Transform="AWS::LanguageExtensions")
    assert stacks.deploy({**made, **outputs({"Fn::GetAtt": ["QueueTwo", "QueueName"]})})["Out"]
    with pytest.raises(ClientError, match=r"\[QueueThree\] in the Outputs block"):
        stacks.deploy({**made, **outputs({"Ref": "QueueThree"})})


def test_an_export_that_another_stack_has(stacks: Any, name: Name) -> None:
    exported = {"Outputs": {"Out": {"Value": "1", "Export": {"Name": name("twice")}}}}
    first = name("exports")
    stacks.deploy(template({"Q": QUEUE}, **exported), name=first)
    stacks.deploy(template({"Q": QUEUE, "R": QUEUE}, **exported), name=first)
    with pytest.raises(AssertionError, match=f"already exported by stack {first}"):
        stacks.deploy(template({"Q": QUEUE}, **exported))


def mapping(**properties: Any) -> dict[str, Any]:
    base = {"EventSourceArn": arn("Queue"), "FunctionName": {"Ref": "Function"}}
    return {**base, **properties}


READS = allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], "*")


@pytest.mark.parametrize(
    ("properties", "timeout", "says"),
    [
        ({"BatchSize": 10_001}, 10, "Batch size 10001 is not between"),
        ({"BatchSize": 0}, 10, "Batch size 0 is not between"),
        ({"BatchSize": 11}, 10, "Maximum batch window in seconds must be greater than 0"),
        ({"ScalingConfig": {"MaximumConcurrency": 1}}, 10, "MaximumConcurrency 1"),
        ({}, 31, "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds"),
    ],
)
def test_mappings_of_queues(stacks: Any, properties: Mapping[str, Any], timeout: int, says: str) -> None:
    others = {"Queue": QUEUE, "Role": role(READS), "Function": function(HANDLER, "Role", Timeout=timeout)}
    fails(stacks, "AWS::Lambda::EventSourceMapping", mapping(**properties), says=says, **others)


def test_a_mapping_is_refused_by_request(cloud: LocalCloud, stacks: Any) -> None:
    resources = {"Queue": QUEUE, "Role": role(READS), "Function": function(HANDLER, "Role", Timeout=30)}
    wanted = {"Function": {"Value": {"Ref": "Function"}}, "Queue": {"Value": arn("Queue")}}
    made = stacks.deploy(template(resources, Outputs=wanted))
    call = {"EventSourceArn": made["Queue"], "FunctionName": made["Function"]}
    with pytest.raises(ClientError, match="Maximum batch window"):
        cloud.client("lambda").create_event_source_mapping(**call, BatchSize=100)
    cloud.client("lambda").create_event_source_mapping(**call, BatchSize=100, MaximumBatchingWindowInSeconds=1)


def test_values_of_a_template_that_services_refuse(stacks: Any) -> None:
    redrive = {"deadLetterTargetArn": arn("Dead"), "maxReceiveCount": 3}
    says = "Dead-letter queue must be same type"
    fails(stacks, "AWS::SQS::Queue", {"FifoQueue": True, "RedrivePolicy": redrive}, says=says, Dead=QUEUE)
    properties = table("id")["Properties"]
    unused = [*properties["AttributeDefinitions"], {"AttributeName": "more", "AttributeType": "S"}]
    says = "the attributes of keys are not those of AttributeDefinitions"
    fails(stacks, "AWS::DynamoDB::Table", {**properties, "AttributeDefinitions": unused}, says=says)
    fails(stacks, "AWS::Logs::LogGroup", {"RetentionInDays": 2}, says="2 is not a valid enum value")
    alarm = {"MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1}
    alarm["ComparisonOperator"] = "GreaterThanThreshold"
    fails(stacks, "AWS::CloudWatch::Alarm", alarm, says="Exactly one of Statistic and ExtendedStatistic")
