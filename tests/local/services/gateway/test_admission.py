"""Who is let in: by host, by origin, and with the root key. What attackers try stands in tests/security."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from cdp_constructs.local import LocalCloud
from tests.archives import zipped

SITE = "https://shop.example.com"
OPEN = {"AllowOrigins": ["*"], "AllowMethods": ["GET"]}


def _template() -> dict[str, Any]:
    options = {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": '{"statusCode": 204}'},
        "IntegrationResponses": [
            {
                "StatusCode": "204",
                "ResponseParameters": {"method.response.header.Access-Control-Allow-Origin": "'https://rest.example.com'"},
            }
        ],
    }  # fmt: skip
    return {
        "Resources": {
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "Name": "site",
                    "ProtocolType": "HTTP",
                    "CorsConfiguration": {"AllowOrigins": [SITE], "AllowMethods": ["GET"]},
                },
            },
            "OpenApi": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {"Name": "open", "ProtocolType": "HTTP", "CorsConfiguration": OPEN},
            },
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "CorsConfiguration": {
                        "CorsRules": [{"AllowedOrigins": ["https://*.pages.example.com"], "AllowedMethods": ["GET"]}]
                    }
                },
            },
            "Rest": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "rest"}},
            "Preflight": {
                "Type": "AWS::ApiGateway::Method",
                "Properties": {
                    "RestApiId": {"Ref": "Rest"},
                    "ResourceId": {"Fn::GetAtt": ["Rest", "RootResourceId"]},
                    "HttpMethod": "OPTIONS",
                    "AuthorizationType": "NONE",
                    "Integration": options,
                },
            },
        },
        "Outputs": {name: {"Value": {"Ref": name}} for name in ("Api", "OpenApi", "Bucket", "Rest")},
    }


class Pages:
    """What browsers send for pages of several origins."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str]) -> None:
        self.cloud = cloud
        self.outputs = outputs

    def is_let_in(self, origin: str, target: str = "") -> bool:
        answer = httpx.post(f"{self.cloud.endpoint}{target}", headers={"Origin": origin}, content="{}")
        refused = answer.status_code == 403 and "no deployed CORS configuration" in answer.text
        return not refused

    def api(self, name: str) -> str:
        return f"/_aws/execute-api/{self.outputs[name]}/$default/x"


@pytest.fixture(scope="module")
def pages(cloud: LocalCloud, stacks: Any) -> Iterator[Pages]:
    return Pages(cloud, stacks.deploy(_template()))


# --- Hosts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:1", "[::1]:80", "x.localhost", "sqs.us-east-1.amazonaws.com", "d1.cloudfront.net"]
)
def test_hosts_that_are_of_this_machine_or_of_aws_are_served(cloud: LocalCloud, host: str) -> None:
    assert httpx.get(f"{cloud.endpoint}/_ministack/ready", headers={"Host": host}).status_code != 403


# --- Origins ---------------------------------------------------------------------------------------------------------


def test_a_site_is_let_in_everywhere(pages: Pages) -> None:
    for origin in (SITE, SITE.upper(), "https://rest.example.com"):
        for target in ("", pages.api("Api"), f"/{pages.outputs['Bucket']}/key"):
            assert pages.is_let_in(origin, target)


def test_a_pattern_opens_its_resource_and_makes_no_site(pages: Pages) -> None:
    anybody, branch = "https://anybody.example", "https://branch.pages.example.com"
    assert pages.is_let_in(anybody, pages.api("OpenApi"))
    assert pages.is_let_in("null", pages.api("OpenApi"))
    assert pages.is_let_in(branch, f"/{pages.outputs['Bucket']}/key")
    for origin in (anybody, branch, "null", "https://*.pages.example.com"):
        assert not pages.is_let_in(origin)
        assert not pages.is_let_in(origin, pages.api("Api"))
    assert not pages.is_let_in(anybody, f"/{pages.outputs['Bucket']}/key")


def test_the_cloud_itself_is_let_in_under_its_port_only(pages: Pages) -> None:
    port = urlsplit(pages.cloud.endpoint).port
    for host in ("127.0.0.1", "localhost", "shop.example.com.localhost", "x.amazonaws.com.localhost"):
        assert pages.is_let_in(f"http://{host}:{port}")
        assert not pages.is_let_in(f"http://{host}:{(port or 0) + 1}")
        assert not pages.is_let_in(f"https://{host}:{port}")
        assert not pages.is_let_in(f"http://{host}")


def test_services_that_are_open_to_browsers_answer_cors_and_others_do_not(pages: Pages) -> None:
    def allowed(target: str, method: str = "POST") -> str | None:
        headers = {"Origin": SITE, "X-Amz-Target": target, "Access-Control-Request-Method": "POST"}
        answer = httpx.request(method, pages.cloud.endpoint, headers=headers, content="{}")
        return answer.headers.get("access-control-allow-origin")

    for target in (
        "AWSCognitoIdentityProviderService.GetUser",
        "AWSCognitoIdentityService.GetId",
        "DynamoDB_20120810.X",
    ):
        assert allowed(target) == SITE
        assert allowed(target, "OPTIONS") == SITE
    for target in ("secretsmanager.ListSecrets", "AWSStepFunctions.ListStateMachines", "AmazonSSM.GetParameter"):
        assert allowed(target) is None


def test_nothing_answers_cors_to_whoever_is_no_page(pages: Pages) -> None:
    target = {"X-Amz-Target": "AWSCognitoIdentityProviderService.GetUser"}
    for method in ("POST", "OPTIONS"):
        answer = httpx.request(method, pages.cloud.endpoint, headers=target, content="{}")
        assert not any(name.startswith("access-control-") for name in answer.headers)
    root = pages.cloud.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    assert not any(name.startswith("access-control-") for name in root)


def test_web_sockets_are_for_the_same_pages(pages: Pages) -> None:
    port = urlsplit(pages.cloud.endpoint).port
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{port}/", origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 403


# --- The root key ----------------------------------------------------------------------------------------------------


def test_addresses_of_code_are_signed(cloud: LocalCloud) -> None:
    code = zipped({"index.py": "def handler(event, context):\n    return event\n"})
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    iam, functions = cloud.client("iam"), cloud.client("lambda")
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="downloaded", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    functions.create_function(
        FunctionName="downloaded",
        Runtime="python3.14",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": code},
    )
    try:
        location = functions.get_function(FunctionName="downloaded")["Code"]["Location"]
        location = location.replace("localhost", "127.0.0.1")
        assert httpx.get(location).content == code
        path = location.partition("?")[0]
        for other in (path, location[:-64] + "0" * 64, location.replace("Expires=", "Expires=9")):
            assert httpx.get(other).status_code == 401
    finally:
        functions.delete_function(FunctionName="downloaded")
        iam.delete_role(RoleName="downloaded")
