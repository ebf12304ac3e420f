"""A stranger with a signed address, or without one: downloads, and the buckets behind them."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from cdp_constructs.testing import eventually
from tests.behaviour.stacks.chat.test_chat import Attachment, jpeg
from tests.stacks.chat.clients import HOME, Chat, Room

PICTURE = jpeg()


@pytest.fixture(scope="module")
def address(chat: Chat) -> str:
    """A download, as the chat signs it for a member."""
    room = Room(chat)
    sent = Attachment(room, HOME, PICTURE)
    eventually(lambda: sent.download(HOME, room.ben).status_code == 200)
    return str(sent.download(HOME, room.ben).json()["url"])


def ask(chat: Chat, address: str, method: str = "GET", **more: Any) -> httpx.Response:
    """Ask with the path as it is written, which clients would normalise."""
    wanted = urlsplit(address)
    url = httpx.URL(chat.cloud.distribution_url(wanted.netloc))
    path = f"{wanted.path}?{wanted.query}" if wanted.query else wanted.path
    return chat.http.request(method, url.copy_with(raw_path=url.raw_path.rstrip(b"/") + path.encode()), **more)


MOVES: dict[str, Callable[[str, str], str]] = {
    "unsigned": lambda base, _: base,
    "another file": lambda base, query: f"{base.rpartition('/')[0]}/other.jpg?{query}",
    "another folder": lambda base, query: f"{base.rpartition('/')[0]}0/cat.jpg?{query}",
    "all files": lambda base, query: f"{base.rpartition('/')[0]}/*?{query}",
    "the folder": lambda base, query: f"{base.rpartition('/')[0]}/?{query}",
    "a slash encoded": lambda base, query: f"{base.rpartition('/')[0]}%2Fcat.jpg?{query}",
    "a letter encoded": lambda base, query: f"{base[:-7]}%63at.jpg?{query}",
    "two slashes": lambda base, query: f"{base.rpartition('/')[0]}//cat.jpg?{query}",
    "a later end": lambda base, query: f"{base}?{query.replace('Expires=', 'Expires=9')}",
    "another key": lambda base, query: f"{base}?{query.replace('Key-Pair-Id=', 'Key-Pair-Id=K')}",
    "another hash": lambda base, query: f"{base}?{query.replace('SHA256', 'SHA1')}",
    "another signature": lambda base, query: f"{base}?{query.replace('Signature=', 'Signature=A')}",
    "no signature": lambda base, query: f"{base}?{drop(query, 'Signature')}",
    "no end": lambda base, query: f"{base}?{drop(query, 'Expires')}",
    "a parameter more": lambda base, query: f"{base}?{query}&response-content-type=text/html",
    "a parameter before": lambda base, query: f"{base}?versionId=1&{query}",
}


def drop(query: str, name: str) -> str:
    return "&".join(part for part in query.split("&") if not part.startswith(f"{name}="))


@pytest.mark.parametrize("name", MOVES)
def test_a_signature_opens_one_address_and_no_other(chat: Chat, address: str, name: str) -> None:
    base, _, query = address.partition("?")
    changed = MOVES[name](base, query)
    assert changed != address
    allowed = ask(chat, address)
    assert (allowed.status_code, allowed.content) == (200, PICTURE)
    refused = ask(chat, changed)
    assert refused.status_code == 403, refused.text[:200]
    assert PICTURE not in refused.content


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "OPTIONS"])
def test_a_signature_lets_nobody_write(chat: Chat, address: str, method: str) -> None:
    assert ask(chat, address, method, content=b"mine").status_code in {403, 405}
    assert ask(chat, address).content == PICTURE


def test_a_file_does_nothing_in_a_browser(chat: Chat, address: str) -> None:
    headers = ask(chat, address).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in headers


BUCKETS = [(f"Chat-{HOME}", "AttachmentsUpload"), (f"Chat-{HOME}", "MessagesArchive"), ("ChatWeb", "Bucket")]
POLICY = '{"Version": "2012-10-17", "Statement": []}'
OPERATIONS: dict[str, dict[str, Any]] = {
    "list_objects_v2": {},
    "list_object_versions": {},
    "list_multipart_uploads": {},
    "get_object": {"Key": "{key}"},
    "head_object": {"Key": "{key}"},
    "get_object_tagging": {"Key": "{key}"},
    "get_object_acl": {"Key": "{key}"},
    "put_object": {"Key": "{key}", "Body": b"mine"},
    "put_object_tagging": {"Key": "{key}", "Tagging": {"TagSet": []}},
    "delete_object": {"Key": "{key}"},
    "delete_objects": {"Delete": {"Objects": [{"Key": "{key}"}]}},
    "copy_object": {"Key": "mine", "CopySource": "{bucket}/{key}"},
    "create_multipart_upload": {"Key": "mine"},
    "get_bucket_policy": {},
    "put_bucket_policy": {"Policy": POLICY},
    "delete_bucket_policy": {},
    "get_bucket_cors": {},
    "put_bucket_acl": {"ACL": "public-read"},
    "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Suspended"}},
    "delete_bucket": {},
}


@pytest.fixture(scope="module", params=BUCKETS, ids=lambda where: where[1])
def bucket(request: pytest.FixtureRequest, chat: Chat, address: str) -> Iterator[tuple[str, str]]:
    """A bucket and the key of an object in it, which is as it was afterwards."""
    assert address  # an attachment has been accepted, so that there is an object
    stack, name = request.param
    found = chat.resource(stack, "AWS::S3::Bucket", name) if stack != "ChatWeb" else web_bucket(chat)
    s3 = chat.cloud.client("s3", HOME)
    key = eventually(lambda: s3.list_objects_v2(Bucket=found).get("Contents"), within=40)[0]["Key"]
    before = s3.get_object(Bucket=found, Key=key)["Body"].read()
    yield found, key
    assert s3.get_object(Bucket=found, Key=key)["Body"].read() == before
    assert s3.get_bucket_versioning(Bucket=found).get("Status") == "Enabled"


def web_bucket(chat: Chat) -> str:
    resources = chat.deployment.resources["ChatWeb"]
    (found,) = [physical for logical, physical in resources.items() if logical[:-8] == "WebBucket"]
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
def test_without_credentials_a_bucket_answers_nothing(chat: Chat, bucket: tuple[str, str], operation: str) -> None:
    name, key = bucket
    anonymous = boto3.client(
        "s3",
        region_name=HOME,
        endpoint_url=chat.cloud.endpoint,
        config=Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )
    arguments = {option: filled(value, name, key) for option, value in OPERATIONS[operation].items()}
    with pytest.raises(ClientError) as refused:
        getattr(anonymous, operation)(Bucket=name, **arguments)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def filled(value: Any, bucket: str, key: str) -> Any:
    if isinstance(value, dict):
        return {name: filled(one, bucket, key) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, bucket, key) for one in value]
    return value.replace("{bucket}", bucket).replace("{key}", key) if isinstance(value, str) else value
