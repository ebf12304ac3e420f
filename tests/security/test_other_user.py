"""Another user of the machine: reaches the port, does not have the root key."""

import re
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.process.root_keys import key_file
from tests.stacks.chat.clients import HOME, Chat, User

ADMINISTRATION = (
    ("POST", "/_ministack/reset"),
    ("POST", "/_ministack/config"),
    ("GET", "/_ministack/health"),
    ("GET", "/_ministack/ses/messages"),
    ("GET", "/_ministack/sqs/messages"),
    ("GET", "/_ministack/sns/sms-messages"),
    ("GET", "/_ministack/lambda-code/000000000000/us-east-1/any"),
    ("POST", "/_cdp/faults"),
    ("GET", f"/_cdp/ses/mails?region={HOME}"),
    ("POST", f"/_cdp/partitions/cut?region={HOME}"),
    ("POST", "/_cdp/dynamodb/expire"),
    ("GET", "/_cdp/iot/address"),
)
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_COGNITO = "AWSCognitoIdentityProviderService"
# Of a service: method, path, headers and body of a request that lists what there is.
REQUESTS: Mapping[str, tuple[str, str, Mapping[str, str], str]] = {
    "dynamodb": ("POST", "/", {"X-Amz-Target": "DynamoDB_20120810.ListTables"}, "{}"),
    "secretsmanager": ("POST", "/", {"X-Amz-Target": "secretsmanager.ListSecrets"}, "{}"),
    "cognito-idp": ("POST", "/", {"X-Amz-Target": f"{_COGNITO}.ListUserPools"}, '{"MaxResults": 9}'),
    "lambda": ("GET", "/2015-03-31/functions/", {}, ""),
    "s3": ("GET", "/", {}, ""),
    "iam": ("POST", "/", _FORM, "Action=ListUsers&Version=2010-05-08"),
    "sts": ("POST", "/", _FORM, "Action=GetCallerIdentity&Version=2011-06-15"),
    "sqs": ("POST", "/", {"X-Amz-Target": "AmazonSQS.ListQueues"}, "{}"),
}


# The names by which services say that they do not know who is asking, and not that a request is malformed.
UNAUTHENTICATED = re.compile(
    "AccessDenied|IncompleteSignature|InvalidAccessKeyId|InvalidClientTokenId|MissingAuthenticationToken|"
    "SignatureDoesNotMatch|InvalidSignature|UnrecognizedClient"
)


