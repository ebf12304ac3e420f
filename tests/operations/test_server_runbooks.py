"""Every alarm of the patterns with servers has a page that says what to do, and every page an alarm."""

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from cdp_constructs import (
    CacheDistribution,
    InMemoryCache,
    MonitoringIntegration,
    QueueWorkers,
    RegionMesh,
    ReplicatedDatabase,
    ScaleOutService,
    ScaleUp,
    ServiceContainer,
    ServiceNetwork,
    SharedFiles,
    SorryPage,
    Stamp,
    WeightedRecords,
    WeightedTransition,
    alarms_of,
)
from cdp_constructs.core.runbooks import use_runbooks
from tests.networks import existing_image, front
from tests.stacks import runbooks

FOLDER = "docs/runbooks/servers"
# Its alarm is that of a dead-letter queue, whose page leads to this one.
SIZE = f"{FOLDER}/size.md"
# Those of other alarms of the boards of the dojo: tests/stacks/dojo/test_runbooks.py.
OF_BOARDS = [
    f"{FOLDER}/{name}.md"
    for name in (
        *("bounce-rate", "complaint-rate", "degraded", "delivery-throttled", "drift", "free-storage", "freshness"),
        *("lost-lines", "signing"),
        *("mail-failures", "message-dead-letter-queue", "reconciliation-dead-letter-queue", "rejected"),
        *("rejected-records", "throttled-sign-ins", "transformation", "unhealthy"),
    )
]


def build(stack: Stack) -> sns.ITopic:
    """Add every pattern with servers, and whatever of them has alarms of its own."""
    topic = sns.Topic(stack, "Operators")
    vpc = ServiceNetwork(stack, "Network", nat_gateways=True, alarm_topic=topic).vpc
    RegionMesh(stack, "Mesh", vpc=vpc, alarm_topic=topic)
    ReplicatedDatabase(stack, "Orders", vpc=vpc, global_database=True, alarm_topic=topic)
    InMemoryCache(stack, "Products", vpc=vpc, alarm_topic=topic)
    SharedFiles(stack, "Files", vpc=vpc, alarm_topic=topic)
    container = ServiceContainer(existing_image(stack))
    QueueWorkers(stack, "Work", container=container, vpc=vpc, alarm_topic=topic)
    entrance = front(stack, vpc=vpc, alarm_topic=topic)
    shop = ScaleOutService(stack, "Shop", front=entrance, container=container, alarm_topic=topic)
    shop.add_deep_health_check("DeepHealth")
    ledger = Stamp(stack, "Ledger", container=container, health_check_command=["check"], vpc=vpc, alarm_topic=topic)
    ledger.add_route("Web", front=entrance)
    ScaleUp(stack, "Size", service=ledger, alarm_topic=topic)
    site = CacheDistribution(stack, "Site", origin=origins.HttpOrigin(entrance.domain_name))
    SorryPage(stack, "Sorry", site=site, alarm_topic=topic)
    zone = route53.PublicHostedZone(stack, "Zone", zone_name="example.com")
    old, new = (route53.RecordTarget.from_ip_addresses(f"203.0.113.{number}") for number in (7, 8))
    records = WeightedRecords(zone=zone, domain_name="www.example.com", current=old, replacement=new)
    WeightedTransition(stack, "Move", target=records, alarms=shop.alarms[:1], alarm_topic=topic)
    MonitoringIntegration(stack, "Zabbix", vpc=vpc, address="zabbix.example.com", host="shop", alarm_topic=topic)
    return topic


@pytest.fixture(scope="module")
def template(cdk_context: dict[str, Any]) -> runbooks.Template:
    """The template of all of them without the alarms that act on the number of tasks, which nobody reads."""
    stack = Stack(App(context=cdk_context), "Servers", env=Environment(region="us-east-1"))
    use_runbooks(stack, FOLDER)
    topic = stack.resolve(build(stack).topic_arn)
    read = {stack.resolve(alarm.alarm_arn)["Fn::GetAtt"][0] for alarm in alarms_of(stack)}
    made = dict(Template.from_stack(stack).to_json())
    alarms = {name: alarm for kind in runbooks.ALARMS for name, alarm in runbooks.resources(made, kind).items()}
    assert {name for name, alarm in alarms.items() if topic in alarm["AlarmActions"]} == read
    return {**made, "Resources": {name: made["Resources"][name] for name in read}}


def test_alarms_and_pages_name_each_other(template: runbooks.Template) -> None:
    runbooks.check_that_alarms_and_pages_name_each_other({"Servers": template}, FOLDER, linked=[SIZE, *OF_BOARDS])
    assert "(size.md)" in (runbooks.ROOT / FOLDER / "dead-letter-queue.md").read_text()


@pytest.mark.parametrize("page", sorted(runbooks.pages(FOLDER)))
def test_a_page_is_whole(page: str) -> None:
    runbooks.check_that_a_page_is_whole(page)


def test_the_index_names_every_pattern_with_servers() -> None:
    index = (runbooks.ROOT / FOLDER / "index.md").read_text()
    patterns = (
        *(InMemoryCache, MonitoringIntegration, QueueWorkers, RegionMesh, ReplicatedDatabase, ScaleOutService),
        *(ScaleUp, ServiceNetwork, SharedFiles, SorryPage, Stamp, WeightedTransition),
    )
    assert [pattern.__name__ for pattern in patterns if f"[{pattern.__name__}]" not in index] == []
