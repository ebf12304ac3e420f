"""Values that AWS refuses are refused here, with AWS's error code, in requests and in templates alike."""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.assembly.assemblies import template
from tests.local.refusals import fails, refusal

ALARM = {
    "AlarmName": "late",
    "MetricName": "Late",
    "Namespace": "Shop",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Statistic": "Sum",
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanThreshold",
}
SCHEDULE = {
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {"Arn": "arn:aws:sqs:us-east-1:000000000000:q", "RoleArn": "arn:aws:iam::000000000000:role/not-here"},
}


SCHEDULES_OF_RULES = [
    "rate(1 hours)",
    "rate(0 minutes)",
    "rate(2 minute)",
    "rate(5 seconds)",
    "every hour",
    "cron(0 1 * *)",
]
SCHEDULES = ["rate(0 hours)", "rate(5 seconds)", "at(tomorrow)", "at(2026-02-30T10:00:00)", "cron(* * * *)"]
MALFORMED_FILTERS: list[Any] = [
    {"kind": []},
    {"kind": "order"},
    {"kind": [{"prefx": "x"}]},
    {"total": [{"numeric": [">", 5, ">", 3]}]},
    {"total": [1e12]},
    {"a": {"b": ["nested"]}},
    {name: ["x"] for name in "abcdef"},
    {name: list(map(str, range(13))) for name in "ab"},
]
ADDRESSES = ["jane", "jane@", "@shop.example", "jane doe@shop.example", "jane@shop", "a@b.example, c@d.example"]


def test_a_rule_without_a_schedule_or_a_pattern_that_is_one(
    cloud: LocalCloud, stacks: Any, name: Callable[[str], str]
) -> None:
    events, own = cloud.client("events"), name("rule")
    assert refusal(lambda: events.put_rule(Name=own)) == ("ValidationException", 400)
    fails(stacks, "AWS::Events::Rule", {}, says="EventPattern or ScheduleExpression must be specified")
    for expression in SCHEDULES_OF_RULES:
        code, _ = refusal(lambda: events.put_rule(Name=own, ScheduleExpression=expression))  # noqa: B023
        assert code == "ValidationException", expression
        fails(stacks, "AWS::Events::Rule", {"ScheduleExpression": expression}, says="ScheduleExpression")
    pattern = {"detail": {"size": [{"greater": 5}]}}
    code, _ = refusal(lambda: events.put_rule(Name=own, EventPattern=json.dumps(pattern)))
    assert code == "InvalidEventPatternException"
    fails(stacks, "AWS::Events::Rule", {"EventPattern": pattern}, says="Event pattern is not valid")
    for expression in ("rate(1 hour)", "rate(2 hours)", "cron(0 10 ? * MON-FRI *)"):
        assert events.put_rule(Name=own, ScheduleExpression=expression)["RuleArn"]


def test_a_schedule_that_never_comes(cloud: LocalCloud, stacks: Any, name: Callable[[str], str]) -> None:
    scheduler, own = cloud.client("scheduler"), name("schedule")
    for expression in SCHEDULES:
        call = lambda: scheduler.create_schedule(Name=own, ScheduleExpression=expression, **SCHEDULE)  # noqa: B023, E731
        assert refusal(call) == ("ValidationException", 400), expression
        properties = {"ScheduleExpression": expression, **SCHEDULE}
        fails(stacks, "AWS::Scheduler::Schedule", properties, says="Invalid Schedule Expression")
    for expression in ("rate(1 hours)", "rate(2 hours)", "at(2030-11-20T13:00:00)"):
        made = f"{own}-{zlib.crc32(expression.encode())}"
        zone = {"ScheduleExpressionTimezone": "Asia/Kathmandu"}
        assert scheduler.create_schedule(Name=made, ScheduleExpression=expression, **SCHEDULE, **zone)["ScheduleArn"]


