"""What StorageIndex does, seen by the clients of a deployed one."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
import httpx
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from botocore.exceptions import ClientError

from cdp_constructs import DirectObjectUpload, StorageIndex
from cdp_constructs.core.buckets import add_private_bucket
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture, eventually
from docs.examples.storage_index_queries import changed_between, newest_of_owner
from tests.queues import messages_in

REGION = "us-east-1"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@architecture
def archive(stack: Stack) -> None:
    files = add_private_bucket(stack, "Files", event_bridge_enabled=True)
    # With a customer-managed key, so that a missing grant on it would be seen.
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    destroy = RemovalPolicy.DESTROY
    index = StorageIndex(stack, "Index", bucket=files, prefix="files/", encryption_key=key, removal_policy=destroy)
    upload = DirectObjectUpload(
        stack, "Upload", content_types=["image/png"], max_size_mb=1, allowed_origins=["https://www.example.com"]
    )
    # Two patterns work on one bucket, and two indexes on one table.
    StorageIndex(stack, "Uploads", bucket=upload.bucket, prefix=upload.accepted_prefix, table=index.table)
    reader, stranger = (iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal()) for name in ("Reader", "Stranger"))
    index.grant_read(reader)
    outputs = {
        "Bucket": files.bucket_name,
        "UploadBucket": upload.bucket.bucket_name,
        "TableName": index.table.table_name,
        "EventQueue": index.queue.queue_url,
        "Failed": index.dead_letter_queue.queue_url,
        "Reconcile": index.reconciliation_function.function_name,
        "Form": upload.form_function.function_name,
        "ReaderRole": reader.role_arn,
        "StrangerRole": stranger.role_arn,
    }
    for name, value in outputs.items():
        CfnOutput(stack, name, value=value)


class Archive:
    """The deployed archive, and what its clients do with it."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        self.outputs = deployment.outputs["StorageIndexArchive"]
        self.bucket = self.outputs["Bucket"]
        self.s3 = cloud.client("s3", REGION)
        self.sqs = cloud.client("sqs", REGION)
        self.table = self.table_as((*cloud.root.credentials(), None))

    def table_as(self, credentials: tuple[str, str, str | None]) -> Any:
        key, secret, token = credentials
        database = boto3.resource(
            "dynamodb",
            region_name=REGION,
            endpoint_url=self.cloud.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )
        return database.Table(self.outputs["TableName"])

    def as_role(self, role: str) -> Any:
        sts = self.cloud.client("sts", REGION)
        answer = sts.assume_role(RoleArn=self.outputs[role], RoleSessionName="test")["Credentials"]
        return self.table_as((answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]))

    def put(self, key: str, body: bytes = b"1", **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **options)
        return answer

    def item(self, key: str) -> dict[str, Any]:
        answer = self.table.get_item(Key={"object": f"{self.bucket}/{key}"}, ConsistentRead=True)
        item: dict[str, Any] = answer.get("Item", {})
        return item

    def settled(self) -> None:
        """Wait until no event is under way; EventBridge has handed over the last one by then."""
        time.sleep(0.3)
        eventually(lambda: not messages_in(self.sqs, self.outputs["EventQueue"]))

    def inject(self, key: str, sequencer: str, kind: str = "Object Created") -> None:
        """Send an event as S3 would have sent it."""
        detail = {"bucket": {"name": self.bucket}, "object": {"key": key, "sequencer": sequencer}}
        body = json.dumps({"detail-type": kind, "region": REGION, "detail": detail})
        self.sqs.send_message(QueueUrl=self.outputs["EventQueue"], MessageBody=body)

    def reconcile(self) -> dict[str, Any]:
        functions = self.cloud.client("lambda", REGION)
        answer = functions.invoke(FunctionName=self.outputs["Reconcile"], Payload='{"grace_seconds": -5}')
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result