def unverified(service: str, key: str) -> Mapping[str, str]:
    """Return headers of a request that names a key and has no signature of it."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    credential = f"{key}/{now[:8]}/{HOME}/{service}/aws4_request"
    signed = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    return {"X-Amz-Date": now, "Authorization": signed}


@pytest.fixture(scope="module")
def cloud(chat: Chat) -> LocalCloud:
    return chat.cloud


@pytest.mark.parametrize("service", REQUESTS)
@pytest.mark.parametrize("key", ["test", "000000000000", "111122223333", "root"])
def test_no_key_is_root_without_its_signature(cloud: LocalCloud, service: str, key: str) -> None:
    method, path, headers, body = REQUESTS[service]
    signed = unverified(service, cloud.root.access_key_id if key == "root" else key)
    answer = httpx.request(method, f"{cloud.endpoint}{path}", headers={**headers, **signed}, content=body)
    assert answer.is_client_error, answer.text
    assert UNAUTHENTICATED.search(answer.text), answer.text


@pytest.mark.parametrize("service", REQUESTS)
@pytest.mark.parametrize(
    "authorization", [None, "Bearer x", "Basic eDp5", "AWS test:c2lnbmF0dXJl"], ids=["none", "bearer", "basic", "aws"]
)
def test_nothing_is_served_without_a_signature(cloud: LocalCloud, service: str, authorization: str | None) -> None:
    method, path, headers, body = REQUESTS[service]
    given = {} if authorization is None else {"Authorization": authorization}
    answer = httpx.request(method, f"{cloud.endpoint}{path}", headers={**headers, **given}, content=body)
    assert answer.is_client_error, answer.text
    assert UNAUTHENTICATED.search(answer.text), answer.text


def test_a_signature_for_s3_in_the_address_opens_nothing_beside_another_header(cloud: LocalCloud) -> None:
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"000000000000/20260101/{HOME}/s3/aws4_request",
        "X-Amz-Signature": "0" * 64,
    }
    for headers in ({}, {"Authorization": "Bearer x"}):
        tables = httpx.post(cloud.endpoint, params=query, headers={**REQUESTS["dynamodb"][2], **headers}, content="{}")
        assert tables.is_client_error
        assert "TableNames" not in tables.text


def test_keys_that_others_would_guess_are_no_keys(cloud: LocalCloud) -> None:
    for key in ("test", "000000000000", cloud.root.access_key_id):
        client = boto3.client(
            "sts",
            region_name=HOME,
            endpoint_url=cloud.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key="test",
        )
        with pytest.raises(ClientError) as refused:
            client.get_caller_identity()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_s3_needs_credentials_or_a_policy(cloud: LocalCloud, chat: Chat) -> None:
    bucket = chat.resource(f"Chat-{HOME}", "AWS::S3::Bucket", "Attachments")
    attempts = [
        ("GET", "/"),
        ("PUT", "/a-bucket-of-nobody"),
        ("GET", f"/{bucket}"),
        ("PUT", f"/{bucket}/key"),
        ("DELETE", f"/{bucket}"),
        ("GET", f"/v20180820/tags/{bucket}"),
    ]
    for method, path in attempts:
        answer = httpx.request(method, f"{cloud.endpoint}{path}")
        assert (answer.status_code, "AccessDenied" in answer.text) == (403, True), path
    assert "a-bucket-of-nobody" not in {each["Name"] for each in cloud.client("s3", HOME).list_buckets()["Buckets"]}


@pytest.mark.parametrize(("method", "path"), ADMINISTRATION)
def test_administration_needs_the_root_key(cloud: LocalCloud, chat: Chat, method: str, path: str) -> None:
    url = f"{cloud.endpoint}{path}"
    assert httpx.request(method, url).status_code == 401
    for wrong in ("Bearer", "Bearer test", f"Bearer {cloud.root.access_key_id}", "Basic dGVzdDp0ZXN0"):
        assert httpx.request(method, url, headers={"Authorization": wrong}).status_code == 403
    assert httpx.request(method, url, headers=unverified("sts", "test")).status_code == 403
    assert chat.user().call(HOME, "GET", "/rooms").is_success, "nothing was reset, cut off or made to fail"


def test_the_only_path_without_a_key_says_that_the_server_is_ready(cloud: LocalCloud) -> None:
    assert httpx.get(f"{cloud.endpoint}/_ministack/ready").is_success


def test_the_key_is_readable_for_its_user_only(cloud: LocalCloud) -> None:
    file = key_file(cloud.endpoint)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def _processes() -> Iterator[Path]:
    return (folder for folder in Path("/proc").iterdir() if folder.name.isdecimal())


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc, which only Linux has")
def test_no_process_shows_the_key_to_others(cloud: LocalCloud, stranger: User) -> None:
    stranger.call(HOME, "GET", "/rooms").raise_for_status()  # so that a function has run
    secret = cloud.root.secret_access_key.encode()
    shown = []
    for process in _processes():
        for name in ("cmdline", "environ"):
            try:
                if secret in (process / name).read_bytes():
                    shown.append(process / name)
            except OSError:  # it has ended, or is not for this user
                continue
    assert shown == []


def test_the_key_is_in_no_log_and_no_function(cloud: LocalCloud, chat: Chat) -> None:
    assert cloud.log_file is not None
    assert cloud.root.secret_access_key not in cloud.log_file.read_text(errors="replace")
    functions = cloud.client("lambda", HOME)
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            assert cloud.root.secret_access_key not in str(function.get("Environment"))
    assert chat.deployment.outputs
