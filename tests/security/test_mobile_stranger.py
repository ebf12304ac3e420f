"""A stranger at the mobile backend: without a token, with one that is no longer good, and as a guest for AWS."""

import time
from collections.abc import Mapping
from typing import Any, Literal

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from demo.mobile.backend import Backend
from demo.mobile.phone import Phone
from tests.security.conftest import signed_in

FORM = {"name": "picture.jpg", "content_type": "image/jpeg", "size": 1_000}
# What somebody with a token may send, and how that is answered.
REQUESTS: Mapping[tuple[str, str], tuple[Any, int]] = {
    ("GET", "/api/saves"): (None, 200),
    ("POST", "/api/uploads"): (FORM, 201),
    ("PUT", "/api/saves/progress"): ({}, 428),
    ("POST", "/api/downloads"): ({"path": "{user}/x/thumbnail/320.webp"}, 200),
    ("GET", "/api/notices"): (None, 200),
    ("PUT", "/direct/scores/chess"): ({"points": 1}, 200),
    ("GET", "/direct/scores"): (None, 200),
    ("POST", "/direct/reports"): ({"version": "1.0", "text": "dark"}, 202),
}


def ask(backend: Backend, method: str, path: str, body: Any, token: str | None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.request(method, backend.front + path, json=body, headers=headers, timeout=60)


def without_credentials(backend: Backend, service: Literal["cognito-identity", "sts"]) -> Any:
    return boto3.client(
        service,
        region_name=backend.region,
        endpoint_url=backend.cloud.endpoint,
        config=Config(signature_version=UNSIGNED),
    )


@pytest.fixture(scope="module")
def expired(backend: Backend) -> str:
    """A token that was good a moment ago."""
    cognito = backend.cloud.client("cognito-idp", backend.region)
    of = {"UserPoolId": backend.outputs["UserPoolId"], "ClientId": backend.outputs["UserPoolClientId"]}
    described = cognito.describe_user_pool_client(**of)["UserPoolClient"]
    kept = {name: described[name] for name in ("AccessTokenValidity", "TokenValidityUnits")}
    # Shorter than AWS allows: nobody waits five minutes here.
    units = {**kept["TokenValidityUnits"], "AccessToken": "seconds"}
    cognito.update_user_pool_client(**of, AccessTokenValidity=1, TokenValidityUnits=units)
    try:
        with signed_in(backend) as phone:
            token = phone.token
    finally:
        cognito.update_user_pool_client(**of, **kept)
    time.sleep(2)
    return token


@pytest.fixture(scope="module")
def tokens(anna: Phone, expired: str) -> Mapping[str, str | None]:
    head, claims, signature = anna.token.split(".")
    return {
        "none": None,
        "made up": "made.up.token",
        "another signature": f"{head}.{claims}.{signature[::-1]}",
        "no signature": f"{head}.{claims}.",
        # It is for the application itself: without a scope, HTTP APIs answer 403, and REST APIs 401.
        "an ID token": anna.id_token,
        "expired": expired,
    }


def test_without_a_good_token_nothing_of_the_mobile_backend_is_answered(
    backend: Backend, anna: Phone, tokens: Mapping[str, str | None]
) -> None:
    for (method, path), (body, answered) in REQUESTS.items():
        filled = {"path": body["path"].format(user=anna.user)} if body and "path" in body else body
        assert ask(backend, method, path, filled, anna.token).status_code == answered, path
        for kind, token in tokens.items():
            refused = {403, 401} if kind == "an ID token" else {401}
            assert ask(backend, method, path, filled, token).status_code in refused, (path, kind)


def test_a_guest_gets_no_identity_and_no_credentials(backend: Backend, anna: Phone) -> None:
    identity, credentials = anna.credentials
    assert credentials["SecretKey"]
    identities = without_credentials(backend, "cognito-identity")
    pool = backend.outputs["IdentityPoolId"]
    for call, request in (
        (identities.get_id, {"IdentityPoolId": pool}),
        (identities.get_credentials_for_identity, {"IdentityId": identity}),
    ):
        with pytest.raises(ClientError) as refused:
            call(**request)
        assert refused.value.response["Error"]["Code"] == "NotAuthorizedException"


def test_the_role_of_members_is_assumed_by_nobody_around_the_identity_pool(backend: Backend, anna: Phone) -> None:
    identity = anna.credentials[0]
    role = backend.cloud.client("iam").get_role(RoleName=backend.resource("BackupsIdentitiesRole"))["Role"]["Arn"]
    sts = without_credentials(backend, "sts")
    # Cognito alone signs tokens for the role: those of the user pool, though good, are none.
    for token in (anna.id_token, anna.token, identity):
        with pytest.raises(ClientError) as refused:
            sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="guest", WebIdentityToken=token)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}


def test_buckets_of_the_mobile_backend_answer_nobody_without_credentials(backend: Backend, anna: Phone) -> None:
    key = anna.back_up("phone.tar", b"everything")
    assert anna.read_backup(key) == b"everything"
    for bucket in (backend.outputs["BackupBucketName"], backend.resource("PicturesUploadBucket")):
        for method, path in (("GET", key), ("PUT", f"{key}.2"), ("DELETE", key), ("GET", "?list-type=2")):
            answer = httpx.request(method, f"{backend.cloud.endpoint}/{bucket}/{path}", timeout=60)
            assert (answer.status_code, "AccessDenied" in answer.text) == (403, True), (method, path)