@pytest.fixture(scope="module")
def deployed_archive(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Archive:
    return Archive(local_cloud, deployed(archive))


def test_object_is_recorded_with_its_metadata(deployed_archive: Archive) -> None:
    key = "files/ann/2026/été.txt"
    stored = deployed_archive.put(key, b"hello", ContentType="text/plain", Metadata={"room": "r-1"})
    item = eventually(lambda: deployed_archive.item(key))
    assert item.pop("modified_at").startswith(item.pop("day"))
    assert len(item.pop("sequencer")) == 64
    assert item == {
        "object": f"{deployed_archive.bucket}/{key}",
        "bucket": deployed_archive.bucket,
        "key": key,
        "search_name": "été.txt",
        "owner": "ann",
        "size": 5,
        "etag": stored["ETag"].strip('"'),
        "content_type": "text/plain",
        "metadata": {"room": "r-1"},
        "version_id": stored["VersionId"],
    }


def test_overwritten_object_is_recorded_as_it_is_now(deployed_archive: Archive) -> None:
    deployed_archive.put("files/bob/a.txt", b"1")
    deployed_archive.put("files/bob/a.txt", b"22")
    eventually(lambda: deployed_archive.item("files/bob/a.txt").get("size") == 2)
    assert len(newest_of_owner(deployed_archive.table, "bob")) == 1


def test_deleted_object_leaves_the_lists(deployed_archive: Archive) -> None:
    deployed_archive.put("files/carol/a.txt")
    eventually(lambda: newest_of_owner(deployed_archive.table, "carol"))
    deployed_archive.s3.delete_object(Bucket=deployed_archive.bucket, Key="files/carol/a.txt")
    eventually(lambda: not newest_of_owner(deployed_archive.table, "carol"))
    item = deployed_archive.item("files/carol/a.txt")
    assert item["expires_at"] > time.time() + 15 * 24 * 3600
    assert "size" not in item


def test_deleting_an_old_version_keeps_the_object(deployed_archive: Archive) -> None:
    first = deployed_archive.put("files/dave/a.txt", b"1")["VersionId"]
    deployed_archive.put("files/dave/a.txt", b"22")
    deployed_archive.s3.delete_object(Bucket=deployed_archive.bucket, Key="files/dave/a.txt", VersionId=first)
    deployed_archive.settled()
    assert deployed_archive.item("files/dave/a.txt")["size"] == 2


def test_deleting_a_delete_marker_brings_the_object_back(deployed_archive: Archive) -> None:
    key = "files/erin/a.txt"
    deployed_archive.put(key)
    marker = deployed_archive.s3.delete_object(Bucket=deployed_archive.bucket, Key=key)["VersionId"]
    deployed_archive.s3.delete_object(Bucket=deployed_archive.bucket, Key=key, VersionId=marker)
    deployed_archive.settled()
    assert deployed_archive.item(key)["size"] == 1


def test_late_event_cannot_bring_a_deleted_object_back(deployed_archive: Archive) -> None:
    key = "files/frank/a.txt"
    deployed_archive.inject(key, "00F5", "Object Deleted")
    eventually(lambda: deployed_archive.item(key))
    before = deployed_archive.item(key)
    assert "deleted_at" in before
    deployed_archive.inject(key, "00F4FFFF")
    deployed_archive.settled()
    assert deployed_archive.item(key) == before


def test_events_out_of_order_leave_the_newest_sequencer(deployed_archive: Archive) -> None:
    key = "files/grace/a.txt"
    deployed_archive.put(key)
    recorded = eventually(lambda: deployed_archive.item(key))["sequencer"]
    # Shorter sequencers are filled up on the right: FF comes after FE01, and FE0 is the same as FE.
    for sequencer in ("FE", "FF", "FE01", "FE0", "00"):
        deployed_archive.inject(key, sequencer)
    eventually(lambda: deployed_archive.item(key)["sequencer"] == "FF" + 62 * "0")
    deployed_archive.settled()
    assert recorded < deployed_archive.item(key)["sequencer"] == "FF" + 62 * "0"


def test_poison_event_ends_in_the_dead_letter_queue_and_the_others_are_recorded(deployed_archive: Archive) -> None:
    sqs, outputs = deployed_archive.sqs, deployed_archive.outputs
    visibility = sqs.get_queue_attributes(QueueUrl=outputs["EventQueue"], AttributeNames=["VisibilityTimeout"])
    # The function's five tries would take a quarter of an hour.
    sqs.set_queue_attributes(QueueUrl=outputs["EventQueue"], Attributes={"VisibilityTimeout": "1"})
    sqs.send_message(QueueUrl=outputs["EventQueue"], MessageBody="not an event")
    deployed_archive.put("files/heidi/a.txt")
    eventually(lambda: deployed_archive.item("files/heidi/a.txt"))
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=outputs["Failed"]).get("Messages"), within=30)
    assert message["Body"] == "not an event"
    sqs.delete_message(QueueUrl=outputs["Failed"], ReceiptHandle=message["ReceiptHandle"])
    sqs.set_queue_attributes(QueueUrl=outputs["EventQueue"], Attributes=visibility["Attributes"])


