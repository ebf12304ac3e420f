"""A private distribution on the embedded cloud, asked by viewers, users and signers."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from botocore.exceptions import ClientError
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cdp_constructs import PrivateCacheDistribution
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture

Deploy = Callable[[Callable[..., Any]], Deployment]


@architecture
def private_files(stack: Stack) -> PrivateCacheDistribution:
    users = cognito.UserPool(stack, "Users", self_sign_up_enabled=True)
    client = users.add_client("Web", auth_flows=cognito.AuthFlow(user_password=True))
    issuer = f"https://cognito-idp.{stack.region}.amazonaws.com/{users.user_pool_id}"
    api = apigatewayv2.HttpApi(stack, "Api")

    files = PrivateCacheDistribution(stack, "Files", remove_headers=["X-Amz-Meta-Owner"])
    files.add_routes(
        api, authorizer=authorizers.HttpJwtAuthorizer("Users", issuer, jwt_audience=[client.user_pool_client_id])
    )
    for name in ("Signer", "Outsider"):
        role = iam.Role(stack, name, assumed_by=iam.AccountRootPrincipal())
        CfnOutput(stack, f"{name}Role", value=role.role_arn)
        if name == "Signer":
            files.grant_sign(role)
    add_outputs(stack, files)
    CfnOutput(stack, "ApiId", value=api.api_id)
    CfnOutput(stack, "Client", value=client.user_pool_client_id)
    CfnOutput(stack, "Pool", value=users.user_pool_id)
    return files


@architecture
def rotated(stack: Stack) -> None:
    # A stack of its own: the signing function keeps a key for five minutes, also when two rotations have passed.
    add_outputs(stack, PrivateCacheDistribution(stack, "Files"))


@architecture
def short_lived(stack: Stack) -> None:
    PrivateCacheDistribution(stack, "Files")


def add_outputs(stack: Stack, files: PrivateCacheDistribution) -> None:
    CfnOutput(stack, "Bucket", value=files.bucket.bucket_name)
    CfnOutput(stack, "Domain", value=files.domain_name)
    CfnOutput(stack, "Secret", value=files.signing_secret.secret_arn)
    CfnOutput(stack, "Signing", value=files.signing_function.function_name)


class Site:
    """The deployed distribution and the people around it."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        self.cloud = cloud
        ((_, outputs),) = deployment.outputs.items()
        self.outputs = dict(outputs)
        self.url = f"https://{outputs['Domain']}"
        for key in ("u1/photo.jpg", "u1/a b+c.txt", "u2/photo.jpg"):
            cloud.client("s3").put_object(Bucket=outputs["Bucket"], Key=key, Body=key.encode())

    def get(self, url: str, **options: Any) -> httpx.Response:
        return httpx.get(self.cloud.viewer_url(url), **options)

    def sign(self, path: str, **options: Any) -> dict[str, Any]:
        """Ask the signing function, as another function of the application does."""
        payload = json.dumps({"path": path, **options})
        answer = self.cloud.client("lambda").invoke(FunctionName=self.outputs["Signing"], Payload=payload)
        document: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, document
        return document

    def as_role(self, name: str, service: str) -> Any:
        answer = self.cloud.client("sts").assume_role(RoleArn=self.outputs[f"{name}Role"], RoleSessionName="test")
        return self.cloud.client(service, credentials=answer["Credentials"])

    def key(self, secrets: Any = None) -> dict[str, Any]:
        secrets = secrets or self.cloud.client("secretsmanager")
        text = secrets.get_secret_value(SecretId=self.outputs["Secret"])["SecretString"]
        document: dict[str, Any] = json.loads(text)
        return document

    def signer(self, key: dict[str, Any]) -> CloudFrontSigner:
        private_key = serialization.load_pem_private_key(key["private_key"].encode(), password=None)
        assert isinstance(private_key, rsa.RSAPrivateKey)
        return CloudFrontSigner(
            key["key_pair_id"], lambda message: private_key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        )

    def signed_with(self, key: dict[str, Any], path: str = "u1/photo.jpg") -> str:
        expires = datetime.now(UTC) + timedelta(minutes=5)
        signed = self.signer(key).generate_presigned_url(f"{self.url}/{path}", date_less_than=expires)
        return f"{signed}&Hash-Algorithm=SHA256"

    def rotate(self) -> None:
        """Rotate the key and wait until Secrets Manager is done."""
        secrets, before = self.cloud.client("secretsmanager"), self.key()["key_pair_id"]
        self._wait(lambda: not self._pending())
        secrets.rotate_secret(SecretId=self.outputs["Secret"])
        self._wait(lambda: self.key()["key_pair_id"] != before and not self._pending())

    def _pending(self) -> bool:
        versions = self.cloud.client("secretsmanager").describe_secret(SecretId=self.outputs["Secret"])
        return any("AWSPENDING" in labels for labels in versions["VersionIdsToStages"].values())

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not done():
            assert time.monotonic() < deadline, self.cloud.client("secretsmanager").describe_secret(
                SecretId=self.outputs["Secret"]
            )
            time.sleep(0.1)


