"""WeightedTransition on the embedded cloud: requests are counted on both sides while users move, and go back."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_elasticloadbalancingv2_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs

from cdp_constructs import ServiceRoute, WeightedRecords, WeightedTargetGroups, WeightedTransition
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from tests.networks import front

# A step lasts ten seconds, and looks are minutes of the clock of metrics; `make test-servers` runs these.
pytestmark = pytest.mark.conformance
REGION = "us-east-1"
NAME = "shop.example.com"
ADDRESSES = {"203.0.113.7": "old", "203.0.113.8": "new"}
BATCH = 20
CODE = "def handler(event, context):\n    return {{'statusCode': 200, 'body': '{}'}}"


@architecture
def moving(stack: Stack) -> None:
    """Two systems of one load balancer, two of one name, and a transition of each."""
    balancer = front(stack)
    groups = {}
    for name in ("old", "new"):
        function = lambda_.Function(
            stack,
            name.title(),
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline(CODE.format(name)),
        )
        groups[name] = elbv2.ApplicationTargetGroup(
            stack,
            f"{name.title()}Group",
            target_type=elbv2.TargetType.LAMBDA,
            targets=[targets.LambdaTarget(function)],
        )
    metric = cloudwatch.Metric(namespace="Transition", metric_name="Errors", period=Duration.minutes(1))
    alarm = cloudwatch.Alarm(
        stack,
        "Errors",
        metric=metric,
        threshold=1,
        evaluation_periods=1,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    notices = sns.Topic(stack, "Notices", enforce_ssl=True)
    read = sqs.Queue(stack, "Read")
    notices.add_subscription(subscriptions.SqsSubscription(read, raw_message_delivery=True))
    common: dict[str, Any] = {
        "alarms": [alarm],
        "interval": Duration.seconds(10),
        "topic": notices,
        "alarm_topic": sns.Topic(stack, "Operators", enforce_ssl=True),
        "removal_policy": RemovalPolicy.DESTROY,
    }
    rule = WeightedTargetGroups(
        listener=balancer.listener,
        current=groups["old"],
        replacement=groups["new"],
        route=ServiceRoute(priority=5, path_patterns=["/shop/*"]),
    )
    zone = route53.PublicHostedZone(stack, "Zone", zone_name="example.com")
    first, second = ADDRESSES
    records = WeightedRecords(
        zone=zone,
        domain_name=NAME,
        current=route53.RecordTarget.from_ip_addresses(first),
        replacement=route53.RecordTarget.from_ip_addresses(second),
    )
    moves = {
        "Rule": WeightedTransition(stack, "Move", target=rule, **common),
        "Records": WeightedTransition(stack, "MoveName", target=records, steps=[50, 100], **common),
    }
    outputs = {"Host": balancer.load_balancer.load_balancer_dns_name, "Zone": zone.hosted_zone_id}
    outputs |= {"Read": read.queue_url, "Listener": balancer.listener.listener_arn}
    for name, move in moves.items():
        outputs[f"{name}Machine"] = move.workflow.state_machine.state_machine_arn
        outputs[f"{name}Role"] = move.function.role.role_arn  # type: ignore[union-attr]  # ours always have one
        outputs[f"{name}Alarm"] = move.alarms[0].alarm_name
    for name, value in outputs.items():
        CfnOutput(stack, f"{name}Is", value=value)


class Moving:
    """The deployed transitions."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str]) -> None:
        self.cloud = cloud
        self.outputs = {name.removesuffix("Is"): value for name, value in outputs.items()}
        self._http = httpx.Client(headers={"Host": f"{self.outputs['Host']}:443"}, timeout=20)

    def client(self, service: str, **options: Any) -> Any:
        return self.cloud.client(service, region=REGION, **options)

    def rule(self) -> dict[str, Any]:
        rules = self.client("elbv2").describe_rules(ListenerArn=self.outputs["Listener"])["Rules"]
        (found,) = [rule for rule in rules if rule["Priority"] == "5"]
        return dict(found)

    def share(self, of: str = "Rule") -> int:
        if of == "Rule":
            return int(self.rule()["Actions"][0]["ForwardConfig"]["TargetGroups"][1]["Weight"])
        sets = self.client("route53").list_resource_record_sets(HostedZoneId=self.outputs["Zone"])
        (weight,) = [one["Weight"] for one in sets["ResourceRecordSets"] if one.get("SetIdentifier") == "replacement"]
        return int(weight)

    def ask(self, of: str = "Rule") -> str:
        if of == "Rule":
            return self._http.get(f"{self.cloud.endpoint}/shop/").text
        answer = self.client("route53").test_dns_answer(
            HostedZoneId=self.outputs["Zone"], RecordName=NAME, RecordType="A"
        )
        return ADDRESSES[answer["RecordData"][0]]

    def start(self, of: str = "Rule", **event: Any) -> str:
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs[f"{of}Machine"], input=json.dumps(event)
        )
        return str(started["executionArn"])

    def execution(self, arn: str) -> Any:
        return self.client("stepfunctions").describe_execution(executionArn=arn)

    def failures(self, arn: str) -> list[str]:
        history = self.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
        return [event["type"] for event in history if "Failed" in event["type"]]

    def ended(self, arn: str) -> Any:
        def found() -> Any:
            execution = self.execution(arn)
            return execution if execution["status"] != "RUNNING" else None

        return eventually(found, within=180)

    def counted(self, arn: str, of: str = "Rule") -> dict[int, Counter[str]]:
        """Ask all the time until an execution has ended, and count the answers by the share at their time."""
        found: dict[int, Counter[str]] = defaultdict(Counter)
        while self.execution(arn)["status"] == "RUNNING":
            before = self.share(of)
            answers = Counter(self.ask(of) for _ in range(BATCH))
            if self.share(of) == before:
                found[before] += answers
        return found

    def notices(self) -> list[str]:
        queue, found = self.client("sqs"), []
        while got := queue.receive_message(QueueUrl=self.outputs["Read"], MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                notice = json.loads(message["Body"])
                found.append(f"{notice['notice']}. {notice['more']}")
                queue.delete_message(QueueUrl=self.outputs["Read"], ReceiptHandle=message["ReceiptHandle"])
        return found

    def raise_alarm(self) -> None:
        data = [{"MetricName": "Errors", "Value": 5}]
        self.client("cloudwatch").put_metric_data(Namespace="Transition", MetricData=data)
        self.cloud.metrics.advance(minutes=1)


@pytest.fixture(scope="module")
def moved(deployed: Callable[[Callable[..., Any]], Deployment], local_cloud: LocalCloud) -> Moving:
    (outputs,) = deployed(moving).outputs.values()
    return Moving(local_cloud, dict(outputs))


@pytest.fixture(autouse=True)
def _calm(moved: Moving) -> Iterator[None]:
    yield
    # What a test has moved is back, and its alarm over.
    moved.cloud.metrics.advance(minutes=3)
    for of in ("Rule", "Records"):
        moved.ended(moved.start(of, back=True))
        assert moved.share(of) == 0
    moved.notices()


def within_five_deviations(counts: Counter[str], share: int) -> bool:
    """Whether so many of the answers are of the replacement: chance leaves this once in a million runs."""
    number, part = counts.total(), share / 100
    return abs(counts["new"] - number * part) <= 5 * (number * part * (1 - part)) ** 0.5


@pytest.mark.parametrize(("of", "shares"), [("Rule", [10, 50, 100]), ("Records", [50, 100])])
def test_users_move_step_by_step(moved: Moving, of: str, shares: list[int]) -> None:
    assert Counter(moved.ask(of) for _ in range(BATCH)) == {"old": BATCH}
    arn = moved.start(of)
    counted = moved.counted(arn, of)
    execution = moved.ended(arn)
    assert execution["status"] == "SUCCEEDED", (execution.get("error"), execution.get("cause"))
    assert set(counted) - {0} == set(shares)
    for share, counts in counted.items():
        assert within_five_deviations(counts, share), (share, counts)
    assert counted[50]["old"] > 0 < counted[50]["new"]
    assert Counter(moved.ask(of) for _ in range(BATCH)) == {"new": BATCH}
    notices = moved.notices()
    assert [notice.partition(".")[0] for notice in notices] == [
        *(f"{share} % of the users are on the replacement" for share in shares),
        "the transition is complete",
    ]


def test_an_alarm_in_the_middle_takes_everybody_back(moved: Moving) -> None:
    arn = moved.start()
    eventually(lambda: moved.share() == 50, within=60)
    started = time.monotonic()
    moved.raise_alarm()
    execution = moved.ended(arn)
    assert time.monotonic() - started < 60
    assert (execution["status"], execution["error"]) == ("FAILED", "AlarmError")
    assert moved.share() == 0
    assert Counter(moved.ask() for _ in range(BATCH)) == {"old": BATCH}
    last = moved.notices()[-1]
    assert "all users are back on the current system" in last
    assert "Errors" in last
    moved.cloud.metrics.advance(minutes=1)
    (alarm,) = moved.client("cloudwatch").describe_alarms(AlarmNames=[moved.outputs["RuleAlarm"]])["MetricAlarms"]
    assert alarm["StateValue"] == "ALARM"


def test_nobody_moves_while_an_alarm_is_raised(moved: Moving) -> None:
    moved.raise_alarm()
    execution = moved.ended(moved.start())
    assert (execution["status"], execution["error"]) == ("FAILED", "AlarmError")
    assert moved.share() == 0
    assert not any("% of the users" in notice for notice in moved.notices())


def test_weights_that_somebody_changes_take_everybody_back(moved: Moving) -> None:
    arn = moved.start()
    eventually(lambda: moved.share() == 10, within=60)
    rule = moved.rule()
    (action,) = rule["Actions"]
    for group, weight in zip(action["ForwardConfig"]["TargetGroups"], (30, 70), strict=True):
        group["Weight"] = weight
    action.pop("TargetGroupArn", None)
    moved.client("elbv2").modify_rule(RuleArn=rule["RuleArn"], Actions=[action])
    execution = moved.ended(arn)
    assert (execution["status"], execution["error"]) == ("FAILED", "ChangedError")
    assert moved.share() == 0
    assert "70 % were on the replacement, and not 10 %" in moved.notices()[-1]


def test_a_load_balancer_that_refuses_for_a_while_takes_nobody_back(moved: Moving) -> None:
    arn = moved.start()
    eventually(lambda: moved.share() == 10, within=60)
    with moved.cloud.inject_fault("elbv2", REGION, operation="ModifyRule"):
        eventually(lambda: moved.failures(arn), within=120, what="a step that fails")
        assert moved.share() == 10
    assert moved.ended(arn)["status"] == "SUCCEEDED"
    assert moved.share() == 100


def test_a_function_may_change_no_other_rule_and_no_other_zone(moved: Moving) -> None:
    rules = moved.client("elbv2").describe_rules(ListenerArn=moved.outputs["Listener"])["Rules"]
    default = next(rule for rule in rules if rule["Priority"] != "5")

    def as_role(of: str, service: str) -> Any:
        answer = moved.client("sts").assume_role(RoleArn=moved.outputs[f"{of}Role"], RoleSessionName="somebody")
        return moved.client(service, credentials=answer["Credentials"])

    balancers, names = as_role("Rule", "elbv2"), as_role("Records", "route53")
    with pytest.raises(balancers.exceptions.ClientError, match="AccessDenied"):
        balancers.modify_rule(RuleArn=default["RuleArn"], Actions=default["Actions"])
    with pytest.raises(balancers.exceptions.ClientError, match="AccessDenied"):
        balancers.delete_rule(RuleArn=moved.rule()["RuleArn"])
    other = moved.client("route53").create_hosted_zone(Name="example.org", CallerReference="other")["HostedZone"]["Id"]
    record = {"Name": "example.org", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "203.0.113.9"}]}
    changes = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    with pytest.raises(names.exceptions.ClientError, match="AccessDenied"):
        names.change_resource_record_sets(HostedZoneId=other, ChangeBatch=changes)