def test_a_malformed_subscription(cloud: LocalCloud, stacks: Any, name: Callable[[str], str]) -> None:
    sns, own = cloud.client("sns"), name("subscriptions")
    topic = sns.create_topic(Name=own)["TopicArn"]
    queue = f"arn:aws:sqs:us-east-1:000000000000:{own}"
    valid = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True)["SubscriptionArn"]
    for policy in MALFORMED_FILTERS:
        attributes = {"FilterPolicy": json.dumps(policy)}
        call = lambda: sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{queue}2", Attributes=attributes)  # noqa: B023, E731
        assert refusal(call) == ("InvalidParameter", 400), policy
    broken = {"FilterPolicy": "{"}
    for attributes in (broken, {"FilterPolicy": json.dumps({"kind": [{"prefx": "x"}]})}):
        ((attribute, value),) = attributes.items()
        call = lambda: sns.set_subscription_attributes(  # noqa: E731
            SubscriptionArn=valid,
            AttributeName=attribute,  # noqa: B023
            AttributeValue=value,  # noqa: B023
        )
        assert refusal(call) == ("InvalidParameter", 400), attributes
    properties = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": f"{queue}2"}
    fails(stacks, "AWS::SNS::Subscription", {**properties, "FilterPolicy": {"kind": []}}, says="FilterPolicy: ")
    for endpoint in ADDRESSES:
        call = lambda: sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=endpoint)  # noqa: B023, E731
        assert refusal(call) == ("InvalidParameter", 400), endpoint
    mail = {"TopicArn": topic, "Protocol": "email", "Endpoint": ADDRESSES[0]}
    fails(stacks, "AWS::SNS::Subscription", mail, says="Email address")
    inline = {"Subscription": [{"Protocol": "email", "Endpoint": ADDRESSES[0]}]}
    fails(stacks, "AWS::SNS::Topic", inline, says="Email address")
    plain = {"TopicArn": topic, "Protocol": "https", "Endpoint": "http://shop.example/hook"}
    assert refusal(lambda: sns.subscribe(**plain)) == ("InvalidParameter", 400)
    for protocol, endpoint in (("email", "jane.o'neil+news@shop.example"), ("sms", "+81312345678")):
        assert sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)["SubscriptionArn"]
    nested = {"FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps({"a": {"b": ["nested"]}})}
    assert sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{queue}3", Attributes=nested)["SubscriptionArn"]


def test_a_parameter_beyond_its_tier(cloud: LocalCloud, stacks: Any, name: Callable[[str], str]) -> None:
    ssm, own = cloud.client("ssm"), name("parameter")
    long, longer = "x" * 4097, "x" * 8193
    parameter = {"Name": own, "Type": "String"}
    for wrong in (
        {"Value": long},
        {"Value": longer, "Tier": "Advanced"},
        {"Value": longer, "Tier": "Intelligent-Tiering"},
    ):
        assert refusal(lambda: ssm.put_parameter(**parameter, **wrong)) == ("ValidationException", 400)  # noqa: B023
    code, _ = refusal(lambda: ssm.put_parameter(**parameter, Value="abc", AllowedPattern=r"\d+"))
    assert code == "ParameterPatternMismatchException"
    endless = {"Type": "String", "Value": "a" * 60 + "b", "AllowedPattern": "(a+)+"}
    assert refusal(lambda: ssm.put_parameter(Name=own, **endless))[0] == "ParameterPatternMismatchException"
    fails(stacks, "AWS::SSM::Parameter", endless, says="cannot be validated")
    code, _ = refusal(lambda: ssm.put_parameter(**parameter, Value="abc", AllowedPattern="("))
    assert code == "InvalidAllowedPatternException"
    fails(stacks, "AWS::SSM::Parameter", {"Type": "String", "Value": long}, says="maximum parameter value of 4096")
    ssm.put_parameter(**parameter, Value=long[1:])
    ssm.put_parameter(**parameter, Value=longer[1:], Tier="Advanced", Overwrite=True)


def test_a_secret_beyond_64_kilobytes(cloud: LocalCloud, stacks: Any, name: Callable[[str], str]) -> None:
    secrets, own = cloud.client("secretsmanager"), name("secret")
    long = "あ" * 22_000
    assert refusal(lambda: secrets.create_secret(Name=own, SecretString=long)) == ("ValidationException", 400)
    secrets.create_secret(Name=own, SecretString="x" * 65_536)
    for call in (secrets.put_secret_value, secrets.update_secret):
        assert refusal(lambda: call(SecretId=own, SecretString=long)) == ("ValidationException", 400)  # noqa: B023
        assert refusal(lambda: call(SecretId=own, SecretBinary=long.encode())) == ("ValidationException", 400)  # noqa: B023
    assert secrets.get_secret_value(SecretId=own)["SecretString"] == "x" * 65_536
    # A template is at most 51,200 bytes long; what it joins is longer.
    joined = {"SecretString": {"Fn::Join": ["", [{"Ref": "Part"}] * 17]}}
    part = {"Part": {"Type": "String", "Default": "あ" * 1300}}
    with pytest.raises(AssertionError, match="length less than or equal to 65536"):
        stacks.deploy(
            template({"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": joined}}, Parameters=part)
        )


