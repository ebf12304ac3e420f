"""CodeDeploy: an alias gets a new version by and by, after hooks, and its former one back when that fails."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.conftest import Stacks
from tests.local.services.codedeploy.releases import ACTIONS, REGION, call, hook, template

Eventually = Callable[..., Any]

CANARY = {"Type": "TimeBasedCanary", "TimeBasedCanary": {"CanaryPercentage": 25, "CanaryInterval": 5}}
LINEAR = {"Type": "TimeBasedLinear", "TimeBasedLinear": {"LinearPercentage": 40, "LinearInterval": 2}}


class Release:
    """A stack with a function, updates of it that go on in the background, and their deployments."""

    def __init__(self, cloud: LocalCloud, stacks: Stacks, name: str) -> None:
        self._cloud, self._stacks, self._name = cloud, stacks, name
        self._error: BaseException | None = None
        self._thread = threading.Thread()
        self.codedeploy = cloud.client("codedeploy", region=REGION)
        self.outputs: dict[str, str] = {}

    @property
    def function(self) -> str:
        return self.outputs["Function"]

    @property
    def group(self) -> dict[str, str]:
        return {"applicationName": self.outputs["Application"], "deploymentGroupName": self.outputs["Group"]}

    def create(self, first: dict[str, Any]) -> None:
        self.outputs = self._stacks.deploy(first, name=self._name, region=REGION)

    def begin(self, update: dict[str, Any]) -> None:
        self._error = None
        self._thread = threading.Thread(target=self._run, args=(update,))
        self._thread.start()

    def _run(self, update: dict[str, Any]) -> None:
        try:
            self._stacks.deploy(update, name=self._name, region=REGION)
        except AssertionError as error:
            self._error = error

    def end(self) -> BaseException | None:
        """Wait for the end of the update, and return why it failed."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self._error

    def weights(self) -> tuple[str, dict[str, float]]:
        alias = self._cloud.client("lambda", region=REGION).get_alias(FunctionName=self.function, Name="live")
        return alias["FunctionVersion"], alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})

    def deployments(self) -> list[dict[str, Any]]:
        """The deployments of the group, the newest first."""
        ids = self.codedeploy.list_deployments(**self.group)["deployments"]
        return [self.codedeploy.get_deployment(deploymentId=one)["deploymentInfo"] for one in ids]

    def revision(self, current: int, target: int, *hooks: dict[str, str]) -> dict[str, Any]:
        versions = {"CurrentVersion": str(current), "TargetVersion": str(target)}
        properties = {"Name": self.function, "Alias": "live", **versions}
        resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
        content = {"version": 0.0, "Resources": [{"f": resource}], "Hooks": list(hooks)}
        return {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(content)}}


@pytest.fixture
def release(cloud: LocalCloud, stacks: Stacks, name: Callable[[str], str]) -> Release:
    return Release(cloud, stacks, name("release"))


def test_a_canary_gets_its_share_of_the_calls_and_then_all(
    cloud: LocalCloud, release: Release, eventually: Eventually
) -> None:
    release.create(template(1, routing=CANARY))
    assert release.deployments() == []  # a new alias is no release
    assert call(cloud, release.function, 3) == {(1, "1"): 3}
    with cloud.hold_deployments():
        release.begin(template(2, routing=CANARY))
        eventually(lambda: release.weights() == ("1", {"2": 0.25}))
        answers = call(cloud, release.function, 120)
        # Fewer than 10 or more than 60 of 120 happen less than once in 10,000 runs.
        assert 10 <= answers.pop((2, "2")) <= 60
        assert set(answers) == {(1, "1")}
        cloud.metrics.advance(minutes=4)
        assert release.weights() == ("1", {"2": 0.25})
        [deployment] = release.deployments()
        assert (deployment["status"], deployment["creator"]) == ("InProgress", "CloudFormation")
        cloud.metrics.advance(minutes=2)
        assert release.end() is None
    assert release.weights() == ("2", {})
    assert call(cloud, release.function, 20) == {(2, "2"): 20}
    assert release.deployments()[0]["status"] == "Succeeded"


def test_a_linear_release_moves_in_steps_of_time(cloud: LocalCloud, release: Release, eventually: Eventually) -> None:
    release.create(template(1, routing=LINEAR))
    with cloud.hold_deployments():
        release.begin(template(2, routing=LINEAR))
        for minutes, share in ((0, 0.4), (2, 0.8)):
            if minutes:
                cloud.metrics.advance(minutes=minutes)
            eventually(lambda expected=share: release.weights() == ("1", {"2": expected}))
        cloud.metrics.advance(minutes=2)
        assert release.end() is None
    assert release.weights() == ("2", {})


