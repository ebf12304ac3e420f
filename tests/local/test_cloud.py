"""The clients of the embedded cloud: who they are, where they go, and how little they retry."""

import json
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

ONLY_LISTING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}],
}


@pytest.fixture(scope="module")
def user_keys(cloud: LocalCloud) -> Mapping[str, Any]:
    iam, name = cloud.client("iam"), f"lister-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="listing", PolicyDocument=json.dumps(ONLY_LISTING))
    keys: Mapping[str, Any] = iam.create_access_key(UserName=name)["AccessKey"]
    return keys


def test_clients_are_root_of_the_default_account_and_region(cloud: LocalCloud) -> None:
    sts = cloud.client("sts")
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
    assert sts.meta.region_name == "us-east-1"


def test_the_same_client_is_given_again(cloud: LocalCloud) -> None:
    assert cloud.client("s3", "us-west-2") is cloud.client("s3", region="us-west-2")
    assert cloud.client("s3", "us-west-2") is not cloud.client("s3", "us-west-1")


@pytest.mark.parametrize("as_tuple", [False, True])
def test_another_principal_may_do_what_its_policy_allows(
    cloud: LocalCloud, user_keys: Mapping[str, Any], *, as_tuple: bool
) -> None:
    credentials = (user_keys["AccessKeyId"], user_keys["SecretAccessKey"]) if as_tuple else user_keys
    s3 = cloud.client("s3", credentials=credentials)
    assert "Buckets" in s3.list_buckets()
    with pytest.raises(ClientError) as caught:
        s3.create_bucket(Bucket=f"refused-{uuid.uuid4().hex}")
    assert caught.value.response["Error"]["Code"] == "AccessDenied"


def test_temporary_credentials_are_taken_with_their_token(cloud: LocalCloud) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "000000000000"}}],
    }
    name = f"role-{uuid.uuid4().hex[:8]}"
    role = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    session = cloud.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="me")["Credentials"]
    identity = cloud.client("sts", credentials=session).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::000000000000:assumed-role/{name}/me"


def test_a_wrong_secret_is_refused(cloud: LocalCloud, user_keys: Mapping[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        cloud.client("s3", credentials=(user_keys["AccessKeyId"], "wrong")).list_buckets()
    assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_presigned_urls_are_path_style_and_of_version_4(cloud: LocalCloud) -> None:
    s3, bucket = cloud.client("s3"), f"presigned-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"content")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"})
    assert url.startswith(f"{cloud.endpoint}/{bucket}/a?")
    assert "X-Amz-Signature" in url
    assert httpx.get(url, trust_env=False).content == b"content"
    assert httpx.get(url[:-4] + "0000", trust_env=False).status_code == 403


def test_http_api_url_reaches_the_default_stage(cloud: LocalCloud) -> None:
    api = cloud.client("apigatewayv2", "us-west-2")
    api_id = api.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
    api.create_stage(ApiId=api_id, StageName="$default", AutoDeploy=True)
    answer = httpx.get(cloud.http_api_url(api_id, "us-west-2") + "/nowhere", trust_env=False)
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_an_injected_fault_is_over_after_the_block(cloud: LocalCloud) -> None:
    sqs = cloud.client("sqs", "ap-northeast-1")
    with cloud.inject_fault("sqs", "ap-northeast-1", error="ServiceUnavailable", status=503):
        with pytest.raises(ClientError) as caught:
            sqs.list_queues()
        cloud.client("sqs", "us-west-2").list_queues()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] <= 1
    sqs.list_queues()


def test_boto3_with_the_endpoint_in_its_environment_works_too(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.root.environment(cloud.endpoint, "us-east-1").items():
        monkeypatch.setenv(name, value)
    assert boto3.session.Session().client("sts").get_caller_identity()["Account"] == "000000000000"


def test_importing_the_client_side_does_not_import_the_server_side() -> None:
    program = "import sys; from cdp_constructs.local import LocalCloud; print('ministack' in sys.modules)"
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=root)
    assert ended.stdout == "False\n"
