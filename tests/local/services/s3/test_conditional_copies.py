"""S3: a copy on the condition that there is nothing yet, or what the caller knows."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

REGION = "ap-northeast-1"
BUCKET = "conditional-copies"


@pytest.fixture
def s3(cloud: LocalCloud) -> Iterator[Any]:
    s3 = cloud.client("s3", REGION)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield s3
    for version in s3.list_object_versions(Bucket=BUCKET)["Versions"]:
        s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=BUCKET)


def test_a_copy_on_a_condition_replaces_nothing_else(s3: Any) -> None:
    for key in ("first", "second"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())

    def copy(key: str, **condition: str) -> None:
        s3.copy_object(Bucket=BUCKET, Key="target", CopySource={"Bucket": BUCKET, "Key": key}, **condition)

    copy("first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        copy("second", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        copy("second", IfMatch='"another"')
    target = s3.get_object(Bucket=BUCKET, Key="target")
    assert target["Body"].read() == b"first"
    versions = s3.list_object_versions(Bucket=BUCKET, Prefix="target")["Versions"]
    assert len(versions) == 1
    copy("second", IfMatch=target["ETag"])
    assert s3.get_object(Bucket=BUCKET, Key="target")["Body"].read() == b"second"
