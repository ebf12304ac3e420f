"""Where the archive stores alerts, as plain Python."""

import json
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.handlers import import_handler

ALERT = {"alert_id": "A-1/TooHot/1700000000123/crossed", "at": 1_700_000_000_123, "thing": "größe"}


class Bucket:
    """Stands for S3, which refuses to overwrite."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.error = "PreconditionFailed"

    def put_object(self, **request: Any) -> None:
        assert (request["Bucket"], request["IfNoneMatch"]) == ("archive", "*")
        if request["Key"] in self.objects:
            raise ClientError({"Error": {"Code": self.error}}, "PutObject")
        self.objects[request["Key"]] = request["Body"]


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> ModuleType:
    variables = {"BUCKET_NAME": "archive", "KEY_PREFIX": "alerts/", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**variables, "POWERTOOLS_TRACE_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    module = import_handler("stacks.iot.handlers.alert_archive")
    monkeypatch.setattr(module, "s3", bucket)
    return module


def test_an_alert_is_stored_once_below_its_day(archive: ModuleType, bucket: Bucket) -> None:
    record = SimpleNamespace(message_id="1", body=json.dumps(ALERT))
    archive.archive(record)
    archive.archive(record)
    assert list(bucket.objects) == ["alerts/2023/11/14/A-1/TooHot/1700000000123/crossed.json"]
    assert json.loads(next(iter(bucket.objects.values()))) == ALERT


def test_what_s3_refuses_is_delivered_again(archive: ModuleType, bucket: Bucket) -> None:
    archive.archive(SimpleNamespace(message_id="1", body=json.dumps(ALERT)))
    bucket.error = "SlowDown"
    with pytest.raises(ClientError):
        archive.archive(SimpleNamespace(message_id="1", body=json.dumps(ALERT)))


@pytest.mark.parametrize("body", ["no json", '{"at": NaN}', "{}"])
def test_a_message_that_is_no_alert_is_delivered_again(archive: ModuleType, body: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        archive.archive(SimpleNamespace(message_id="1", body=body))
