"""HTTP APIs: JWT authorizers with user pools of another Region and other issuers."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import function, rest_api, role
from tests.local.services.apigateway.apis import TOKYO, api_template
from tests.local.services.apigateway.tokens import Issuer, bearer, decode, encode, forge, sign_in


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
        "refresh": bearer(tokens["RefreshToken"]),
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


def test_one_of_the_scopes_of_a_route_is_required(url: str, tokens: dict[str, str]) -> None:
    def statuses(path: str) -> list[int]:
        kinds = ("AccessToken", "IdToken", "RefreshToken")
        return [httpx.get(f"{url}{path}", headers=bearer(tokens[kind])).status_code for kind in kinds]

    # An id token has no scopes, and a refresh token is none to an authorizer.
    assert statuses("/mine") == [200, 403, 401]
    assert statuses("/admin") == [403, 403, 401]


def test_a_refresh_token_opens_no_rest_api(
    stacks: Any, cloud: LocalCloud, pool: dict[str, str], tokens: dict[str, str]
) -> None:
    resources = rest_api()
    arn = {"Fn::Sub": f"arn:aws:cognito-idp:{TOKYO}:${{AWS::AccountId}}:userpool/{pool['Pool']}"}
    resources["Authorizer"] = {
        "Type": "AWS::ApiGateway::Authorizer",
        "Properties": {
            "RestApiId": {"Ref": "Api"},
            "Name": "people",
            "Type": "COGNITO_USER_POOLS",
            "IdentitySource": "method.request.header.Authorization",
            "ProviderARNs": [arn],
        },
    }
    own = {"AuthorizationType": "COGNITO_USER_POOLS", "AuthorizerId": {"Ref": "Authorizer"}}
    resources["Any"]["Properties"] |= own
    outputs = stacks.deploy({"Resources": resources, "Outputs": {"Api": {"Value": {"Ref": "Api"}}}}, region=TOKYO)
    url = f"{cloud.endpoint}/_aws/execute-api/{outputs['Api']}/live/rooms"
    statuses = {
        kind: httpx.get(url, headers={"Authorization": token}).status_code
        for kind, token in tokens.items()
        if kind.endswith("Token")
    }
    assert statuses == {"AccessToken": 200, "IdToken": 200, "RefreshToken": 401}


TOKEN_AUTHORIZER = """
def handler(event, context):
    effect = event["authorizationToken"]
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {"principalId": "user", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"""


def test_a_function_authorizes_with_effects_in_any_case_and_a_denial_says_so(stacks: Any, cloud: LocalCloud) -> None:
    uri = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}/invocations"
    resources = rest_api()
    resources |= {
        "Role": role(),
        "Function": function(TOKEN_AUTHORIZER, "Role"),
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Function"},
                "Principal": "apigateway.amazonaws.com",
            },
        },
        "Authorizer": {
            "Type": "AWS::ApiGateway::Authorizer",
            "Properties": {
                "RestApiId": {"Ref": "Api"},
                "Name": "by-token",
                "Type": "TOKEN",
                "IdentitySource": "method.request.header.Authorization",
                "AuthorizerUri": {"Fn::Sub": uri},
            },
        },
    }
    resources["Any"]["Properties"] |= {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": "Authorizer"}}
    outputs = stacks.deploy({"Resources": resources, "Outputs": {"Api": {"Value": {"Ref": "Api"}}}})
    url = f"{cloud.endpoint}/_aws/execute-api/{outputs['Api']}/live/rooms"
    answers = {token: httpx.get(url, headers={"Authorization": token}) for token in ("allow", "Allow", "deny")}
    assert {token: answer.status_code for token, answer in answers.items()} == {"allow": 200, "Allow": 200, "deny": 403}
    denied = "User is not authorized to access this resource with an explicit deny"
    assert answers["deny"].json() == {"Message": denied}
