"""S3: objects are copied to another bucket as the rules of a template say."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.local.resources import allow, arn, role

VERSIONED = {"VersioningConfiguration": {"Status": "Enabled"}}
BY_TAG = {"And": {"Prefix": "tagged/", "TagFilters": [{"Key": "kept", "Value": "yes"}]}}


def _rule(priority: int, filters: dict[str, Any]) -> dict[str, Any]:
    return {
        "Id": f"rule-{priority}",
        "Priority": priority,
        "Status": "Enabled",
        "Filter": filters,
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": arn("Target")},
    }


@pytest.fixture(scope="module")
def buckets(cloud: LocalCloud, stacks: Any) -> Iterator[dict[str, str]]:
    rules = [_rule(1, {"Prefix": "all/"}), _rule(2, BY_TAG)]
    source = {**VERSIONED, "ReplicationConfiguration": {"Role": arn("Role"), "Rules": rules}}
    objects = {"Fn::Sub": "${Target.Arn}/*"}
    resources = {
        "Role": role(allow("s3:ReplicateObject", objects), service="s3"),
        "Target": {"Type": "AWS::S3::Bucket", "Properties": VERSIONED},
        "Source": {"Type": "AWS::S3::Bucket", "Properties": source},
    }
    outputs: dict[str, str] = stacks.deploy(
        {"Resources": resources, "Outputs": {name: {"Value": {"Ref": name}} for name in ("Source", "Target")}}
    )
    yield outputs
    s3 = cloud.client("s3")
    for bucket in outputs.values():
        for version in s3.list_object_versions(Bucket=bucket).get("Versions", []):
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def test_the_rules_of_a_template_are_those_of_the_bucket(cloud: LocalCloud, buckets: dict[str, str]) -> None:
    found = cloud.client("s3").get_bucket_replication(Bucket=buckets["Source"])["ReplicationConfiguration"]["Rules"]
    assert {rule["ID"]: rule["Filter"] for rule in found} == {
        "rule-1": {"Prefix": "all/"},
        "rule-2": {"And": {"Prefix": "tagged/", "Tags": [{"Key": "kept", "Value": "yes"}]}},
    }


def test_what_a_rule_names_is_copied_and_the_rest_is_not(cloud: LocalCloud, buckets: dict[str, str]) -> None:
    s3 = cloud.client("s3")

    def copied(key: str) -> bytes | None:
        try:
            return bytes(s3.get_object(Bucket=buckets["Target"], Key=key)["Body"].read())
        except ClientError:
            return None

    s3.put_object(Bucket=buckets["Source"], Key="tagged/no", Body=b"2")
    s3.put_object(Bucket=buckets["Source"], Key="other/no", Body=b"4")
    s3.put_object(Bucket=buckets["Source"], Key="tagged/yes", Body=b"3", Tagging="kept=yes")
    s3.put_object(Bucket=buckets["Source"], Key="all/a", Body=b"1")
    assert eventually(lambda: copied("all/a"), within=10, what="the copy") == b"1"
    assert eventually(lambda: copied("tagged/yes"), within=10, what="the copy by its tag") == b"3"
    assert copied("tagged/no") is None
    assert copied("other/no") is None
