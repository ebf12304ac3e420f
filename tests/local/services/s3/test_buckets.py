"""S3: presigned posts, CORS, configuration and policies of a bucket."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.services.s3.uploads import ORIGIN, REGION, TEMPLATE, Uploads


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
