"""S3: presigned posts, CORS, events to encrypted queues and topics, versions, policies."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

REGION = "ap-northeast-1"
ORIGIN = "https://chat.example.com"


def allow_service(service: str, actions: list[str], resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": actions, "Resource": resource}


def deny_plain_http(action: str, *resources: Any) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


ROOT = {
    "Effect": "Allow",
    "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
    "Action": "kms:*",
    "Resource": "*",
}
QUEUE_ARN = {"Fn::GetAtt": ["Queue", "Arn"]}

TEMPLATE = {
    "Resources": {
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {
                "KeyPolicy": policy(
                    ROOT,
                    allow_service("s3.amazonaws.com", ["kms:GenerateDataKey*", "kms:Decrypt"], "*"),
                    allow_service("sns.amazonaws.com", ["kms:GenerateDataKey*", "kms:Decrypt"], "*"),
                )
            },
        },
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": policy(
                    allow_service("s3.amazonaws.com", ["sqs:SendMessage"], QUEUE_ARN),
                    allow_service("sns.amazonaws.com", ["sqs:SendMessage"], QUEUE_ARN),
                    deny_plain_http("sqs:*", QUEUE_ARN),
                ),
            },
        },
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
        "TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "Topic"}],
                "PolicyDocument": policy(allow_service("s3.amazonaws.com", ["sns:Publish"], {"Ref": "Topic"})),
            },
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "sqs",
                "Endpoint": QUEUE_ARN,
                "RawMessageDelivery": True,
            },
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "DependsOn": ["QueuePolicy", "TopicPolicy"],
            "Properties": {
                "VersioningConfiguration": {"Status": "Enabled"},
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}
                    ]
                },
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "incomplete",
                            "Status": "Enabled",
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                        },
                        {"Id": "unconfirmed", "Status": "Enabled", "Prefix": "incoming/", "ExpirationInDays": 1},
                    ]
                },
                "CorsConfiguration": {
                    "CorsRules": [
                        {
                            "AllowedMethods": ["POST", "GET"],
                            "AllowedOrigins": [ORIGIN],
                            "AllowedHeaders": ["*"],
                            "ExposedHeaders": ["ETag"],
                            "MaxAge": 300,
                        }
                    ]
                },
                "NotificationConfiguration": {
                    "QueueConfigurations": [
                        {
                            "Event": "s3:ObjectCreated:*",
                            "Queue": QUEUE_ARN,
                            "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "incoming/"}]}},
                        }
                    ],
                    "TopicConfigurations": [{"Event": "s3:ObjectRemoved:*", "Topic": {"Ref": "Topic"}}],
                },
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": policy(
                    deny_plain_http("s3:*", {"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket.Arn}/*"})
                ),
            },
        },
        "Uploader": {
            "Type": "AWS::IAM::User",
            "Properties": {
                "Policies": [
                    {
                        "PolicyName": "upload",
                        "PolicyDocument": policy(
                            {
                                "Effect": "Allow",
                                "Action": "s3:PutObject",
                                "Resource": {"Fn::Sub": "${Bucket.Arn}/incoming/*"},
                            }
                        ),
                    }
                ]
            },
        },
    },
    "Outputs": {
        "Bucket": {"Value": {"Ref": "Bucket"}},
        "Queue": {"Value": {"Ref": "Queue"}},
        "Uploader": {"Value": {"Ref": "Uploader"}},
    },
}


class Uploads:
    """The deployed bucket, and a user who may upload into one prefix."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str], credentials: dict[str, str]) -> None:
        self.bucket, self.queue = outputs["Bucket"], outputs["Queue"]
        self.root = cloud.client("s3", region=REGION)
        self.user = cloud.client("s3", region=REGION, credentials=credentials)
        self.sqs = cloud.client("sqs", region=REGION)

    def form(self, key: str = "incoming/ann/${filename}", expires: int = 60) -> dict[str, Any]:
        """Return a form as the upload pattern issues it: 1 byte to 1 kB, an image, below a prefix."""
        conditions = [
            ["content-length-range", 1, 1024],
            ["starts-with", "$Content-Type", "image/"],
            {"x-amz-meta-room": "lobby"},
        ]
        form: dict[str, Any] = self.user.generate_presigned_post(
            self.bucket, key, Fields={"x-amz-meta-room": "lobby"}, Conditions=conditions, ExpiresIn=expires
        )
        return form

    def events(self) -> list[dict[str, Any]]:
        """Take what the queue has and return the records of S3 in it."""
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        records = []
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            records += json.loads(message["Body"]).get("Records", [])
        return records


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


