"""S3: keys and metadata that are too long, copies that change nothing, and forms whose file is not the last field."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud


@pytest.fixture
def s3(cloud: LocalCloud) -> Any:
    return cloud.client("s3")


@pytest.fixture
def bucket(s3: Any, name: Callable[[str], str]) -> str:
    own = name("sizes")
    s3.create_bucket(Bucket=own)
    return own


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def test_a_key_has_1024_bytes(s3: Any, bucket: str) -> None:
    long, longer = "あ" * 341 + "k", "あ" * 342
    s3.put_object(Bucket=bucket, Key=long, Body=b"x")
    for call in (
        lambda: s3.put_object(Bucket=bucket, Key=longer, Body=b"x"),
        lambda: s3.create_multipart_upload(Bucket=bucket, Key=longer),
        lambda: s3.copy_object(Bucket=bucket, Key=longer, CopySource={"Bucket": bucket, "Key": long}),
    ):
        assert code_of(call) == "KeyTooLongError"


def test_metadata_has_2_kilobytes(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "x" * 2047})
    for call in (
        lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "x" * 2048}),
        lambda: s3.create_multipart_upload(Bucket=bucket, Key="k", Metadata={"a": "x" * 1500, "b": "x" * 600}),
    ):
        assert code_of(call) == "MetadataTooLarge"


def test_a_copy_onto_itself_changes_something(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b+c.txt", Body=b"x")
    copy = {"Bucket": bucket, "Key": "a b+c.txt", "CopySource": {"Bucket": bucket, "Key": "a b+c.txt"}}
    assert code_of(lambda: s3.copy_object(**copy)) == "InvalidRequest"
    s3.copy_object(**copy, MetadataDirective="REPLACE", Metadata={"seen": "yes"})
    assert s3.head_object(Bucket=bucket, Key="a b+c.txt")["Metadata"] == {"seen": "yes"}


def test_fields_of_a_form_that_follow_its_file_are_not_read(s3: Any, bucket: str) -> None:
    form = s3.generate_presigned_post(bucket, "form.txt")
    file = ("file", ("a.txt", b"x"))
    fields = [(name, (None, value)) for name, value in form["fields"].items()]
    assert httpx.post(form["url"], files=[file, *fields]).is_client_error
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert httpx.post(form["url"], files=[*fields, file]).status_code == 204