def test_a_rotation_that_never_comes(cloud: LocalCloud, stacks: Any, name: Callable[[str], str]) -> None:
    secrets, own = cloud.client("secretsmanager"), name("rotated")
    secret = secrets.create_secret(Name=own, SecretString="x")["ARN"]
    for rules in (
        {"ScheduleExpression": "rate(0 days)"},
        {"ScheduleExpression": "rate(5 minutes)"},
        {"AutomaticallyAfterDays": 1001},
        {"ScheduleExpression": "rate(4 hours)", "AutomaticallyAfterDays": 1},
    ):
        code, _ = refusal(lambda: secrets.rotate_secret(SecretId=secret, RotationRules=rules))  # noqa: B023
        assert code == "InvalidParameterException", rules
        properties = {"SecretId": secret, "RotationRules": rules}
        fails(stacks, "AWS::SecretsManager::RotationSchedule", properties, says="otat|AutomaticallyAfterDays")


@pytest.mark.parametrize(
    "wrong",
    [
        {"Period": 61},
        {"Period": 5},
        {"EvaluationPeriods": 1441},
        {"Period": 3600, "EvaluationPeriods": 169},
        {"EvaluationPeriods": 2, "DatapointsToAlarm": 3},
        {"ComparisonOperator": "MoreThan"},
        {"TreatMissingData": "good"},
        {"Statistic": "Median"},
        {"Threshold": float("nan")},
        {"AlarmActions": ["operators"]},
    ],
)
def test_an_alarm_that_cannot_be_evaluated(cloud: LocalCloud, stacks: Any, wrong: Mapping[str, Any]) -> None:
    call = lambda: cloud.client("cloudwatch").put_metric_alarm(**{**ALARM, **wrong})  # noqa: E731
    assert refusal(call) == ("ValidationError", 400)
    if wrong.get("Threshold") is None:  # a template has no such number
        fails(stacks, "AWS::CloudWatch::Alarm", {**ALARM, **wrong}, says="")


def test_the_period_of_metric_math(cloud: LocalCloud, stacks: Any) -> None:
    metric = {"Metric": {"Namespace": "Shop", "MetricName": "Late"}, "Period": 61, "Stat": "Sum"}
    metrics = [{"Id": "late", "MetricStat": metric}, {"Id": "all", "Expression": "late * 2", "ReturnData": True}]
    alarm = {name: ALARM[name] for name in ("AlarmName", "EvaluationPeriods", "Threshold", "ComparisonOperator")}
    call = lambda: cloud.client("cloudwatch").put_metric_alarm(**alarm, Metrics=metrics)  # noqa: E731
    assert refusal(call) == ("ValidationError", 400)
    fails(stacks, "AWS::CloudWatch::Alarm", {**alarm, "Metrics": metrics}, says="multiple of 60")


def test_metric_data_of_services_and_no_numbers(cloud: LocalCloud) -> None:
    cloudwatch = cloud.client("cloudwatch")
    datum = {"MetricName": "Late", "Value": 1}
    for namespace in ("AWS/SQS", "AWS/Shop", ":Shop"):
        call = lambda: cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])  # noqa: B023, E731
        assert refusal(call) == ("InvalidParameterValue", 400), namespace
    for wrong in (
        {"Value": float("nan")},
        {"Value": float("inf")},
        {"Dimensions": [{"Name": f"d{number}", "Value": "x"} for number in range(31)]},
        {"Dimensions": [{"Name": "Shop", "Value": " "}]},
    ):
        call = lambda: cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{**datum, **wrong}])  # noqa: B023, E731
        assert refusal(call) == ("InvalidParameterValue", 400), wrong
    cloudwatch.put_metric_data(Namespace="AWSome", MetricData=[datum])


def test_what_a_service_emits_is_a_metric_of_its_namespace(cloud: LocalCloud) -> None:
    cloudwatch, now = cloud.client("cloudwatch"), cloud.metrics.now()
    cloud.metrics.emit("AWS/Shop", "Late", 5, region="us-east-1", dimensions={"Shop": "one"}, at=now)
    (found,) = cloudwatch.list_metrics(Namespace="AWS/Shop")["Metrics"]
    assert found["Dimensions"] == [{"Name": "Shop", "Value": "one"}]


def test_who_may_not_put_a_rule_is_told_so_and_nothing_else(cloud: LocalCloud, name: Callable[[str], str]) -> None:
    iam, user = cloud.client("iam"), name("nobody")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    events = cloud.client("events", credentials=(key["AccessKeyId"], key["SecretAccessKey"]))
    with pytest.raises(ClientError, match="AccessDenied"):
        events.put_rule(Name=user, ScheduleExpression="rate(0 minutes)")
