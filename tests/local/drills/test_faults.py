"""Faults: operations of a service in one Region fail as long as a test wants."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.services.dynamodb.tables import OREGON, STACK, TOKYO, item, read, table_template


@pytest.fixture(scope="module")
def table(stacks: Any) -> str:
    outputs = stacks.deploy(table_template(TOKYO, OREGON), region=TOKYO, name=STACK)
    assert outputs["Arn"] == f"arn:aws:dynamodb:{TOKYO}:000000000000:table/{outputs['Name']}"
    assert outputs["StreamArn"].startswith(outputs["Arn"] + "/stream/")
    name: str = outputs["Name"]
    return name


@pytest.fixture
def tokyo(cloud: LocalCloud) -> Any:
    return cloud.client("dynamodb", region=TOKYO)


@pytest.fixture
def oregon(cloud: LocalCloud) -> Any:
    return cloud.client("dynamodb", region=OREGON)


def test_an_injected_fault_meets_one_operation_of_one_region_until_it_ends(
    table: str, tokyo: Any, oregon: Any, cloud: LocalCloud
) -> None:
    with cloud.inject_fault("dynamodb", TOKYO, operation="GetItem"):
        with pytest.raises(ClientError) as failure:
            read(tokyo, table, "put")
        assert failure.value.response["Error"]["Code"] == "InternalServerError"
        assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        tokyo.put_item(TableName=table, Item=item("writable"))
        read(oregon, table, "put")
    assert read(tokyo, table, "writable")


def test_a_delay_meets_one_service_of_one_region_until_it_ends_and_nothing_fails(
    table: str, tokyo: Any, oregon: Any, cloud: LocalCloud
) -> None:
    def seconds(client: Any) -> float:
        started = time.monotonic()
        read(client, table, "slow")
        return time.monotonic() - started

    with cloud.inject_delay("dynamodb", TOKYO, 2.0):
        assert seconds(tokyo) >= 2.0
        assert seconds(oregon) < 2.0
    assert seconds(tokyo) < 2.0


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("sqs", lambda client: client.list_queues()),
        ("sns", lambda client: client.list_topics()),
        ("s3", lambda client: client.list_objects_v2(Bucket="any")),
        ("lambda", lambda client: client.list_functions()),
        ("kms", lambda client: client.list_keys()),
        ("cloudwatch", lambda client: client.list_metrics()),
    ],
)
def test_a_fault_reaches_the_client_as_the_error_of_the_service(
    cloud: LocalCloud, service: str, call: Callable[[Any], Any]
) -> None:
    with (
        cloud.inject_fault(service, TOKYO, error="ThrottlingException"),
        pytest.raises(ClientError) as failure,
    ):
        call(cloud.client(service, region=TOKYO))
    assert failure.value.response["Error"]["Code"] == "ThrottlingException"
