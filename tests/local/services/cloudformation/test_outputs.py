"""References between stacks of different Regions, and alarms on metric math."""

import uuid
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

PRODUCER, CONSUMER = "eu-west-1", "us-west-2"


def parameter(value: object) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}


def test_a_stack_reads_an_output_of_a_stack_in_another_region(cloud: LocalCloud, stacks: Any) -> None:
    name = f"producer-{uuid.uuid4().hex[:8]}"
    output = {"Made": {"Value": {"Fn::Sub": "made in ${AWS::Region}"}}}
    stacks.deploy({"Resources": {"Any": parameter("x")}, "Outputs": output}, region=PRODUCER, name=name)
    reference = {"Fn::GetStackOutput": {"StackName": name, "OutputName": "Made", "Region": PRODUCER}}
    joined = {"Fn::Join": [", ", [reference, {"Ref": "AWS::Region"}]]}
    consumer = {"Resources": {"Read": parameter(joined)}, "Outputs": {"Name": {"Value": {"Ref": "Read"}}}}
    read = stacks.deploy(consumer, region=CONSUMER)["Name"]
    value = cloud.client("ssm", CONSUMER).get_parameter(Name=read)["Parameter"]["Value"]
    assert value == f"made in {PRODUCER}, {CONSUMER}"


def test_an_output_that_another_region_does_not_have_fails_the_stack(stacks: Any) -> None:
    reference = {"Fn::GetStackOutput": {"StackName": "nobody", "OutputName": "Made", "Region": PRODUCER}}
    with pytest.raises(AssertionError, match="Output 'Made' not found in stack 'nobody'"):
        stacks.deploy({"Resources": {"Read": parameter(reference)}}, region=CONSUMER)


def test_an_alarm_on_metric_math_is_kept(cloud: LocalCloud, stacks: Any) -> None:
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "Metrics": [{"Id": "sum", "Expression": "1 + 1", "ReturnData": True}],
        },
    }
    name = stacks.deploy({"Resources": {"Alarm": alarm}, "Outputs": {"Name": {"Value": {"Ref": "Alarm"}}}})["Name"]
    found = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert [item["AlarmName"] for item in found] == [name]
