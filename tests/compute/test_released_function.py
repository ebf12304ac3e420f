"""What ReleasedFunction promises in its templates."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, Size, Stack, Stage
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, ReleasedFunction, TrafficShift
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.released_function import build as example

EXAMPLES = Path(__file__).parents[2] / "docs/examples"


def quote(stack: Stack, name: str = "Quote") -> lambda_.Function:
    return add_function(
        stack, name, handler=EXAMPLES / "quote", description="Quotes prices", invocation=Invocation.REQUEST
    )


def hook(stack: Stack, name: str) -> lambda_.Function:
    return add_function(
        stack, name, handler=EXAMPLES / "check_quote", description="Checks versions", invocation=Invocation.REQUEST
    )


def slow(stack: Stack, name: str = "Slow") -> cloudwatch.Alarm:
    metric = cloudwatch.Metric(namespace="Shop", metric_name="Seconds")
    return cloudwatch.Alarm(stack, name, metric=metric, threshold=3, evaluation_periods=1)


@architecture
def defaults(stack: Stack) -> ReleasedFunction:
    return ReleasedFunction(stack, "Release", function=quote(stack))


@architecture
def all_options(stack: Stack) -> ReleasedFunction:
    release = ReleasedFunction(
        stack,
        "Release",
        function=quote(stack),
        alias_name="production",
        traffic=TrafficShift.linear(20, interval=Duration.minutes(7), max_errors=3),
        rollback_alarms=[slow(stack)],
        provisioned_concurrency=2,
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
    )
    release.attach_before_traffic_hook(hook(stack, "Before"))
    release.attach_after_traffic_hook(hook(stack, "After"), variable="NEW_VERSION")
    return release


@architecture
def all_at_once_from_a_snapshot(stack: Stack) -> ReleasedFunction:
    return ReleasedFunction(
        stack, "Release", function=quote(stack), traffic=TrafficShift.all_at_once(), snap_start=True
    )


@architecture
def two_environments(stack: Stack) -> list[ReleasedFunction]:
    function = quote(stack)
    return [ReleasedFunction(stack, name, function=function, alias_name=name.lower()) for name in ("Test", "Live")]


@architecture
def inside_a_stage(app: App) -> ReleasedFunction:
    return defaults(Stack(Stage(app, "ReleasedFunctionStage"), "Service"))


architecture(example)
REVIEWED = [defaults, all_options, all_at_once_from_a_snapshot]
BUILDS = [*REVIEWED, two_environments, inside_a_stage]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(ReleasedFunction, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_what_the_example_adds_has_no_open_finding(synthesis: Synthesis) -> None:
    found = synthesis(example).findings("AwsSolutions", "Serverless")
    assert [one for one in found if "/Quote" not in one and "/CheckQuote" not in one] == []


def alias_of(built: Any) -> tuple[str, dict[str, Any]]:
    ((logical_id, alias),) = built.resources("AWS::Lambda::Alias").items()
    return logical_id, alias


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_codedeploy_moves_the_alias_and_rolls_it_back(build: Callable[..., Any], synthesis: Synthesis) -> None:
    built = synthesis(build)
    _, alias = alias_of(built)
    ((group_id, group),) = built.resources("AWS::CodeDeploy::DeploymentGroup").items()
    policy = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert policy["DeploymentGroupName"] == {"Ref": group_id}
    rolled_back = group["Properties"]["AutoRollbackConfiguration"]
    assert rolled_back["Enabled"] is True
    assert {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"} <= set(rolled_back["Events"])
    stopped = "DEPLOYMENT_STOP_ON_ALARM" in rolled_back["Events"]
    assert stopped is (build is not all_at_once_from_a_snapshot)
    assert group["Properties"].get("AlarmConfiguration", {}).get("Enabled", False) is stopped


def test_the_alarm_is_on_errors_of_the_new_version_and_comes_before_the_alias(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    logical_id, alias = alias_of(built)
    alarms = built.resources("AWS::CloudWatch::Alarm")
    ((alarm_id, alarm),) = [
        (name, one) for name, one in alarms.items() if one["Properties"].get("MetricName") == "Errors"
    ]
    ((version_id, _),) = built.resources("AWS::Lambda::Version").items()
    dimensions = {one["Name"]: one["Value"] for one in alarm["Properties"]["Dimensions"]}
    assert dimensions["ExecutedVersion"] == {"Fn::GetAtt": [version_id, "Version"]}
    assert json.dumps(dimensions["Resource"]).endswith('":production"]]}')
    assert alarm["Properties"]["Threshold"] == 3
    assert alarm["Properties"]["Period"] == 60
    assert alarm_id in alias["DependsOn"]
    ((group_id, group),) = built.resources("AWS::CodeDeploy::DeploymentGroup").items()
    assert group_id in alias["DependsOn"]
    stopping = {next(iter(one["Name"].values())) for one in group["Properties"]["AlarmConfiguration"]["Alarms"]}
    assert len(stopping) == 2
    assert alarm_id in stopping
    assert logical_id not in json.dumps(alarms)


def test_the_alarm_is_there_without_a_topic_and_not_where_no_version_is_told_apart(synthesis: Synthesis) -> None:
    (alarm,) = synthesis(defaults).resources("AWS::CloudWatch::Alarm").values()
    assert "AlarmActions" not in alarm["Properties"]
    assert synthesis(all_at_once_from_a_snapshot).resources("AWS::CloudWatch::Alarm") == {}


def test_alarms_name_the_topic(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    assert [alarm.node.id for alarm in built.result.alarms] == ["NewVersionErrorsAlarm", "SpilloverAlarm"]
    with_action = [
        one for one in built.resources("AWS::CloudWatch::Alarm").values() if "AlarmActions" in one["Properties"]
    ]
    assert len(with_action) == 2


def statements(built: Any, prefix: str) -> list[dict[str, Any]]:
    """Statements of the policies of the role whose id begins so."""
    (role,) = [name for name in built.resources("AWS::IAM::Role") if name.startswith(prefix)]
    policies = [one["Properties"] for one in built.resources("AWS::IAM::Policy").values()]
    mine = [policy for policy in policies if {"Ref": role} in policy["Roles"]]
    return [one for policy in mine for one in policy["PolicyDocument"]["Statement"]]


def actions(one: dict[str, Any]) -> list[str]:
    return [one["Action"]] if isinstance(one["Action"], str) else one["Action"]


def test_codedeploy_reaches_this_function_its_alarms_and_its_hooks_only(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    (role,) = [one for name, one in built.resources("AWS::IAM::Role").items() if name.startswith("ReleaseRole")]
    assert "ManagedPolicyArns" not in role["Properties"]
    granted = {action: one["Resource"] for one in statements(built, "ReleaseRole") for action in actions(one)}
    assert set(granted) == {
        "lambda:GetAlias",
        "lambda:UpdateAlias",
        "cloudwatch:DescribeAlarms",
        "lambda:GetProvisionedConcurrencyConfig",
        "lambda:InvokeFunction",
    }
    (function,) = [name for name in built.resources("AWS::Lambda::Function") if name.startswith("Quote")]
    assert granted["lambda:UpdateAlias"] == {"Fn::GetAtt": [function, "Arn"]}
    assert "*" not in json.dumps(granted)
    without = {action for one in statements(synthesis(defaults), "ReleaseRole") for action in actions(one)}
    assert without == {"lambda:GetAlias", "lambda:UpdateAlias", "cloudwatch:DescribeAlarms"}


def test_a_hook_reports_to_this_group_and_invokes_versions_of_this_function(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    (function,) = [name for name in built.resources("AWS::Lambda::Function") if name.startswith("Quote")]
    ((group, _),) = built.resources("AWS::CodeDeploy::DeploymentGroup").items()
    for prefix in ("BeforeRole", "AfterRole"):
        granted = {action: one["Resource"] for one in statements(built, prefix) for action in actions(one)}
        assert (
            json.dumps(granted["codedeploy:PutLifecycleEventHookExecutionStatus"]).count(f'{{"Ref": "{group}"}}') == 1
        )
        assert granted["lambda:InvokeFunction"] == {"Fn::Join": ["", [{"Fn::GetAtt": [function, "Arn"]}, ":*"]]}


def test_hooks_know_the_new_version_and_come_before_the_alias(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    _, alias = alias_of(built)
    ((version, _),) = built.resources("AWS::Lambda::Version").items()
    policy = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    functions = built.resources("AWS::Lambda::Function")
    for key, variable in (("BeforeAllowTrafficHook", "RELEASED_VERSION"), ("AfterAllowTrafficHook", "NEW_VERSION")):
        name = policy[key]["Ref"]
        assert functions[name]["Properties"]["Environment"]["Variables"][variable] == {"Ref": version}
        assert name in alias["DependsOn"]


@pytest.mark.parametrize(
    ("traffic", "name"),
    [
        (TrafficShift.canary(), "LambdaCanary10Percent5Minutes"),
        (TrafficShift.canary(10, interval=Duration.minutes(30)), "LambdaCanary10Percent30Minutes"),
        (TrafficShift.linear(), "LambdaLinear10PercentEvery1Minute"),
        (TrafficShift.linear(10, interval=Duration.minutes(3)), "LambdaLinear10PercentEvery3Minutes"),
        (TrafficShift.all_at_once(), "LambdaAllAtOnce"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_configurations_of_aws_are_used_where_there_are(cdk_app: App, traffic: TrafficShift, name: str) -> None:
    stack = Stack(cdk_app, "Shop")
    ReleasedFunction(stack, "Release", function=quote(stack), traffic=traffic)
    resources = cdk_app.synth().get_stack_by_name("Shop").template["Resources"].values()
    (group,) = [one for one in resources if one["Type"] == "AWS::CodeDeploy::DeploymentGroup"]
    assert group["Properties"]["DeploymentConfigName"] == f"CodeDeployDefault.{name}"
    assert [one for one in resources if one["Type"] == "AWS::CodeDeploy::DeploymentConfig"] == []


def test_other_values_get_a_configuration_of_their_own(synthesis: Synthesis) -> None:
    (configuration,) = synthesis(all_options).resources("AWS::CodeDeploy::DeploymentConfig").values()
    assert configuration["Properties"]["TrafficRoutingConfig"] == {
        "Type": "TimeBasedLinear",
        "TimeBasedLinear": {"LinearInterval": 7, "LinearPercentage": 20},
    }


def test_a_snapshot_is_made_of_published_versions(synthesis: Synthesis) -> None:
    (function,) = synthesis(all_at_once_from_a_snapshot).resources("AWS::Lambda::Function").values()
    assert function["Properties"]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    (other,) = synthesis(defaults).resources("AWS::Lambda::Function").values()
    assert "SnapStart" not in other["Properties"]


def test_a_change_of_the_function_publishes_another_version_and_no_change_none(cdk_app: App) -> None:
    def version(name: str, text: str) -> str:
        stack = Stack(cdk_app, name)
        function = quote(stack)
        ReleasedFunction(stack, "Release", function=function)
        function.add_environment("TEXT", text)  # after the release was made
        return name

    names = [version("First", "old"), version("Second", "old"), version("Third", "new")]
    assembly = cdk_app.synth()
    found = [
        logical_id
        for name in names
        for logical_id, one in assembly.get_stack_by_name(name).template["Resources"].items()
        if one["Type"] == "AWS::Lambda::Version"
    ]
    assert found[0] == found[1] != found[2]


def test_each_environment_has_an_alias_and_a_group(synthesis: Synthesis) -> None:
    built = synthesis(two_environments)
    aliases = built.resources("AWS::Lambda::Alias").values()
    assert {one["Properties"]["Name"] for one in aliases} == {"test", "live"}
    assert len(built.resources("AWS::CodeDeploy::DeploymentGroup")) == 2


@pytest.mark.parametrize("name", ["7", "a b", "a" * 129, "live:1"])
def test_names_that_aws_refuses_are_refused(cdk_app: App, name: str) -> None:
    stack = Stack(cdk_app, "Shop")
    with pytest.raises(InvalidOptionError, match=r"Shop/Release: alias_name is .*letters, digits"):
        ReleasedFunction(stack, "Release", function=quote(stack), alias_name=name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrafficShift.canary(0), r"TrafficShift.canary: percentage is 0 percent"),
        (lambda: TrafficShift.linear(100), r"TrafficShift.linear: percentage is 100 percent"),
        (lambda: TrafficShift.canary(interval=Duration.seconds(90)), r"interval is 90 seconds.*steps of 1 minute"),
        (lambda: TrafficShift.canary(interval=Duration.days(3)), r"interval is 3 days"),
        (
            lambda: TrafficShift.linear(1, interval=Duration.minutes(30)),
            r"interval is 30 minutes, and all calls.*2 days",
        ),
        (lambda: TrafficShift.canary(max_errors=0), r"max_errors is 0 errors"),
        (lambda: TrafficShift("blue"), r"kind is 'blue'"),
    ],
    ids=["0", "100", "seconds", "days", "slow", "errors", "kind"],
)
def test_shifts_that_aws_refuses_are_refused(make: Callable[[], TrafficShift], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        make()


def refused(stack: Stack, **options: Any) -> str:
    with pytest.raises(InvalidOptionError) as caught:
        ReleasedFunction(stack, "Release", **options)
    return str(caught.value)


def test_what_snap_start_does_not_take_is_refused(cdk_app: App) -> None:
    def old(stack: Stack) -> lambda_.Function:
        code = lambda_.Code.from_inline("def handler(event, context): ...")
        return lambda_.Function(stack, "Old", runtime=lambda_.Runtime.PYTHON_3_11, handler="index.handler", code=code)

    def with_storage(stack: Stack) -> lambda_.Function:
        code = lambda_.Code.from_inline("def handler(event, context): ...")
        return lambda_.Function(
            stack,
            "Large",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=code,
            ephemeral_storage_size=Size.gibibytes(1),
        )

    first, second, third = (Stack(cdk_app, name) for name in ("First", "Second", "Third"))
    assert "python3.11" in refused(first, function=old(first), snap_start=True)
    assert "512 MB" in refused(second, function=with_storage(second), snap_start=True)
    together = refused(third, function=quote(third), snap_start=True, provisioned_concurrency=1)
    assert "together with provisioned_concurrency" in together


def test_numbers_and_alarms_that_aws_refuses_are_refused(cdk_app: App) -> None:
    stack, other = Stack(cdk_app, "Shop"), Stack(cdk_app, "Other")
    assert "provisioned_concurrency is 0" in refused(stack, function=quote(stack), provisioned_concurrency=0)
    alarms = [slow(other, f"Slow{number}") for number in range(10)]
    assert "rollback_alarms has 10 alarms. Give 9 at most" in refused(
        other, function=quote(other), rollback_alarms=alarms
    )


def test_a_function_of_another_stack_is_refused(cdk_app: App) -> None:
    first, second = Stack(cdk_app, "First"), Stack(cdk_app, "Second")
    assert "is First/Quote, of another stack. Make the release" in refused(second, function=quote(first))


def test_a_second_hook_and_the_function_itself_are_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    function = quote(stack)
    release = ReleasedFunction(stack, "Release", function=function)
    with pytest.raises(InvalidOptionError, match="the released one"):
        release.attach_before_traffic_hook(function)
    checks = hook(stack, "Before")
    release.attach_before_traffic_hook(checks)
    with pytest.raises(InvalidOptionError, match="was added before"):
        release.attach_before_traffic_hook(hook(stack, "Another"))
    with pytest.raises(InvalidOptionError, match="variable is 'RELEASED_VERSION'"):
        release.attach_after_traffic_hook(checks)


def test_metrics_are_those_of_the_new_version(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    release = ReleasedFunction(stack, "Release", function=quote(stack))
    metric = release.metric_new_version_errors()
    assert set(metric.dimensions or {}) == {"FunctionName", "Resource", "ExecutedVersion"}
    assert metric.period.to_seconds() == 60