def test_minutes_last_a_second_and_all_at_once_none(cloud: LocalCloud, release: Release) -> None:
    release.create(template(1, routing=CANARY))
    before = cloud.metrics.now()
    release.begin(template(2, routing=CANARY))
    assert release.end() is None  # within a minute of the machine
    assert (cloud.metrics.now() - before).total_seconds() >= 5 * 60
    before = cloud.metrics.now()
    release.begin(template(3))
    assert release.end() is None
    assert (cloud.metrics.now() - before).total_seconds() < 60
    assert release.weights() == ("3", {})


def test_an_alarm_of_the_new_version_gives_the_alias_its_former_one(
    cloud: LocalCloud, release: Release, eventually: Eventually
) -> None:
    release.create(template(1, routing=CANARY))
    with cloud.hold_deployments():
        release.begin(template(2, body="raise ValueError('broken')", routing=CANARY))
        eventually(lambda: release.weights() == ("1", {"2": 0.25}))
        answers = call(cloud, release.function, 60)
        assert set(answers) == {(1, "1"), ("failed", "2")}
        cloud.metrics.advance(minutes=1)
        error = release.end()
    assert "ALARM_ACTIVE" in str(error)
    assert release.weights() == ("1", {})
    assert call(cloud, release.function, 20) == {(1, "1"): 20}
    back, stopped = release.deployments()
    assert (stopped["status"], stopped["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert stopped["rollbackInfo"]["rollbackDeploymentId"] == back["deploymentId"]
    assert (back["status"], back["creator"]) == ("Succeeded", "codeDeployRollback")
    cloud.metrics.advance(minutes=1)  # the alarm has the dimensions of the former version again, and is over
    release.begin(template(3))
    assert release.end() is None
    assert call(cloud, release.function, 5) == {(3, "3"): 5}


def test_hooks_come_before_and_after_the_traffic(release: Release) -> None:
    release.create(template(1, before=hook("Succeeded"), after=hook("Succeeded")))
    release.begin(template(2, before=hook("Succeeded"), after=hook("Succeeded")))
    assert release.end() is None
    [deployment] = release.deployments()
    identifier = deployment["deploymentId"]
    [target] = release.codedeploy.list_deployment_targets(deploymentId=identifier)["targetIds"]
    answer = release.codedeploy.get_deployment_target(deploymentId=identifier, targetId=target)
    described = answer["deploymentTarget"]["lambdaTarget"]
    assert [(one["lifecycleEventName"], one["status"]) for one in described["lifecycleEvents"]] == [
        ("Start", "Succeeded"),
        ("BeforeAllowTraffic", "Succeeded"),
        ("AllowTraffic", "Succeeded"),
        ("AfterAllowTraffic", "Succeeded"),
        ("End", "Succeeded"),
    ]
    assert described["lambdaFunctionInfo"] == {
        "functionName": release.function,
        "functionAlias": "live",
        "currentVersion": "1",
        "targetVersion": "2",
        "targetVersionWeight": 1.0,
    }


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (hook("Failed"), "It reported that it failed."),
        ("def handler(event, context):\n    raise ValueError('no answer')\n", "no answer"),
    ],
    ids=["failed", "raised"],
)
def test_a_failed_hook_gives_the_alias_its_former_version(
    cloud: LocalCloud, release: Release, place: str, source: str, reason: str
) -> None:
    hooks = {"before": "", "after": "", place: source}
    release.create(template(1, before=hooks["before"], after=hooks["after"]))
    release.begin(template(2, before=hooks["before"], after=hooks["after"]))
    error = release.end()
    assert "HOOK_EXECUTION_FAILURE" in str(error)
    assert reason in str(error)
    assert release.weights() == ("1", {})
    assert call(cloud, release.function, 3) == {(1, "1"): 3}


def test_a_hook_that_says_nothing_fails_after_an_hour(
    cloud: LocalCloud, release: Release, eventually: Eventually
) -> None:
    silent = "def handler(event, context):\n    return None\n"
    release.create(template(1, before=silent))
    with cloud.hold_deployments():
        release.begin(template(2, before=silent))
        eventually(lambda: release.deployments() and release.deployments()[0]["status"] == "InProgress")
        cloud.metrics.advance(minutes=59)
        assert release.weights() == ("1", {})
        assert release.deployments()[0]["status"] == "InProgress"
        cloud.metrics.advance(minutes=2)
        assert "within an hour" in str(release.end())


