"""A role that may touch one partition key of a table is refused the others."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

TEMPLATE = {
    "Resources": {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "owner", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
            },
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                },
                "Policies": [
                    {
                        "PolicyName": "OneOwner",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": ["dynamodb:*Item", "dynamodb:Query"],
                                    "Resource": {"Fn::GetAtt": ["Table", "Arn"]},
                                    "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}},
                                }
                            ],
                        },
                    }
                ],
            },
        },
    },
    "Outputs": {"Table": {"Value": {"Ref": "Table"}}, "Role": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
}


@pytest.mark.parametrize(
    ("operation", "request_for"),
    [
        ("get_item", lambda owner: {"Key": {"owner": {"S": owner}}}),
        ("put_item", lambda owner: {"Item": {"owner": {"S": owner}, "note": {"S": "x"}}}),
        ("update_item", lambda owner: {"Key": {"owner": {"S": owner}}, "UpdateExpression": "REMOVE note"}),
        ("delete_item", lambda owner: {"Key": {"owner": {"S": owner}}}),
        (
            "query",
            lambda owner: {
                "KeyConditionExpression": "#key = :owner",
                "ExpressionAttributeNames": {"#key": "owner"},
                "ExpressionAttributeValues": {":owner": {"S": owner}},
            },
        ),
    ],
)
def test_only_the_own_partition_key_is_allowed(
    cloud: LocalCloud, one_owner: dict[str, str], *, operation: str, request_for: Any
) -> None:
    credentials = cloud.client("sts").assume_role(RoleArn=one_owner["Role"], RoleSessionName="test")["Credentials"]
    call = getattr(cloud.client("dynamodb", credentials=credentials), operation)
    call(TableName=one_owner["Table"], **request_for("mine"))
    with pytest.raises(ClientError, match="AccessDenied"):
        call(TableName=one_owner["Table"], **request_for("yours"))


@pytest.fixture(scope="module")
def one_owner(stacks: Any) -> dict[str, str]:
    outputs: dict[str, str] = stacks.deploy(TEMPLATE)
    return outputs


@pytest.mark.parametrize(
    ("operation", "request_for"),
    [
        ("batch_get_item", lambda table, owners: {"RequestItems": {table: {"Keys": keys(owners)}}}),
        (
            "batch_write_item",
            lambda table, owners: {"RequestItems": {table: [{"PutRequest": {"Item": key}} for key in keys(owners)]}},
        ),
        (
            "transact_get_items",
            lambda table, owners: {
                "TransactItems": [{"Get": {"TableName": table, "Key": key}} for key in keys(owners)]
            },
        ),
        (
            "transact_write_items",
            lambda table, owners: {
                "TransactItems": [{"Put": {"TableName": table, "Item": key}} for key in keys(owners)]
            },
        ),
    ],
)
def test_every_item_of_a_batch_or_a_transaction_counts(
    cloud: LocalCloud, one_owner: dict[str, str], *, operation: str, request_for: Any
) -> None:
    credentials = cloud.client("sts").assume_role(RoleArn=one_owner["Role"], RoleSessionName="test")["Credentials"]
    call = getattr(cloud.client("dynamodb", credentials=credentials), operation)
    call(**request_for(one_owner["Table"], ["mine"]))
    for owners in (["yours"], ["mine", "yours"]):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(**request_for(one_owner["Table"], owners))


def keys(owners: list[str]) -> list[dict[str, Any]]:
    return [{"owner": {"S": owner}} for owner in owners]
