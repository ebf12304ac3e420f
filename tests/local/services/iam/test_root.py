"""The root user signs like everybody, in every account; nobody else is the root user."""

from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

OTHER = "111122223333"
REGION = "us-east-1"


def client(cloud: LocalCloud, service: str, key: str, secret: str, token: str | None = None) -> Any:
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=cloud.endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}) if service == "s3" else None,
    )


def test_the_root_user_is_root_in_every_account(cloud: LocalCloud) -> None:
    for account in ("000000000000", OTHER):
        sts = cloud.client("sts", account=account)
        assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{account}:root"
        key, _ = cloud.root.credentials(account)
        if account != OTHER:  # STS takes no key id of twelve characters
            assert sts.get_access_key_info(AccessKeyId=key)["Account"] == account


@pytest.mark.parametrize("service", ["sts", "s3", "dynamodb"])
@pytest.mark.parametrize("account", ["000000000000", OTHER])
def test_a_wrong_secret_is_refused(cloud: LocalCloud, service: str, account: str) -> None:
    key, secret = cloud.root.credentials(account)
    call = {"sts": "get_caller_identity", "s3": "list_buckets", "dynamodb": "list_tables"}[service]
    getattr(client(cloud, service, key, secret), call)()
    with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|InvalidSignature"):
        getattr(client(cloud, service, key, secret[::-1]), call)()
    with pytest.raises(ClientError, match=r"InvalidToken|token"):
        getattr(client(cloud, service, key, secret, "a session token"), call)()


def test_forms_and_addresses_that_root_signed_are_verified(cloud: LocalCloud) -> None:
    for account in ("000000000000", OTHER):
        bucket = f"signed-by-root-{account}"
        right, wrong = (
            cloud.client("s3", account=account),
            client(cloud, "s3", cloud.root.credentials(account)[0], "no"),
        )
        right.create_bucket(Bucket=bucket)
        for s3, status in ((right, 204), (wrong, 403)):
            form = s3.generate_presigned_post(bucket, "key")
            answer = httpx.post(form["url"], data=form["fields"], files={"file": b"1"})
            assert answer.status_code == status, answer.text
        for s3, status in ((right, 200), (wrong, 403)):
            url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"})
            assert httpx.get(url).status_code == status
        right.delete_object(Bucket=bucket, Key="key")
        right.delete_bucket(Bucket=bucket)


def test_what_aws_serves_to_everybody_needs_no_signature(cloud: LocalCloud) -> None:
    cognito = cloud.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="open")["UserPool"]["Id"]
    try:
        app = cognito.create_user_pool_client(UserPoolId=pool, ClientName="page")["UserPoolClient"]["ClientId"]
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        request = {"ClientId": app, "Username": "amy", "Password": "Correct-horse-9"}
        for target, status in (("SignUp", 200), ("AdminGetUser", 400)):
            headers["X-Amz-Target"] = f"AWSCognitoIdentityProviderService.{target}"
            answer = httpx.post(cloud.endpoint, headers=headers, json={**request, "UserPoolId": pool})
            assert answer.status_code == status, answer.text
        assert "MissingAuthenticationToken" in answer.text
    finally:
        cognito.delete_user_pool(UserPoolId=pool)


def test_an_api_that_wants_a_signature_takes_no_other_header(cloud: LocalCloud) -> None:
    apis = cloud.client("apigatewayv2")
    api = apis.create_api(Name="signed", ProtocolType="HTTP")["ApiId"]
    try:
        # Nothing answers behind it: 403 comes from the API, anything else would have passed.
        integration = apis.create_integration(
            ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="GET", IntegrationUri="http://127.0.0.1:1/"
        )["IntegrationId"]
        for path, kind in (("open", "NONE"), ("signed", "AWS_IAM")):
            target = f"integrations/{integration}"
            apis.create_route(ApiId=api, RouteKey=f"GET /{path}", Target=target, AuthorizationType=kind)
        apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        url = cloud.http_api_url(api)
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "AWS4-HMAC-SHA256 Credential=test/1"}):
            assert httpx.get(f"{url}/signed", headers=headers).status_code == 403
        assert httpx.get(f"{url}/open", headers={"Authorization": "Bearer x"}).status_code != 403
    finally:
        apis.delete_api(ApiId=api)
