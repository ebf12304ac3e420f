"""What WeightedTransition promises in its templates; users move in tests/behaviour/servers."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, ServiceRoute, WeightedRecords, WeightedTargetGroups, WeightedTransition
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.weighted_transition import build as example
from tests.networks import front

REGION = "us-east-1"
PLACE = f"{REGION}:111122223333"
LISTENER = f"arn:aws:elasticloadbalancing:{PLACE}:listener/app/shop/1/2"
GROUP = f"arn:aws:elasticloadbalancing:{PLACE}:targetgroup/{{}}/1"


def an_alarm(stack: Stack, name: str = "Errors") -> cloudwatch.IAlarm:
    return cloudwatch.Alarm.from_alarm_arn(stack, name, f"arn:aws:cloudwatch:{PLACE}:alarm:{name}")


def group(stack: Stack, name: str) -> elbv2.IApplicationTargetGroup:
    return elbv2.ApplicationTargetGroup.from_target_group_attributes(stack, name, target_group_arn=GROUP.format(name))


def groups(stack: Stack, **changes: Any) -> WeightedTargetGroups:
    listener = elbv2.ApplicationListener.from_application_listener_attributes(
        stack,
        "Listener",
        listener_arn=LISTENER,
        security_group=ec2.SecurityGroup.from_security_group_id(stack, "FrontGroup", "sg-1"),
    )
    options = {"listener": listener, "current": group(stack, "old"), "replacement": group(stack, "new")}
    return WeightedTargetGroups(**{**options, **changes})

    return ec2.SecurityGroup.from_security_group_id(stack, "FrontGroup", "sg-1")


def records(stack: Stack, **changes: Any) -> WeightedRecords:
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")
    options: dict[str, Any] = {
        "zone": zone,
        "domain_name": "shop.example.com",
        "current": route53.RecordTarget.from_ip_addresses("203.0.113.7"),
        "replacement": route53.RecordTarget.from_ip_addresses("203.0.113.8"),
    }
    return WeightedRecords(**{**options, **changes})


@architecture
def defaults(stack: Stack) -> WeightedTransition:
    """Existing target groups of an existing listener."""
    return WeightedTransition(stack, "Move", target=groups(stack), alarms=[an_alarm(stack)])


@architecture
def all_options(stack: Stack) -> WeightedTransition:
    return WeightedTransition(
        stack,
        "Move",
        target=groups(stack, route=ServiceRoute(priority=7, path_patterns=["/shop/*"]), stickiness=Duration.hours(1)),
        alarms=[an_alarm(stack), an_alarm(stack, "Latency")],
        steps=[5, 25, 100],
        interval=Duration.hours(2),
        topic=sns.Topic(stack, "Notices", master_key=kms.Key(stack, "TopicKey", enable_key_rotation=True)),
        completed=True,
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture
def of_records(stack: Stack) -> WeightedTransition:
    return WeightedTransition(
        stack, "Move", target=records(stack, record_types=["A", "AAAA"]), alarms=[an_alarm(stack)]
    )


@architecture
def inside_a_stage(app: App) -> WeightedTransition:
    return defaults(Stack(Stage(app, "WeightedTransitionStage"), "Service"))


@architecture
def whole_example(stack: Stack) -> WeightedTransition:
    return example(stack, front(stack))


SNAPSHOTS = [defaults, all_options, of_records]
BUILDS = [*SNAPSHOTS, inside_a_stage, whole_example]


@pytest.mark.parametrize("build", SNAPSHOTS, ids=lambda build: build.__name__)
def test_template(build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", SNAPSHOTS, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(WeightedTransition, synthesis(whole_example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    found = synthesis(build).findings("AwsSolutions", "Serverless")
    # The topic of one build is bare.
    assert [one for one in found if "/Notices" not in one] == []


def weights(synthesis: Synthesis, build: Callable[..., Any]) -> dict[str, int]:
    (rule,) = synthesis(build).resources("AWS::ElasticLoadBalancingV2::ListenerRule").values()
    (action,) = rule["Properties"]["Actions"]
    return {one["TargetGroupArn"]: one["Weight"] for one in action["ForwardConfig"]["TargetGroups"]}


def test_a_template_leads_everybody_to_the_current_system_and_a_completed_one_to_the_replacement(
    synthesis: Synthesis,
) -> None:
    assert weights(synthesis, defaults) == {GROUP.format("old"): 100, GROUP.format("new"): 0}
    assert weights(synthesis, all_options) == {GROUP.format("old"): 0, GROUP.format("new"): 100}
    found = [one["Properties"] for one in synthesis(of_records).resources("AWS::Route53::RecordSet").values()]
    assert sorted((one["Type"], one["SetIdentifier"], one["Weight"]) for one in found) == [
        ("A", "current", 100),
        ("A", "replacement", 0),
        ("AAAA", "current", 100),
        ("AAAA", "replacement", 0),
    ]


def definition(synthesis: Synthesis, build: Callable[..., Any]) -> dict[str, Any]:
    (machine,) = synthesis(build).resources("AWS::StepFunctions::StateMachine").values()
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "token" for part in parts)
    found: dict[str, Any] = json.loads(text)
    return found


def test_each_step_is_a_move_and_looks_until_it_is_over_and_whatever_fails_goes_back(synthesis: Synthesis) -> None:
    states = definition(synthesis, defaults)["States"]
    way, name = [], states["Begin"]["Default"]
    while name != "Complete":
        move = states[name]
        assert move["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "TakeBack"}]
        way.append((move["Parameters"]["after"], move["Parameters"]["share"]))
        wait = states[move["Next"]]
        look = states[wait["Next"]]
        assert look["Catch"] == move["Catch"]
        assert look["Parameters"]["share"] == way[-1][1]
        over = states[look["Next"]]
        assert over["Default"] == move["Next"]
        assert wait["Seconds"] == 60
        name = over["Choices"][0]["Next"]
    assert way == [(0, 10), (10, 50), (50, 100)]
    back = states["TakeBack"]
    assert states[back["Next"]] == {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}
    assert back["Retry"][-1]["MaxAttempts"] == 20
    for lasting in ("AlarmError", "ChangedError"):
        assert lasting in states["Move10"]["Retry"][0]["ErrorEquals"]


def test_a_long_step_has_a_look_in_its_sixtieth_part(synthesis: Synthesis) -> None:
    assert definition(synthesis, all_options)["States"]["Wait25"]["Seconds"] == 120
    assert definition(synthesis, all_options)["TimeoutSeconds"] == 2 * 3 * 7200 + 3600


def allowed(synthesis: Synthesis, build: Callable[..., Any]) -> dict[str, Any]:
    """What the function may do, but for its log."""
    found: dict[str, Any] = {}
    for policy in synthesis(build).resources("AWS::IAM::Policy").values():
        properties = policy["Properties"]
        if any(role["Ref"].startswith("MoveFunctionRole") for role in properties["Roles"]):
            for statement in properties["PolicyDocument"]["Statement"]:
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    if not action.startswith("logs:"):
                        found[action] = statement
    return found


def test_a_function_changes_one_rule(synthesis: Synthesis) -> None:
    may = allowed(synthesis, defaults)
    assert set(may) == {
        "cloudwatch:DescribeAlarms",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:ModifyRule",
    }
    (rule,) = synthesis(defaults).resources("AWS::ElasticLoadBalancingV2::ListenerRule")
    assert may["elasticloadbalancing:ModifyRule"]["Resource"] == {"Ref": rule}
    # Composite alarms are described to a permission for * only.
    wide = {action for action, statement in may.items() if statement["Resource"] == "*"}
    assert wide == {"cloudwatch:DescribeAlarms", "elasticloadbalancing:DescribeRules"}
    assert {"sns:Publish", "kms:Decrypt", "kms:GenerateDataKey"} <= set(allowed(synthesis, all_options))


def test_a_function_changes_the_records_of_one_name_and_adds_none(synthesis: Synthesis) -> None:
    may = allowed(synthesis, of_records)
    assert set(may) == {
        "cloudwatch:DescribeAlarms",
        "route53:ChangeResourceRecordSets",
        "route53:ListResourceRecordSets",
    }
    assert json.dumps(may["route53:ChangeResourceRecordSets"]["Resource"]).endswith(':route53:::hostedzone/Z1"]]}')
    assert may["route53:ChangeResourceRecordSets"]["Condition"] == {
        "ForAllValues:StringEquals": {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["shop.example.com"],
            "route53:ChangeResourceRecordSetsRecordTypes": ["A", "AAAA"],
            "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
        }
    }


def test_alarms_and_who_may_start(synthesis: Synthesis) -> None:
    names = ["FailedAlarm", "TimedOutAlarm", "ThrottledAlarm", "AbortedAlarm"]
    assert [alarm.node.id for alarm in synthesis(all_options).result.alarms] == names
    assert synthesis(defaults).result.alarms == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alarms": []}, r"alarms has 0 alarms\. Give 1 to 20"),
        ({"steps": []}, r"steps has 0 steps\. Give 1 to 20"),
        ({"steps": [10, 50]}, r"steps is \[10, 50\]\. Give larger and larger ones, the last one 100"),
        ({"steps": [50, 10, 100]}, r"steps is \[50, 10, 100\]\. Give larger"),
        ({"steps": [10, 10, 100]}, r"steps is \[10, 10, 100\]"),
        ({"steps": [0, 100]}, "steps is 0 percent. Use 1 to 100 percent"),
        ({"steps": [10, 101]}, "steps is 101 percent"),
        ({"interval": Duration.seconds(9)}, "interval is 9 seconds. Use 10 seconds to 1 day"),
        ({"interval": Duration.hours(25)}, "interval is 25 hours"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    stack = Stack()
    given: dict[str, Any] = {"target": records(stack), "alarms": [an_alarm(stack)], **options}
    with pytest.raises(InvalidOptionError, match=f"Move: {message}"):
        WeightedTransition(stack, "Move", **given)


def test_an_alarm_twice_of_elsewhere_and_a_fifo_topic_are_refused() -> None:
    app = App()
    stack = Stack(app, "Shop", env=Environment(account="111122223333", region=REGION))
    alarm = an_alarm(stack)
    with pytest.raises(InvalidOptionError, match="alarms contains 'Shop/Errors' twice"):
        WeightedTransition(stack, "Twice", target=records(stack), alarms=[alarm, alarm])
    there = cloudwatch.Alarm.from_alarm_arn(stack, "There", "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:There")
    with pytest.raises(InvalidOptionError, match="alarms is in eu-west-1, but the stack is in us-east-1"):
        WeightedTransition(stack, "There1", target=groups(stack), alarms=[there])
    topic = sns.Topic.from_topic_arn(stack, "Fifo", f"arn:aws:sns:{PLACE}:notices.fifo")
    with pytest.raises(InvalidOptionError, match="topic is Shop/Fifo, a FIFO topic"):
        WeightedTransition(
            stack, "Fifo1", target=groups(Stack(app, "Other")), alarms=[an_alarm(stack, "Two")], topic=topic
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda stack: groups(stack, current=(one := group(stack, "one")), replacement=one),
            "WeightedTargetGroups: replacement is the same as current",
        ),
        (lambda stack: groups(stack, stickiness=Duration.days(8)), "stickiness is 8 days. Use 1 second to 7 days"),
        (lambda stack: records(stack, domain_name="shop.example.org"), "which is not in the zone 'example.com'"),
        (lambda stack: records(stack, record_types=[]), "record_types is empty. Name A, AAAA or both"),
        (lambda stack: records(stack, record_types=["A", "A"]), "record_types contains 'A' twice"),
        (lambda stack: records(stack, ttl=Duration.days(2)), "ttl is 2 days. Use 0 seconds to 1 day"),
    ],
)
def test_targets_that_cannot_work_are_refused(make: Callable[[Stack], Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        make(Stack())