def post(form: dict[str, Any], content: bytes = b"JPEG", changed: dict[str, str] | None = None) -> httpx.Response:
    data = {**form["fields"], "Content-Type": "image/jpeg", **(changed or {})}
    return httpx.post(form["url"], data=data, files={"file": ("cat.jpg", content)})


def test_a_presigned_post_uploads_what_its_conditions_allow(uploads: Uploads) -> None:
    answer = post(uploads.form())
    assert answer.status_code == 204, answer.text
    stored = uploads.root.get_object(Bucket=uploads.bucket, Key="incoming/ann/cat.jpg")
    assert (stored["Body"].read(), stored["ContentType"], stored["Metadata"]) == (
        b"JPEG",
        "image/jpeg",
        {"room": "lobby"},
    )


def test_a_presigned_post_refuses_everything_else(uploads: Uploads) -> None:
    form = uploads.form("incoming/ann/refused")
    changed = {**form, "fields": {**form["fields"], "policy": form["fields"]["policy"][:-8] + "AAAAAAAA"}}
    refused = {
        "too large": post(form, b"x" * 1025),
        "empty": post(form, b""),
        "wrong type": post(form, changed={"Content-Type": "application/x-msdownload"}),
        "other key": post(form, changed={"key": "incoming/bob/cat.jpg"}),
        "other metadata": post(form, changed={"x-amz-meta-room": "other"}),
        "field without condition": post(form, changed={"x-amz-meta-extra": "1"}),
        "wrong signature": post(form, changed={"x-amz-signature": "0" * 64}),
        "changed policy": post(changed),
        "expired": post(uploads.form("incoming/ann/refused", expires=-10)),
        "beyond the signer's permissions": post(uploads.form("elsewhere/cat.jpg")),
    }
    statuses = {name: answer.status_code for name, answer in refused.items()}
    assert {name: status for name, status in statuses.items() if status not in {400, 403}} == {}
    assert refused["too large"].text.count("EntityTooLarge") >= 1
    keys = [entry["Key"] for entry in uploads.root.list_objects_v2(Bucket=uploads.bucket).get("Contents", [])]
    assert [key for key in keys if key != "incoming/ann/cat.jpg"] == []


def test_preflights_are_answered_for_named_origins_only(cloud: LocalCloud, uploads: Uploads) -> None:
    url = f"{cloud.endpoint}/{uploads.bucket}"
    headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    allowed = httpx.options(url, headers={"Origin": ORIGIN, **headers})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "POST" in allowed.headers["access-control-allow-methods"]
    refused = httpx.options(url, headers={"Origin": "https://evil.example", **headers})
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers


def test_the_answer_to_a_post_carries_cors_headers(uploads: Uploads) -> None:
    form = uploads.form()
    data = {**form["fields"], "Content-Type": "image/jpeg"}
    answer = httpx.post(form["url"], data=data, files={"file": ("cat.jpg", b"JPEG")}, headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN


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


def test_what_a_bucket_is_configured_with_is_kept(uploads: Uploads) -> None:
    rules = uploads.root.get_bucket_lifecycle_configuration(Bucket=uploads.bucket)["Rules"]
    assert [rule["ID"] for rule in rules] == ["incomplete", "unconfirmed"]
    assert rules[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert (rules[1]["Filter"], rules[1]["Expiration"]) == ({"Prefix": "incoming/"}, {"Days": 1})
    encryption = uploads.root.get_bucket_encryption(Bucket=uploads.bucket)["ServerSideEncryptionConfiguration"]
    assert encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    ownership = uploads.root.get_bucket_ownership_controls(Bucket=uploads.bucket)["OwnershipControls"]
    assert ownership["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert uploads.root.get_bucket_versioning(Bucket=uploads.bucket)["Status"] == "Enabled"


def test_the_user_reads_nothing(cloud: LocalCloud, uploads: Uploads) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        uploads.user.get_object(Bucket=uploads.bucket, Key="incoming/ann/cat.jpg")
    assert httpx.get(f"{cloud.endpoint}/{uploads.bucket}/incoming/ann/cat.jpg").status_code == 403
