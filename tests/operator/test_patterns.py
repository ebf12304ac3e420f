"""Alarms of patterns that no system has, each raised by its cause, and their pages."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from aws_cdk import App, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns

from cdp_constructs import DirectHosting, ReleasedFunction, ScheduledFunction, SelfHealingSite, TrafficShift
from cdp_constructs.core.runbooks import use_runbooks
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import Synthesis, architecture, eventually
from docs.examples import delivery_pipeline
from tests.operator.acts import counted
from tests.operator.alarms import Alarm, alarms_of
from tests.operator.causes import (
    Cause,
    check_that_causes_and_alarms_belong_together,
    check_that_the_cause_raises_its_alarms,
    consumer_stopped,
    message_in_queue,
    metric_alone,
)
from tests.operator.conftest import shell_of
from tests.operator.shell import Shell
from tests.seconds import wait_for_another_second
from tests.stacks import runbooks
from tests.stacks.runbooks import ROOT

FOLDER = "docs/runbooks/patterns"
PAGES = sorted(runbooks.pages(FOLDER))
REGION = "us-east-1"
# Works as long, fails, or complains as it is told.
CODE = """
import time
def handler(event, context):
    if event.get("complains"): print('{"level": "ERROR", "message": "half of it"}')
    time.sleep(event.get("seconds", 0))
    if event.get("fails"): raise ValueError("refused")
    return {}
