"""HTTP APIs: CORS, JWT authorizers with user pools of another Region, the event of version 2, custom domains.

WebSocket APIs: sub-protocols.
"""

import base64
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from cdp_constructs.local import LocalCloud
from tests.local.resources import role

TOKYO, OREGON = "ap-northeast-1", "us-west-2"
ORIGIN = "https://chat.example.com"
DOMAIN = "api.chat.example.com"

ECHO = """
import json
def handler(event, context):
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""

POOL = {
    "Resources": {
        "Pool": {"Type": "AWS::Cognito::UserPool", "Properties": {"UserPoolName": "people"}},
        "Client": {
            "Type": "AWS::Cognito::UserPoolClient",
            "Properties": {
                "UserPoolId": {"Ref": "Pool"},
                "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            },
        },
        "Stranger": {
            "Type": "AWS::Cognito::UserPoolClient",
            "Properties": {"UserPoolId": {"Ref": "Pool"}, "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]},
        },
    },
    "Outputs": {
        "Pool": {"Value": {"Ref": "Pool"}},
        "Issuer": {"Value": {"Fn::GetAtt": ["Pool", "ProviderURL"]}},
        "Client": {"Value": {"Ref": "Client"}},
        "Stranger": {"Value": {"Ref": "Stranger"}},
    },
}


def route(key: str, **options: Any) -> dict[str, Any]:
    target = {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]}
    properties = {"ApiId": {"Ref": "Api"}, "RouteKey": key, "Target": target, **options}
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}


def api_template(issuer: str, client: str, domain: str = DOMAIN) -> dict[str, Any]:
    jwt = {"AuthorizationType": "JWT", "AuthorizerId": {"Ref": "Authorizer"}}
    return {
        "Resources": {
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "Name": "chat",
                    "ProtocolType": "HTTP",
                    "CorsConfiguration": {
                        "AllowOrigins": [ORIGIN],
                        "AllowMethods": ["GET", "POST"],
                        "AllowHeaders": ["authorization", "content-type"],
                        "AllowCredentials": True,
                        "MaxAge": 600,
                    },
                },
            },
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "StageName": "$default",
                    "AutoDeploy": True,
                    "DefaultRouteSettings": {"ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 50},
                },
            },
            "Authorizer": {
                "Type": "AWS::ApiGatewayV2::Authorizer",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "Name": "people",
                    "AuthorizerType": "JWT",
                    "IdentitySource": ["$request.header.Authorization"],
                    "JwtConfiguration": {"Issuer": issuer, "Audience": [client]},
                },
            },
            "Integration": {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "IntegrationType": "AWS_PROXY",
                    "IntegrationUri": {"Fn::GetAtt": ["Function", "Arn"]},
                    "PayloadFormatVersion": "2.0",
                },
            },
            "Room": route("GET /rooms/{room}", **jwt),
            "Admin": route("GET /admin", **jwt, AuthorizationScopes=["chat/admin"]),
            "Health": route("GET /health"),
            "Role": role(),
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.14",
                    "Handler": "index.handler",
                    "Code": {"ZipFile": ECHO},
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                },
            },
            "Permission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": {"Ref": "Function"},
                    "Principal": "apigateway.amazonaws.com",
                    "SourceArn": {"Fn::Sub": "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*"},
                },
            },
            "Certificate": {
                "Type": "AWS::CertificateManager::Certificate",
                "Properties": {"DomainName": domain, "ValidationMethod": "DNS"},
            },
            "Domain": {
                "Type": "AWS::ApiGatewayV2::DomainName",
                "Properties": {
                    "DomainName": domain,
                    "DomainNameConfigurations": [
                        {
                            "CertificateArn": {"Ref": "Certificate"},
                            "EndpointType": "REGIONAL",
                            "SecurityPolicy": "TLS_1_2",
                        }
                    ],
                },
            },
            "ApiMapping": {
                "Type": "AWS::ApiGatewayV2::ApiMapping",
                "Properties": {"ApiId": {"Ref": "Api"}, "DomainName": {"Ref": "Domain"}, "Stage": {"Ref": "Stage"}},
            },
        },
        "Outputs": {
            "Api": {"Value": {"Ref": "Api"}},
            "Certificate": {"Value": {"Ref": "Certificate"}},
            "Target": {"Value": {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}},
            "Zone": {"Value": {"Fn::GetAtt": ["Domain", "RegionalHostedZoneId"]}},
        },
    }


@pytest.fixture(scope="module")
def pool(stacks: Any) -> dict[str, str]:
    outputs: dict[str, str] = stacks.deploy(POOL, region=TOKYO)
    return outputs


@pytest.fixture(scope="module")
def api(stacks: Any, pool: dict[str, str]) -> dict[str, str]:
    outputs: dict[str, str] = stacks.deploy(api_template(pool["Issuer"], pool["Client"]), region=OREGON)
    return outputs


@pytest.fixture(scope="module")
def url(cloud: LocalCloud, api: dict[str, str]) -> str:
    return cloud.http_api_url(api["Api"], OREGON)


@pytest.fixture(scope="module")
def tokens(cloud: LocalCloud, pool: dict[str, str]) -> dict[str, str]:
    return sign_in(cloud, pool["Pool"], pool["Client"])


def sign_in(cloud: LocalCloud, pool: str, client: str) -> dict[str, str]:
    cognito = cloud.client("cognito-idp", region=TOKYO)
    credentials = {"USERNAME": "ann@example.com", "PASSWORD": "Corr3ct-Horse!"}
    if not cognito.list_users(UserPoolId=pool)["Users"]:
        cognito.sign_up(
            ClientId=client,
            Username=credentials["USERNAME"],
            Password=credentials["PASSWORD"],
            UserAttributes=[{"Name": "email", "Value": credentials["USERNAME"]}],
        )
        cognito.admin_confirm_sign_up(UserPoolId=pool, Username=credentials["USERNAME"])
    answer = cognito.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=credentials)
    result: dict[str, str] = answer["AuthenticationResult"]
    return result


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def decode(part: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return document


def encode(document: bytes) -> str:
    return base64.urlsafe_b64encode(document).rstrip(b"=").decode()


def forge(token: str, **claims: Any) -> str:
    """Return the token with other claims, signed by a key of the forger under the same key id."""
    header, body, _ = token.split(".")
    signed = f"{header}.{encode(json.dumps({**decode(body), **claims}).encode())}"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return f"{signed}.{encode(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class Issuer:
    """An OpenID Connect issuer of the test's own, which signs any claims."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self._key.public_key().public_numbers()
        jwk = {"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig"}
        jwk |= {"n": encode(numbers.n.to_bytes(256, "big")), "e": encode(numbers.e.to_bytes(3, "big"))}
        self.documents = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [jwk]},
        }

    def token(self, **claims: Any) -> str:
        header = {"alg": "RS256", "kid": "one", "typ": "JWT"}
        signed = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"
        return f"{signed}.{encode(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(served.documents.get(self.path, {})).encode()
            self.send_response(200 if self.path in served.documents else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Issuer(server.server_port)
        Thread(target=server.serve_forever, daemon=True).start()
        yield served
        server.shutdown()


def test_the_issuer_of_a_pool_is_its_provider_url(pool: dict[str, str], tokens: dict[str, str]) -> None:
    assert pool["Issuer"] == f"https://cognito-idp.{TOKYO}.amazonaws.com/{pool['Pool']}"
    assert decode(tokens["IdToken"].split(".")[1])["iss"] == pool["Issuer"]


def test_tokens_of_a_pool_of_another_region_are_accepted_and_their_claims_reach_the_function(
    url: str, tokens: dict[str, str]
) -> None:
    for kind in ("IdToken", "AccessToken"):
        answer = httpx.get(f"{url}/rooms/lobby?after=7", headers=bearer(tokens[kind]))
        assert answer.status_code == 200, answer.text
        event = answer.json()
        claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
        assert claims["sub"] == decode(tokens[kind].split(".")[1])["sub"]
        assert (event["version"], event["routeKey"]) == ("2.0", "GET /rooms/{room}")
        assert event["pathParameters"] == {"room": "lobby"}
        assert event["queryStringParameters"] == {"after": "7"}
        assert event["requestContext"]["http"]["method"] == "GET"


def test_claims_are_strings_as_on_aws(url: str, tokens: dict[str, str]) -> None:
    event = httpx.get(f"{url}/rooms/lobby", headers=bearer(tokens["IdToken"])).json()
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    assert {name for name, value in claims.items() if not isinstance(value, str)} == set()


def test_other_tokens_are_refused(cloud: LocalCloud, url: str, pool: dict[str, str], tokens: dict[str, str]) -> None:
    token = tokens["IdToken"]
    header, body, signature = token.split(".")
    refused = {
        "none": {},
        "nonsense": bearer("a.b.c"),
        "another client": bearer(sign_in(cloud, pool["Pool"], pool["Stranger"])["IdToken"]),
        "another client, access": bearer(sign_in(cloud, pool["Pool"], pool["Stranger"])["AccessToken"]),
        "forged": bearer(forge(token)),
        "changed": bearer(f"{header}.{encode(json.dumps({**decode(body), 'sub': 'eve'}).encode())}.{signature}"),
    }
    statuses = {name: httpx.get(f"{url}/rooms/lobby", headers=headers).status_code for name, headers in refused.items()}
    assert statuses == dict.fromkeys(refused, 401)


def test_a_token_is_refused_when_it_has_expired(stacks: Any, cloud: LocalCloud, issuer: Issuer) -> None:
    api = stacks.deploy(api_template(issuer.url, "app", domain="other.example.com"), region=TOKYO)
    url = f"{cloud.http_api_url(api['Api'], TOKYO)}/rooms/lobby"
    now = int(time.time())
    lifetimes = {"live": (now - 60, now + 60), "expired": (now - 120, now - 60), "not yet": (now + 60, now + 120)}
    statuses = {}
    for name, (start, end) in lifetimes.items():
        token = issuer.token(sub="ann", aud="app", iss=issuer.url, nbf=start, iat=start, exp=end)
        statuses[name] = httpx.get(url, headers=bearer(token)).status_code
    assert statuses == {"live": 200, "expired": 401, "not yet": 401}


def test_scopes_are_required(url: str, tokens: dict[str, str]) -> None:
    assert httpx.get(f"{url}/admin", headers=bearer(tokens["AccessToken"])).status_code == 403


def test_open_routes_need_no_token_and_unknown_ones_are_not_found(url: str) -> None:
    assert httpx.get(f"{url}/health").status_code == 200
    assert httpx.get(f"{url}/nowhere").status_code == 404


def test_preflights_are_answered_for_named_origins_only(url: str) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    allowed = httpx.options(f"{url}/rooms/lobby", headers={"Origin": ORIGIN, **asked})
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert set(allowed.headers["access-control-allow-methods"].split(",")) == {"GET", "POST"}
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert allowed.headers["access-control-max-age"] == "600"
    other_origin = httpx.options(f"{url}/rooms/lobby", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in other_origin.headers


def test_answers_carry_cors_headers(url: str) -> None:
    answer = httpx.get(f"{url}/health", headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_a_custom_domain_is_regional_and_leads_to_the_api(cloud: LocalCloud, api: dict[str, str]) -> None:
    certificate = cloud.client("acm", region=OREGON).describe_certificate(CertificateArn=api["Certificate"])
    assert certificate["Certificate"]["Status"] == "ISSUED"
    assert api["Target"].endswith(f".execute-api.{OREGON}.amazonaws.com")
    assert api["Zone"]
    answer = httpx.get(f"{cloud.endpoint}/health", headers={"Host": DOMAIN})
    assert answer.status_code == 200, answer.text
    assert answer.json()["rawPath"] == "/health"


SUBPROTOCOLS = """
def handler(event, context):
    if event["requestContext"]["routeKey"] == "$connect":
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "second"}}
    return {"statusCode": 200, "body": event["body"]}
"""


def test_a_web_socket_gets_the_sub_protocol_that_the_integration_chose(cloud: LocalCloud, stacks: Any) -> None:
    api = {"Ref": "Api"}
    uri = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}/invocations"
    integration = {"ApiId": api, "IntegrationType": "AWS_PROXY", "IntegrationUri": {"Fn::Sub": uri}}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    template = {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}}},
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.14",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Code": {"ZipFile": SUBPROTOCOLS},
                },
            },
            "Permission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": {"Ref": "Function"},
                    "Principal": "apigateway.amazonaws.com",
                },
            },
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "Name": "sockets",
                    "ProtocolType": "WEBSOCKET",
                    "RouteSelectionExpression": "$request.body.action",
                },
            },
            "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": integration},
            **{
                name: {
                    "Type": "AWS::ApiGatewayV2::Route",
                    "Properties": {
                        "ApiId": api,
                        "RouteKey": key,
                        "Target": {"Fn::Sub": "integrations/${Integration}"},
                    },
                }
                for name, key in (("Connect", "$connect"), ("Default", "$default"))
            },
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {"ApiId": api, "StageName": "live", "AutoDeploy": True},
            },
        },
        "Outputs": {"ApiId": {"Value": api}},
    }
    outputs = stacks.deploy(template)
    url = f"{cloud.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{outputs['ApiId']}/live"
    offered = [Subprotocol("first"), Subprotocol("second")]
    with connect(url, subprotocols=offered) as connection:
        assert connection.subprotocol == "second"
        connection.send("hello")
        assert connection.recv(10) == "hello"
