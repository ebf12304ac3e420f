"""An isolated Region: requests from outside are refused, functions inside reach it, and it recovers."""

import json
import time
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.archives import zipped

LOST, OTHER = "us-west-2", "ap-northeast-1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
MAY_LIST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}]}
# Lists queues of the Region in the event, without waiting long for an isolated one.
CODE = """
import boto3
from botocore.config import Config
def handler(event, context):
    sqs = boto3.client("sqs", region_name=event["region"], config=Config(retries={"total_max_attempts": 1}))
    return sqs.list_queues(QueueNamePrefix="inside").get("QueueUrls", [])
"""


def make_function(cloud: LocalCloud, name: str, region: str) -> None:
    iam = cloud.client("iam")
    role = iam.create_role(RoleName=f"{name}-{region}", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    iam.put_role_policy(RoleName=f"{name}-{region}", PolicyName="list", PolicyDocument=json.dumps(MAY_LIST))
    code = zipped({"index.py": CODE})
    cloud.client("lambda", region).create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=role["Arn"],
        Code={"ZipFile": code},
        Timeout=20,
    )


def ask(cloud: LocalCloud, here: str, there: str, name: str = "asks") -> Any:
    payload = json.dumps({"region": there}).encode()
    answer = cloud.client("lambda", here).invoke(FunctionName=name, Payload=payload)
    return json.loads(answer["Payload"].read())


def test_functions_inside_reach_the_region_and_requests_from_outside_are_refused(cloud: LocalCloud) -> None:
    cloud.client("sqs", LOST).create_queue(QueueName="inside")
    for region in (LOST, OTHER):
        make_function(cloud, "asks", region)
    with cloud.cut_off(LOST):
        [url] = ask(cloud, LOST, LOST)
        assert url.endswith("/inside")
        refused = ask(cloud, OTHER, LOST)
        assert "503" in refused["errorMessage"]
        assert ask(cloud, OTHER, OTHER) == []
    assert ask(cloud, OTHER, LOST) == [url]


def test_a_delay_may_meet_the_callers_of_one_region_only(cloud: LocalCloud) -> None:
    def seconds(here: str) -> float:
        started = time.monotonic()
        ask(cloud, here, LOST, "calls")
        return time.monotonic() - started

    for region in (LOST, OTHER):
        make_function(cloud, "calls", region)
        seconds(region)  # its process starts
    with cloud.inject_delay("sqs", LOST, 2.0, caller_region=OTHER):
        assert seconds(OTHER) >= 2.0
        assert seconds(LOST) < 2.0
    assert seconds(OTHER) < 2.0


def test_an_http_api_of_the_region_answers_503_and_others_as_ever(cloud: LocalCloud) -> None:
    urls = {}
    for region in (LOST, OTHER):
        api = cloud.client("apigatewayv2", region)
        api_id = api.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
        api.create_stage(ApiId=api_id, StageName="$default", AutoDeploy=True)
        urls[region] = f"{cloud.http_api_url(api_id, region)}/nowhere"
    with cloud.cut_off(LOST):
        assert {region: httpx.get(url).status_code for region, url in urls.items()} == {LOST: 503, OTHER: 404}
    assert httpx.get(urls[LOST]).status_code == 404


def test_presigned_forms_and_addresses_of_the_region_are_out_of_reach(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3", LOST)
    s3.create_bucket(Bucket="lost-uploads", CreateBucketConfiguration={"LocationConstraint": LOST})
    form = s3.generate_presigned_post("lost-uploads", "photo.jpg")

    def send() -> int:
        return httpx.post(form["url"], data=form["fields"], files={"file": b"bytes"}).status_code

    with cloud.cut_off(LOST):
        assert send() == 503
    assert send() == 204


def test_users_cannot_sign_in_with_a_user_pool_of_the_region(cloud: LocalCloud) -> None:
    cognito = cloud.client("cognito-idp", LOST)
    pool = cognito.create_user_pool(PoolName="users")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="web")["UserPoolClient"]["ClientId"]
    request = {
        "AuthFlow": "USER_PASSWORD_AUTH",
        "ClientId": client,
        "AuthParameters": {"USERNAME": "a", "PASSWORD": "b"},
    }
    headers = {
        "x-amz-target": "AWSCognitoIdentityProviderService.InitiateAuth",
        "content-type": "application/x-amz-json-1.1",
    }

    def sign_in() -> int:
        return httpx.post(cloud.endpoint, headers=headers, content=json.dumps(request)).status_code

    with cloud.cut_off(LOST):
        assert sign_in() == 503
    assert sign_in() == 400


def test_the_root_user_looks_inside_and_an_unknown_caller_does_not(cloud: LocalCloud) -> None:
    iam = cloud.client("iam")
    iam.create_user(UserName="outsider")
    iam.put_user_policy(UserName="outsider", PolicyName="list", PolicyDocument=json.dumps(MAY_LIST))
    key = iam.create_access_key(UserName="outsider")["AccessKey"]
    outsider = cloud.client("sqs", LOST, (key["AccessKeyId"], key["SecretAccessKey"]))
    outsider.list_queues()
    with cloud.cut_off(LOST):
        cloud.client("sqs", LOST).list_queues()
        with pytest.raises(ClientError) as caught:
            outsider.list_queues()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    outsider.list_queues()
