"""ECS Exec is refused: nobody would serve the session."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

REGION = "ap-southeast-2"


@pytest.fixture
def task(cloud: LocalCloud) -> str:
    """A task that is described only, since nobody has made its image here."""
    ecs = cloud.client("ecs", region=REGION)
    container = {"name": "web", "image": "public.ecr.aws/nginx/nginx:1.27", "memory": 64}
    ecs.register_task_definition(family="exec", containerDefinitions=[container])
    [started] = ecs.run_task(taskDefinition="exec", enableExecuteCommand=True)["tasks"]
    return str(started["taskArn"])


def _refusal(cloud: LocalCloud, task: str) -> Any:
    with pytest.raises(ClientError) as refusal:
        cloud.client("ecs", region=REGION).execute_command(task=task, command="/bin/sh", interactive=True)
    return refusal.value.response["Error"]


def test_a_session_in_a_container_is_refused(cloud: LocalCloud, task: str) -> None:
    error = _refusal(cloud, task)
    assert error["Code"] == "TargetNotConnectedException"
    assert "no SSM Agent in containers" in error["Message"]


def test_a_task_that_is_not_there_is_missed_first(cloud: LocalCloud) -> None:
    assert _refusal(cloud, "0" * 32)["Code"] == "InvalidParameterException"
