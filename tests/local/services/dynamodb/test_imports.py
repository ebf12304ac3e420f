"""Tables that begin with the items of objects in S3."""

from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud


def _table(bucket: str, prefix: str, kind: str) -> dict[str, Any]:
    source = {"InputFormat": kind, "S3BucketSource": {"S3Bucket": bucket, "S3KeyPrefix": prefix}}
    properties = {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "ImportSourceSpecification": source,
    }
    return {"Type": "AWS::DynamoDB::Table", "Properties": properties}


@pytest.fixture(scope="module")
def bucket(cloud: LocalCloud) -> str:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="conformance-imports")
    texts = {"json/a": '{"Item": {"id": {"S": "1"}, "n": {"N": "7"}}}\n', "csv/a": "id,name\n2,Ann\n", "bad/a": "{}\n"}
    for key, text in texts.items():
        s3.put_object(Bucket="conformance-imports", Key=key, Body=text.encode())
    return "conformance-imports"


def test_items_of_both_formats_are_there(cloud: LocalCloud, stacks: Any, bucket: str) -> None:
    outputs = stacks.deploy(
        {
            "Resources": {"Json": _table(bucket, "json/", "DYNAMODB_JSON"), "Csv": _table(bucket, "csv/", "CSV")},
            "Outputs": {name: {"Value": {"Ref": name}} for name in ("Json", "Csv")},
        }
    )
    dynamodb = cloud.client("dynamodb")
    assert dynamodb.scan(TableName=outputs["Json"])["Items"] == [{"id": {"S": "1"}, "n": {"N": "7"}}]
    assert dynamodb.scan(TableName=outputs["Csv"])["Items"] == [{"id": {"S": "2"}, "name": {"S": "Ann"}}]


@pytest.mark.parametrize(
    ("prefix", "kind", "reason"), [("bad/", "DYNAMODB_JSON", "ItemValidation"), ("json/", "ION", "ION")]
)
def test_an_import_that_fails_fails_the_stack(stacks: Any, bucket: str, prefix: str, kind: str, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        stacks.deploy({"Resources": {"Table": _table(bucket, prefix, kind)}})


def test_a_table_is_imported_once_whatever_becomes_of_its_namesake(
    cloud: LocalCloud, stacks: Any, bucket: str, name: Callable[[str], str]
) -> None:
    own, stack, elsewhere = name("imported"), name("imported"), "eu-west-1"
    made = _table(bucket, "csv/", "CSV")
    made["Properties"]["TableName"] = own
    stacks.deploy({"Resources": {"Table": made}}, name=stack)
    namesake = {key: value for key, value in made["Properties"].items() if key != "ImportSourceSpecification"}
    stacks.deploy({"Resources": {"Table": {**made, "Properties": namesake}}}, name=stack, region=elsewhere)
    stacks.delete(stack, region=elsewhere)
    cloud.client("dynamodb").delete_item(TableName=own, Key={"id": {"S": "2"}})
    made["Properties"]["Tags"] = [{"Key": "changed", "Value": "yes"}]
    stacks.deploy({"Resources": {"Table": made}}, name=stack)
    assert cloud.client("dynamodb").scan(TableName=own)["Items"] == []
