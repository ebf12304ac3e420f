"""Every alarm of the patterns with servers has a page that says what to do."""

from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sns as sns

from cdp_constructs import InMemoryCache, QueueWorkers, ReplicatedDatabase, ServiceContainer, SharedFiles, alarms_of
from cdp_constructs.core.runbooks import page_of
from tests.stacks import runbooks

FOLDER = "docs/runbooks/servers"


@pytest.fixture(scope="module")
def pages(cdk_context: dict[str, Any]) -> set[str]:
    """The pages that the alarms of all of them name."""
    stack = Stack(App(context=cdk_context), "Servers")
    topic = sns.Topic(stack, "Operators")
    database = ReplicatedDatabase(stack, "Orders", alarm_topic=topic)
    InMemoryCache(stack, "Products", vpc=database.vpc, alarm_topic=topic)
    SharedFiles(stack, "Files", vpc=database.vpc, alarm_topic=topic)
    image = ecs.ContainerImage.from_registry("111122223333.dkr.ecr.us-east-1.amazonaws.com/worker:1")
    QueueWorkers(stack, "Work", container=ServiceContainer(image), vpc=database.vpc, alarm_topic=topic)
    alarms = [alarm for alarm in alarms_of(stack) if not alarm.node.path.endswith("/Start/Alarm")]
    return {page_of(alarm.node.id, FOLDER) for alarm in alarms}


def test_every_alarm_has_a_page_that_is_whole(pages: set[str]) -> None:
    assert len(pages) == 10
    for page in sorted(pages):
        assert (runbooks.ROOT / page).is_file(), page
        runbooks.check_that_a_page_is_whole(page)