@pytest.mark.parametrize("missing", ["lambda:UpdateAlias", "lambda:InvokeFunction", "cloudwatch:DescribeAlarms"])
def test_what_the_role_may_not_do_fails(release: Release, missing: str) -> None:
    allowed = [action for action in ACTIONS if action != missing]
    release.create(template(1, before=hook("Succeeded"), allowed=allowed))
    release.begin(template(2, before=hook("Succeeded"), allowed=allowed))
    error = str(release.end())
    assert "IAM_ROLE_PERMISSIONS" in error
    assert missing in error
    assert release.weights() == ("1", {})


def test_a_hook_that_may_not_report_fails(release: Release) -> None:
    release.create(template(1, before=hook("Succeeded"), reports=False))
    release.begin(template(2, before=hook("Succeeded"), reports=False))
    error = str(release.end())
    assert "not authorized to perform: codedeploy:PutLifecycleEventHookExecutionStatus" in error
    assert release.weights() == ("1", {})


def test_the_alias_of_a_nested_stack_is_moved_and_goes_back_with_its_parent(
    cloud: LocalCloud, release: Release, name: Callable[[str], str]
) -> None:
    bucket = name("nested")
    s3 = cloud.client("s3", region=REGION)
    s3.create_bucket(Bucket=bucket)

    def parent(version: int, *, broken: bool = False) -> dict[str, Any]:
        key = f"{version}.json"
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(template(version)))
        url = f"https://s3.us-east-1.amazonaws.com/{bucket}/{key}"
        child = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}
        outputs = {one: {"Value": {"Fn::GetAtt": ["Child", f"Outputs.{one}"]}} for one in template(1)["Outputs"]}
        resources: dict[str, Any] = {"Child": child}
        if broken:
            wrong = {"TopicArn": {"Fn::GetAtt": ["Child", "Outputs.Function"]}, "Protocol": "x"}
            resources["Wrong"] = {"Type": "AWS::SNS::Subscription", "Properties": wrong}
        return {"Resources": resources, "Outputs": outputs}

    release.create(parent(1))
    release.begin(parent(2))
    assert release.end() is None
    assert release.weights() == ("2", {})
    assert len(release.deployments()) == 1
    release.begin(parent(3, broken=True))
    assert "Wrong" in str(release.end())
    # MiniStack publishes the former code again: it deletes what a nested stack replaces before its parent is done.
    assert {by for by, _ in call(cloud, release.function, 5)} == {2}
    assert len(release.deployments()) == 2  # and none for the way back
    for key in (1, 2, 3):
        s3.delete_object(Bucket=bucket, Key=f"{key}.json")
    s3.delete_bucket(Bucket=bucket)


def test_the_policy_that_the_cdk_attaches_is_enough_without_hooks(release: Release) -> None:
    first, second = template(1, allowed=()), template(2, allowed=())
    for each in (first, second):
        policy = "arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"
        each["Resources"]["ReleaseRole"]["Properties"] = {
            **each["Resources"]["ReleaseRole"]["Properties"],
            "ManagedPolicyArns": [policy],
            "Policies": [],
        }
    release.create(first)
    release.begin(second)
    assert release.end() is None
    assert release.weights() == ("2", {})


