"""S3: notifications to encrypted queues and topics."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.s3.uploads import REGION, TEMPLATE, Uploads


@pytest.fixture(scope="module")
def uploads(cloud: LocalCloud, stacks: Any) -> Iterator[Uploads]:
    outputs = stacks.deploy(TEMPLATE, region=REGION)
    iam = cloud.client("iam")
    key = iam.create_access_key(UserName=outputs["Uploader"])["AccessKey"]
    uploads = Uploads(cloud, outputs, key)
    yield uploads
    iam.delete_access_key(UserName=outputs["Uploader"], AccessKeyId=key["AccessKeyId"])
    for page in uploads.root.get_paginator("list_object_versions").paginate(Bucket=uploads.bucket):
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            uploads.root.delete_object(Bucket=uploads.bucket, Key=version["Key"], VersionId=version["VersionId"])


def test_events_reach_an_encrypted_queue_with_growing_sequencers(
    uploads: Uploads, eventually: Callable[..., Any]
) -> None:
    key = "incoming/ann/a b+ü.jpg"
    versions = [uploads.root.put_object(Bucket=uploads.bucket, Key=key, Body=b"1")["VersionId"] for _ in range(3)]
    seen: list[dict[str, Any]] = []

    def received() -> bool:
        seen.extend(record["s3"]["object"] for record in uploads.events())
        return {item.get("versionId") for item in seen} >= set(versions)

    eventually(received)
    ours = [item for item in seen if item.get("versionId") in versions]
    assert {item["key"] for item in ours} == {"incoming/ann/a+b%2B%C3%BC.jpg"}
    sequencers = {item["versionId"]: item["sequencer"].rjust(40, "0") for item in ours}
    assert [sequencers[version] for version in versions] == sorted(sequencers.values())
    assert len(set(sequencers.values())) == 3
    assert {item["size"] for item in ours} == {1}


def test_removals_reach_an_encrypted_topic(uploads: Uploads, eventually: Callable[..., Any]) -> None:
    key = "incoming/ann/removed.jpg"
    uploads.root.put_object(Bucket=uploads.bucket, Key=key, Body=b"1")
    marker = uploads.root.delete_object(Bucket=uploads.bucket, Key=key)
    assert marker["DeleteMarker"]
    seen: list[str] = []

    def received() -> bool:
        seen.extend(record["eventName"] for record in uploads.events() if record["s3"]["object"]["key"] == key)
        return "ObjectRemoved:DeleteMarkerCreated" in seen

    eventually(received)
    with pytest.raises(uploads.root.exceptions.NoSuchKey):
        uploads.root.get_object(Bucket=uploads.bucket, Key=key)
    uploads.root.delete_object(Bucket=uploads.bucket, Key=key, VersionId=marker["VersionId"])
    assert uploads.root.get_object(Bucket=uploads.bucket, Key=key)["Body"].read() == b"1"


def test_multipart_uploads_give_one_event(uploads: Uploads, eventually: Callable[..., Any]) -> None:
    key = "incoming/ann/large.bin"
    place = {"Bucket": uploads.bucket, "Key": key}
    upload = uploads.root.create_multipart_upload(**place)["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": uploads.root.upload_part(**place, UploadId=upload, PartNumber=number, Body=b"x" * 5 * 2**20)[
                "ETag"
            ],
        }
        for number in (1, 2)
    ]
    uploads.root.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
    seen: list[tuple[str, int]] = []

    def received() -> bool:
        records = [record for record in uploads.events() if record["s3"]["object"]["key"] == key]
        seen.extend((record["eventName"], record["s3"]["object"]["size"]) for record in records)
        return bool(seen)

    eventually(received)
    assert seen == [("ObjectCreated:CompleteMultipartUpload", 10 * 2**20)]


def test_rules_of_a_notification_are_named_as_s3_names_them(cloud: LocalCloud) -> None:
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    s3.create_bucket(Bucket="named-rules")
    url = sqs.create_queue(QueueName="named-rules")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    rules = [{"Name": "suffix", "Value": ".png"}, {"Name": "prefix", "Value": "a/"}]
    wanted = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
    s3.put_bucket_notification_configuration(
        Bucket="named-rules", NotificationConfiguration={"QueueConfigurations": [wanted]}
    )
    [kept] = s3.get_bucket_notification_configuration(Bucket="named-rules")["QueueConfigurations"]
    assert kept["Filter"]["Key"]["FilterRules"] == [
        {"Name": "Prefix", "Value": "a/"},
        {"Name": "Suffix", "Value": ".png"},
    ]