@pytest.fixture(scope="session")
def site(local_cloud: LocalCloud, deployed: Deploy) -> Site:
    return Site(local_cloud, deployed(private_files))


# --- Viewers ---------------------------------------------------------------------------------------------------------


def test_a_signed_url_gives_the_object_with_security_headers(site: Site) -> None:
    answer = site.get(site.sign("u1/photo.jpg")["url"])
    assert (answer.status_code, answer.text) == (200, "u1/photo.jpg")
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_metadata_that_is_named_stays_with_the_bucket(site: Site) -> None:
    metadata = {"owner": "u1", "camera": "pinhole"}
    site.cloud.client("s3").put_object(
        Bucket=site.outputs["Bucket"], Key="u1/noted.jpg", Body=b"noted", Metadata=metadata
    )
    answer = site.get(site.sign("u1/noted.jpg")["url"])
    assert answer.status_code == 200
    assert answer.headers["x-amz-meta-camera"] == "pinhole"
    assert "x-amz-meta-owner" not in answer.headers


def test_names_that_urls_must_encode_are_served(site: Site) -> None:
    assert site.get(site.sign("u1/a b+c.txt")["url"]).text == "u1/a b+c.txt"


def test_without_a_signature_nothing_is_served(site: Site) -> None:
    assert site.get(f"{site.url}/u1/photo.jpg").status_code == 403


def test_a_signature_holds_for_its_object_and_time_only(site: Site) -> None:
    url = site.sign("u1/photo.jpg", expires_in=1)["url"]
    valid = site.sign("u1/photo.jpg")["url"]
    refused = {
        "another object": valid.replace("/u1/", "/u2/"),
        "a longer life": valid.replace("Expires=", "Expires=9"),
        "another key": valid.replace("Key-Pair-Id=", "Key-Pair-Id=K"),
        "another algorithm": valid.replace("SHA256", "SHA1"),
    }
    assert {name: site.get(changed).status_code for name, changed in refused.items()} == dict.fromkeys(refused, 403)
    time.sleep(2.1)
    assert site.get(url).status_code == 403, "expired"
    assert site.get(valid).status_code == 200


def test_a_key_that_is_not_trusted_opens_nothing(site: Site) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = stranger.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    assert site.get(site.signed_with({**site.key(), "private_key": pem})).status_code == 403


def test_cookies_open_a_folder_and_no_other(site: Site) -> None:
    cookies = site.sign("u1/*")["cookies"]
    header = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    statuses = {
        path: site.get(f"{site.url}/{path}", headers=header).status_code
        for path in ("u1/photo.jpg", "u1/a%20b%2Bc.txt", "u2/photo.jpg")
    }
    assert statuses == {"u1/photo.jpg": 200, "u1/a%20b%2Bc.txt": 200, "u2/photo.jpg": 403}


def test_the_bucket_itself_answers_nobody(site: Site) -> None:
    assert httpx.get(f"{site.cloud.endpoint}/{site.outputs['Bucket']}/u1/photo.jpg").status_code == 403
    with pytest.raises(ClientError, match="AccessDenied"):
        site.as_role("Signer", "s3").get_object(Bucket=site.outputs["Bucket"], Key="u1/photo.jpg")


def test_only_reads_over_https_are_served(site: Site) -> None:
    url = site.cloud.viewer_url(site.sign("u1/photo.jpg")["url"])
    assert httpx.get(url, headers={"X-Forwarded-Proto": "http"}).status_code == 403
    assert httpx.put(url, content=b"changed").status_code == 403


