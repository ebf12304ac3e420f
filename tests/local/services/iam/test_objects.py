"""IAM: which objects a statement is about, whatever characters and slashes their keys have."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

BUCKET = "keys-of-any-kind"
KEYS = ("files/x", "files//x", "files/", "files/cr\r\nlf.txt", "files/x\n", "/leading.txt", "/", "filesx", "Files/x")


@pytest.fixture(scope="module")
def reader(cloud: LocalCloud) -> Iterator[Callable[[str], Any]]:
    """Return what makes a client of S3 for a user who may read some objects of a bucket."""
    s3, iam = cloud.client("s3"), cloud.client("iam")
    s3.create_bucket(Bucket=BUCKET)
    for key in KEYS:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    iam.create_user(UserName="reader-of-keys")
    key_pair = iam.create_access_key(UserName="reader-of-keys")["AccessKey"]

    def may_read(keys: str) -> Any:
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/{keys}"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="reader-of-keys", PolicyName="one", PolicyDocument=document)
        return cloud.client("s3", credentials=(key_pair["AccessKeyId"], key_pair["SecretAccessKey"]))

    yield may_read
    iam.delete_user_policy(UserName="reader-of-keys", PolicyName="one")
    iam.delete_access_key(UserName="reader-of-keys", AccessKeyId=key_pair["AccessKeyId"])
    iam.delete_user(UserName="reader-of-keys")
    for key in KEYS:
        s3.delete_object(Bucket=BUCKET, Key=key)
    s3.delete_bucket(Bucket=BUCKET)


@pytest.mark.parametrize(
    ("allowed", "readable"),
    [
        ("files/*", {"files/x", "files//x", "files/", "files/cr\r\nlf.txt", "files/x\n"}),
        ("files/x", {"files/x"}),
        ("files/?x", {"files//x"}),
        ("files/x?", {"files/x\n"}),
        ("/*", {"/leading.txt", "/"}),
        ("*.txt", {"files/cr\r\nlf.txt", "/leading.txt"}),
    ],
)
def test_a_statement_is_about_exactly_its_keys(reader: Callable[[str], Any], allowed: str, readable: set[str]) -> None:
    s3 = reader(allowed)
    assert {key for key in KEYS if is_readable(s3, key)} == readable


def is_readable(s3: Any, key: str) -> bool:
    code = ""
    try:
        s3.get_object(Bucket=BUCKET, Key=key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
    assert code in {"", "AccessDenied"}
    return not code