"""


def _function(stack: Stack, name: str) -> lambda_.Function:
    return lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler="index.handler",
        code=lambda_.Code.from_inline(CODE),
        timeout=Duration.seconds(10),
        logging_format=lambda_.LoggingFormat.JSON,
    )


@architecture
def office(app: App) -> Stack:
    """What the pages are about, but for the pipeline: a site, and two functions."""
    stack = Stack(app, "Office", env=Environment(region=REGION))
    use_runbooks(stack, FOLDER)
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    web = DirectHosting(stack, "Web", removal_policy=RemovalPolicy.DESTROY)
    SelfHealingSite(stack, "Site", site=web, alarm_topic=operators, removal_policy=RemovalPolicy.DESTROY)
    web.add_site(ROOT / "docs/examples/orders_site")
    ScheduledFunction(
        stack,
        "Report",
        function=_function(stack, "ReportFunction"),
        schedule=scheduler.ScheduleExpression.rate(Duration.days(1)),
        alarm_topic=operators,
        removal_policy=RemovalPolicy.DESTROY,
    )
    ReleasedFunction(
        stack,
        "Quotes",
        function=_function(stack, "QuotesFunction"),
        traffic=TrafficShift.canary(10),
        provisioned_concurrency=1,
        alarm_topic=operators,
    )
    return stack


@architecture
def tools(app: App) -> Stack:
    """A stack with a pipeline, which the embedded cloud does not execute: its template is looked at."""
    stack = Stack(app, "Tools", env=Environment(account="111122223333", region="eu-west-1"))
    use_runbooks(stack, FOLDER)
    delivery_pipeline.build(stack)
    return stack


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Deployment]) -> Deployment:
    return deployed(office)


@pytest.fixture(scope="module")
def alarms(local_cloud: LocalCloud, deployment: Deployment) -> list[Alarm]:
    return list(alarms_of(local_cloud, deployment))


@pytest.fixture(scope="module")
def shell(local_cloud: LocalCloud, deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    assert deployment.resources
    return shell_of(local_cloud, tmp_path_factory, f"{FOLDER}/index.md")


# --- causes


def _counts(alarm: Alarm) -> float:
    (metric,) = alarm.metrics
    return counted(alarm, metric["MetricName"])


@contextmanager
def page_defaced(alarm: Alarm) -> Iterator[None]:
    """Overwrite a page of the site, as somebody with a leaked key does."""
    before = _counts(alarm)
    alarm.client("s3").put_object(Bucket=alarm.physical("WebBucket"), Key="index.html", Body=b"defaced")
    eventually(lambda: _counts(alarm) > before, within=90, what="the repair")
    yield


@contextmanager
def page_defaced_without_an_event(alarm: Alarm) -> Iterator[None]:
    """Overwrite a page while the bucket sends no events, and check."""
    bucket, s3 = alarm.physical("WebBucket"), alarm.client("s3")
    configuration = s3.get_bucket_notification_configuration(Bucket=bucket)
    configuration.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        s3.put_object(Bucket=bucket, Key="index.html", Body=b"defaced")
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    wait_for_another_second()
    answer = alarm.client("lambda").invoke(FunctionName=alarm.physical("SiteCheckFunction"), Payload=b"{}")
    said = json.loads(answer["Payload"].read())
    assert said["repaired"] >= 1, said
    yield


def _call(alarm: Alarm, *, asynchronously: bool = False, **event: object) -> None:
    # Each time is done once.
    payload = json.dumps({"scheduled_time": f"2026-11-30T00:00:00Z-{uuid.uuid4().hex}", **event})
    kind = "Event" if asynchronously else "RequestResponse"
    name = alarm.physical("ReportFunction")
    alarm.client("lambda").invoke(FunctionName=name, InvocationType=kind, Payload=payload)


@contextmanager
def report_complains(alarm: Alarm) -> Iterator[None]:
    """Let a run log an error, and end well."""
    _call(alarm, complains=True)
    yield


@contextmanager
def report_takes_too_long(alarm: Alarm) -> Iterator[None]:
    """Let a time come while the run of the one before lasts."""
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_call, alarm, seconds=4)
        time.sleep(2)
        _call(alarm)
        first.result()
    yield


@contextmanager
def failed_report_lost(alarm: Alarm) -> Iterator[None]:
    """Let a run fail for good while the queue for such runs does not take it."""
    before, error = _counts(alarm), "AWS.SimpleQueueService.AccessDenied"
    with alarm.cloud.inject_fault("sqs", alarm.region, error=error, status=400, operation="SendMessage"):
        _call(alarm, asynchronously=True, fails=True)
        # Lambda tries it twice more, after one minute and after two.
        alarm.cloud.age_events(hours=7)
        eventually(lambda: _counts(alarm) > before, within=90, what="the lost run")
    yield


CAUSES = (
    Cause(("DeadLetterQueueAlarm",), message_in_queue),
    Cause(("SiteDriftAlarm",), page_defaced),
    Cause(("SiteMissedChangesAlarm",), page_defaced_without_an_event),
    Cause(("SiteLagAlarm",), consumer_stopped, passes=6),
    Cause(("ReportLoggedErrorsAlarm",), report_complains),
    Cause(("ReportSkippedRunsAlarm",), report_takes_too_long, passes=5),
    Cause(("ReportLostEventsAlarm",), failed_report_lost),
    Cause(
        ("QuotesNewVersionErrorsAlarm",),
        metric_alone,
        reason="it takes a deployment, which tests/behaviour/compute/test_released_function.py makes and sees "
        "rolled back",
    ),
    Cause(
        ("QuotesSpilloverAlarm",),
        metric_alone,
        reason="the embedded cloud starts as many execution environments as are asked for at once",
    ),
)


def test_every_alarm_of_the_patterns_has_a_cause(alarms: list[Alarm]) -> None:
    check_that_causes_and_alarms_belong_together(CAUSES, alarms)


@pytest.mark.parametrize("cause", CAUSES, ids=str)
def test_the_cause_raises_the_alarm_of_a_pattern(cause: Cause, alarms: list[Alarm], local_cloud: LocalCloud) -> None:
    check_that_the_cause_raises_its_alarms(cause, CAUSES, alarms, local_cloud)


# --- pages


NOT_RUN = {
    'aws codepipeline get-pipeline-state --name "$(cdp resource DeliveryPipeline --type CodePipeline::Pipeline)"': (
        "the embedded cloud has no CodePipeline; tests/behaviour/pipeline plays executions by the template"
    ),
}
"""Commands that cannot run on the embedded cloud, and why."""


def test_alarms_and_pages_of_the_patterns_name_each_other(synthesis: Synthesis) -> None:
    templates = {"Office": synthesis(office).template_json, "Tools": synthesis(tools).templates["Tools"]}
    runbooks.check_that_alarms_and_pages_name_each_other(templates, FOLDER)
    stacks = [synthesis(office).result, synthesis(tools).result]
    runbooks.check_that_pages_have_a_row_for_each_place(stacks, FOLDER)
    for page in PAGES:
        runbooks.check_that_a_page_is_whole(page)
        runbooks.check_that_commands_name_one_resource_each(page, *templates.values())


@pytest.mark.parametrize("page", [*PAGES, f"{FOLDER}/index.md"])
def test_the_commands_of_a_page_of_the_patterns_run_as_printed(page: str, shell: Shell) -> None:
    shell.run_page(page, NOT_RUN)


def test_what_is_not_run_is_on_a_page() -> None:
    assert NOT_RUN.keys() <= {command for page in PAGES for command in runbooks.commands_of(page)}
    assert all((ROOT / path).exists() for path in ("tests/behaviour/pipeline", "tests/behaviour/compute"))