def test_owner_and_time_find_objects(deployed_archive: Archive) -> None:
    for name in ("a", "b", "c"):
        deployed_archive.put(f"files/ivan/{name}.txt")
        time.sleep(1.1)  # S3 keeps whole seconds
    reader = deployed_archive.as_role("ReaderRole")
    eventually(lambda: len(newest_of_owner(reader, "ivan")) == 3)
    newest = newest_of_owner(reader, "ivan", limit=2)
    assert [item["key"] for item in newest] == ["files/ivan/c.txt", "files/ivan/b.txt"]
    found = changed_between(reader, newest[1]["modified_at"], newest[1]["modified_at"])
    assert "files/ivan/b.txt" in [item["key"] for item in found]
    assert "files/ivan/c.txt" not in [item["key"] for item in found]


def test_reconciliation_repairs_both_directions(deployed_archive: Archive) -> None:
    for name in ("lost", "stale", "untouched"):
        deployed_archive.put(f"files/judy/{name}.txt", b"1")
    keys = [f"files/judy/{name}.txt" for name in ("lost", "stale", "untouched")]
    eventually(lambda: all(deployed_archive.item(key) for key in keys))
    deployed_archive.settled()
    deployed_archive.reconcile()

    table, bucket = deployed_archive.table, deployed_archive.bucket
    table.delete_item(Key={"object": f"{bucket}/{keys[0]}"})
    table.put_item(Item={**deployed_archive.item(keys[1]), "etag": "other", "size": 99})
    orphan = {**deployed_archive.item(keys[2]), "object": f"{bucket}/files/judy/gone.txt", "key": "files/judy/gone.txt"}
    table.put_item(Item=orphan)
    untouched = deployed_archive.item(keys[2])

    result = deployed_archive.reconcile()
    assert (result["repaired"], result["finished"]) == (3, True)
    assert [deployed_archive.item(key)["size"] for key in keys] == [1, 1, 1]
    assert "deleted_at" in deployed_archive.item("files/judy/gone.txt")
    assert deployed_archive.item(keys[2]) == untouched
    assert sorted(item["key"] for item in newest_of_owner(table, "judy")) == sorted(keys)
    assert deployed_archive.reconcile()["repaired"] == 0


def test_objects_of_unusual_keys_are_recorded_by_their_events_and_by_reconciliation(deployed_archive: Archive) -> None:
    owners = {
        "files//x": None,
        "files/": None,
        "files/nina/cr\r\nlf.txt": "nina",
        "files/nina//../a%2Fb+c d": "nina",
    }
    for key in owners:
        deployed_archive.put(key)
    items = {key: eventually(partial(deployed_archive.item, key)) for key in owners}
    assert {key: item.get("owner") for key, item in items.items()} == owners
    deployed_archive.settled()
    for item in items.values():
        deployed_archive.table.delete_item(Key={"object": item["object"]})
    assert deployed_archive.reconcile()["finished"]
    again = {key: deployed_archive.item(key) for key in owners}
    # No event said how new the objects are.
    assert again == {key: {**item, "sequencer": "0" * 64} for key, item in items.items()}


def test_event_that_comes_after_a_repair_is_recorded(deployed_archive: Archive) -> None:
    key = "files/kim/a.txt"
    deployed_archive.put(key, b"1")
    eventually(lambda: deployed_archive.item(key))
    deployed_archive.table.delete_item(Key={"object": f"{deployed_archive.bucket}/{key}"})
    deployed_archive.reconcile()
    deployed_archive.put(key, b"22")
    eventually(lambda: deployed_archive.item(key)["size"] == 2)


def test_accepted_uploads_are_indexed_and_incoming_ones_are_not(deployed_archive: Archive) -> None:
    functions = deployed_archive.cloud.client("lambda", REGION)
    request = {"owner": "lena", "name": "a.png", "content_type": "image/png", "metadata": {"room": "r-1"}}
    answer = functions.invoke(FunctionName=deployed_archive.outputs["Form"], Payload=json.dumps(request))
    form = json.loads(answer["Payload"].read())
    assert httpx.post(form["url"], data=form["fields"], files={"file": ("a.png", PNG)}).status_code == 204
    (item,) = eventually(lambda: newest_of_owner(deployed_archive.table, "lena"))
    assert item["key"] == form["key"].replace("incoming/", "accepted/")
    assert item["bucket"] == deployed_archive.outputs["UploadBucket"]
    assert item["metadata"]["room"] == "r-1"


def test_stranger_is_denied_and_a_reader_cannot_write(deployed_archive: Archive) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        newest_of_owner(deployed_archive.as_role("StrangerRole"), "ann")
    with pytest.raises(ClientError, match="AccessDenied"):
        deployed_archive.as_role("ReaderRole").put_item(Item={"object": "x"})
