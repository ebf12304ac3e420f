"""The function that changes sizes: what it asks of Amazon ECS and RDS, and what it refuses."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from pydantic import ValidationError

from tests.handlers import import_handler

DEFINITION = "arn:aws:ecs:us-east-1:111122223333:task-definition/shop:7"
REGION = "us-east-1"


def handle(monkeypatch: pytest.MonkeyPatch, client: Any, event: dict[str, Any], **variables: str) -> None:
    for name in ("CLUSTER", "SERVICE", "DATABASE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "client", lambda _service: client)
    import_handler("cdp_constructs.compute.handlers.scale_up").handler(event, None)


def test_a_service_uses_another_task_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("ecs", region_name=REGION)
    with Stubber(client) as stub:
        wanted = {"cluster": "shop", "service": "web", "taskDefinition": DEFINITION}
        stub.add_response("update_service", {}, wanted)
        handle(monkeypatch, client, {"task_definition": DEFINITION}, CLUSTER="shop", SERVICE="web")
        stub.assert_no_pending_responses()


def test_a_database_has_another_capacity(monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("rds", region_name=REGION)
    with Stubber(client) as stub:
        capacity = {"MinCapacity": 0.5, "MaxCapacity": 16.0}
        wanted = {"DBClusterIdentifier": "orders", "ServerlessV2ScalingConfiguration": capacity}
        stub.add_response("modify_db_cluster", {}, wanted)
        handle(monkeypatch, client, {"min_capacity": 0.5, "max_capacity": 16}, DATABASE="orders")
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    "event",
    [{}, {"task_definition": 7}, {"task_definition": DEFINITION, "desired_count": 0}, {"min_capacity": 1}],
)
def test_another_event_changes_nothing(monkeypatch: pytest.MonkeyPatch, event: dict[str, Any]) -> None:
    client = boto3.client("ecs", region_name=REGION)
    with Stubber(client), pytest.raises(ValidationError):
        handle(monkeypatch, client, event, CLUSTER="shop", SERVICE="web")


def test_what_amazon_ecs_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("ecs", region_name=REGION)
    with Stubber(client) as stub:
        stub.add_client_error("update_service", "ServiceNotActiveException")
        with pytest.raises(client.exceptions.ServiceNotActiveException):
            handle(monkeypatch, client, {"task_definition": DEFINITION}, CLUSTER="shop", SERVICE="web")
