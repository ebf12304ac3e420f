"""Tables as this library makes them."""

from typing import Any

import pytest
from aws_cdk import App, Environment, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template

from cdp_constructs.core.tables import add_table, key_of


def table_of(stack: Stack) -> dict[str, Any]:
    ((_, table),) = Template.from_stack(stack).find_resources("AWS::DynamoDB::GlobalTable").items()
    return dict(table)


@pytest.mark.parametrize("environment", [None, Environment(region="eu-west-1")], ids=["no region", "region"])
def test_key_encrypts_the_table_whether_the_region_is_known_or_not(environment: Environment | None) -> None:
    stack = Stack(App(), "Service", env=environment)
    key = kms.Key(stack, "Key")
    table = add_table(stack, "Table", partition_key="pk", encryption_key=key, removal_policy=RemovalPolicy.RETAIN)
    assert key_of(table, key) is not None
    properties = table_of(stack)["Properties"]
    assert properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    (replica,) = properties["Replicas"]
    assert "Arn" in str(replica["SSESpecification"]["KMSMasterKeyId"])


def test_table_is_kept_recoverable_and_protected_unless_it_shall_go() -> None:
    kept, gone = Stack(), Stack()
    add_table(kept, "Table", partition_key="pk", removal_policy=RemovalPolicy.RETAIN)
    add_table(gone, "Table", partition_key="pk", removal_policy=RemovalPolicy.DESTROY, expires=False)
    for stack, protected, policy in ((kept, True, "Retain"), (gone, False, "Delete")):
        table = table_of(stack)
        (replica,) = table["Properties"]["Replicas"]
        assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert (replica["DeletionProtectionEnabled"], table["DeletionPolicy"]) == (protected, policy)
        assert ("TimeToLiveSpecification" in table["Properties"]) is protected


def test_key_of_an_existing_table_is_its_own() -> None:
    stack = Stack()
    table = dynamodb.TableV2.from_table_arn(stack, "Table", "arn:aws:dynamodb:us-east-1:111122223333:table/existing")
    assert key_of(table, None) is None