def test_a_stack_that_fails_later_gets_the_former_version_back_at_once(release: Release) -> None:
    release.create(template(1))
    broken = template(2)
    name = {"Ref": "Alias"}
    broken["Resources"]["Zone"] = {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": name, "Protocol": "x"}}
    release.begin(broken)
    assert "Zone" in str(release.end())
    assert release.weights() == ("1", {})
    [deployment] = release.deployments()
    assert deployment["status"] == "Succeeded"


# --- Requests of clients ----------------------------------------------------------------------------------------------


@pytest.fixture
def published(cloud: LocalCloud, release: Release) -> Release:
    """A function with two versions, whose alias has the first one."""
    release.create(template(1))
    functions = cloud.client("lambda", region=REGION)
    functions.update_function_configuration(FunctionName=release.function, Description="another")
    assert functions.publish_version(FunctionName=release.function)["Version"] == "2"
    return release


def test_a_client_deploys_and_stops(cloud: LocalCloud, published: Release, eventually: Eventually) -> None:
    request = {**published.group, "revision": published.revision(1, 2)}
    request["deploymentConfigName"] = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    with cloud.hold_deployments():
        identifier = published.codedeploy.create_deployment(**request)["deploymentId"]
        eventually(lambda: published.weights() == ("1", {"2": 0.1}))
        with pytest.raises(ClientError, match="already has an active Deployment"):
            published.codedeploy.create_deployment(**request)
        published.codedeploy.stop_deployment(deploymentId=identifier, autoRollbackEnabled=True)
        eventually(lambda: published.deployments()[-1]["status"] == "Stopped")
    assert published.weights() == ("1", {})
    with pytest.raises(ClientError, match="DeploymentAlreadyCompleted"):
        published.codedeploy.stop_deployment(deploymentId=identifier)
    [stopped] = published.codedeploy.batch_get_deployments(deploymentIds=[identifier])["deploymentsInfo"]
    assert stopped["errorInformation"]["code"] == "MANUAL_STOP"


def test_a_deployment_is_an_event_of_the_bus(
    cloud: LocalCloud, published: Release, eventually: Eventually, name: Callable[[str], str]
) -> None:
    events, sqs = cloud.client("events", region=REGION), cloud.client("sqs", region=REGION)
    url = sqs.create_queue(QueueName=name("states"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    document = {"Version": "2012-10-17", "Statement": [{**policy, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(document)})
    pattern = {"source": ["aws.codedeploy"], "detail": {"application": [published.outputs["Application"]]}}
    rule = name("states")
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
    published.codedeploy.create_deployment(**published.group, revision=published.revision(1, 2))
    states: list[str] = []

    def received() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            event = json.loads(message["Body"])
            assert event["detail-type"] == "CodeDeploy Deployment State-change Notification"
            states.append(event["detail"]["state"])
        return len(states) == 2

    eventually(received)
    assert sorted(states) == ["START", "SUCCESS"]
    events.remove_targets(Rule=rule, Ids=["queue"])
    events.delete_rule(Name=rule)
    sqs.delete_queue(QueueUrl=url)


@pytest.mark.parametrize(
    ("current", "target", "message"),
    [
        (7, 2, "The Lambda function alias version does not match the current version in AppSpec file."),
        (1, 9, "The function has no version 9"),
    ],
)
def test_a_revision_has_to_fit_the_function(
    published: Release, eventually: Eventually, current: int, target: int, message: str
) -> None:
    answer = published.codedeploy.create_deployment(**published.group, revision=published.revision(current, target))
    eventually(lambda: published.deployments()[-1]["status"] == "Failed")
    failed = published.codedeploy.get_deployment(deploymentId=answer["deploymentId"])["deploymentInfo"]
    assert failed["errorInformation"]["code"] == "INVALID_LAMBDA_CONFIGURATION"
    assert message in failed["errorInformation"]["message"]


def test_requests_that_aws_refuses_are_refused(published: Release) -> None:
    codedeploy, group = published.codedeploy, published.group
    for content in ("{", json.dumps({"Resources": []}), json.dumps({"Resources": [{"f": {"Type": "x"}}]})):
        revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}
        with pytest.raises(ClientError, match="InvalidRevisionException"):
            codedeploy.create_deployment(**group, revision=revision)
    with pytest.raises(ClientError, match="ApplicationDoesNotExist"):
        codedeploy.list_deployment_groups(applicationName="nobody")
    with pytest.raises(ClientError, match="DeploymentDoesNotExist"):
        codedeploy.put_lifecycle_event_hook_execution_status(deploymentId="d-1", status="Succeeded")
    with pytest.raises(ClientError, match="DeploymentConfigInUse"):
        codedeploy.delete_deployment_config(deploymentConfigName=published.outputs["Configuration"])
    for percentage, interval in ((0, 5), (100, 5), (10, 0), (10, 2_881)):
        canary = {"canaryPercentage": percentage, "canaryInterval": interval}
        with pytest.raises(ClientError, match="InvalidTrafficRoutingConfiguration"):
            codedeploy.create_deployment_config(
                deploymentConfigName="wrong",
                computePlatform="Lambda",
                trafficRoutingConfig={"type": "TimeBasedCanary", "timeBasedCanary": canary},
            )
    described = codedeploy.get_deployment_group(**group)["deploymentGroupInfo"]
    assert described["alarmConfiguration"]["enabled"] is True
    assert described["computePlatform"] == "Lambda"


def test_a_report_names_an_execution_of_a_hook(cloud: LocalCloud, published: Release, eventually: Eventually) -> None:
    before = {"BeforeAllowTraffic": published.function}  # it returns, and reports nothing
    with cloud.hold_deployments():
        answer = published.codedeploy.create_deployment(**published.group, revision=published.revision(1, 2, before))
        eventually(lambda: published.deployments()[0]["status"] == "InProgress")
        with pytest.raises(ClientError, match="InvalidLifecycleEventHookExecutionId"):
            published.codedeploy.put_lifecycle_event_hook_execution_status(
                deploymentId=answer["deploymentId"], lifecycleEventHookExecutionId="other", status="Succeeded"
            )
        published.codedeploy.stop_deployment(deploymentId=answer["deploymentId"])
        eventually(lambda: published.deployments()[-1]["status"] == "Stopped")