# --- Users and signers -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def user(site: Site) -> dict[str, str]:
    """A user who signed up and in: subject and token."""
    cognito_idp = site.cloud.client("cognito-idp")
    name, password = "user@example.com", "Correct-horse-9"
    cognito_idp.sign_up(ClientId=site.outputs["Client"], Username=name, Password=password)
    cognito_idp.admin_confirm_sign_up(UserPoolId=site.outputs["Pool"], Username=name)
    tokens = cognito_idp.initiate_auth(
        ClientId=site.outputs["Client"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": password},
    )["AuthenticationResult"]
    attributes = cognito_idp.get_user(AccessToken=tokens["AccessToken"])["UserAttributes"]
    subject = next(item["Value"] for item in attributes if item["Name"] == "sub")
    return {"subject": subject, "token": tokens["IdToken"]}


def ask(site: Site, path: str, token: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{site.cloud.http_api_url(site.outputs['ApiId'])}/downloads"
    return httpx.post(url, json={"path": path}, headers=headers)


def test_a_user_downloads_the_own_files(site: Site, user: dict[str, str]) -> None:
    key = f"{user['subject']}/cv.pdf"
    site.cloud.client("s3").put_object(Bucket=site.outputs["Bucket"], Key=key, Body=b"mine")
    answer = ask(site, key, user["token"])
    assert answer.status_code == 200, answer.text
    assert site.get(answer.json()["url"]).text == "mine"


def test_a_user_gets_nothing_of_another(site: Site, user: dict[str, str]) -> None:
    assert ask(site, "u1/photo.jpg", user["token"]).status_code == 403
    assert ask(site, f"{user['subject']}/../u1/photo.jpg", user["token"]).status_code == 400


def test_nobody_gets_anything_without_a_token(site: Site, user: dict[str, str]) -> None:
    assert ask(site, f"{user['subject']}/cv.pdf").status_code == 401
    assert ask(site, f"{user['subject']}/cv.pdf", "made.up.token").status_code == 401


def test_a_role_with_grant_sign_signs_by_itself(site: Site) -> None:
    key = site.key(site.as_role("Signer", "secretsmanager"))
    assert site.get(site.signed_with(key)).status_code == 200


def test_a_role_without_it_cannot_read_the_key(site: Site) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        site.key(site.as_role("Outsider", "secretsmanager"))
    with pytest.raises(ClientError, match="AccessDenied"):
        site.as_role("Outsider", "lambda").invoke(FunctionName=site.outputs["Signing"], Payload="{}")


# --- Rotation and deletion -------------------------------------------------------------------------------------------


def test_urls_outlive_one_rotation_and_not_two(local_cloud: LocalCloud, deployed: Deploy) -> None:
    site = Site(local_cloud, deployed(rotated))
    first_key = site.key()
    first = site.signed_with(first_key)
    site.rotate()
    second_key = site.key()
    second = site.signed_with(second_key)
    assert second_key["usable_from"] > time.time(), "edge locations get time to learn the key"
    assert (site.get(first).status_code, site.get(second).status_code) == (200, 200)
    assert site.get(site.sign("u1/photo.jpg")["url"]).status_code == 200, "signed by the key that all edges know"
    site.rotate()
    third = site.signed_with(site.key())
    statuses = [site.get(url).status_code for url in (first, second, third)]
    assert statuses == [403, 200, 200]
    public_keys = local_cloud.client("cloudfront").list_public_keys()["PublicKeyList"]["Items"]
    left = {item["Id"] for item in public_keys}
    assert {second_key["key_pair_id"], site.key()["key_pair_id"]} <= left
    assert first_key["key_pair_id"] not in left


def test_keys_and_key_group_go_with_the_stack(local_cloud: LocalCloud, deployed: Deploy) -> None:
    cloudfront = local_cloud.client("cloudfront")

    def count() -> tuple[int, int]:
        keys, groups = cloudfront.list_public_keys()["PublicKeyList"], cloudfront.list_key_groups()["KeyGroupList"]
        return keys["Quantity"], groups["Quantity"]

    before = count()
    deployment = deployed(short_lived)
    assert count() == (before[0] + 1, before[1] + 1)
    deployment.destroy()
    assert count() == before
