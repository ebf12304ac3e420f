"""Who connects to a WebSocket API: whatever is offered as a token, API Gateway gets a policy that it can read."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import example, given

from tests.properties.inputs import TEXTS, UNREADABLE, altered, examples, texts, written
from tests.properties.running import Run, Subject, running

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Example"
ARN = "arn:aws:execute-api:us-east-1:111122223333:api/live/$connect"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEYS = json.dumps({"keys": [{**jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "k1"}]})
AUTHORIZATION = Subject(
    package="cdp_constructs.realtime.handlers.web_socket_authorization",
    environment={"ISSUER": ISSUER, "CLIENT_IDS": "client1,client2"},
    http=lambda *_, **__: (200, KEYS.encode()),
)
HEADER = {"alg": "RS256", "kid": "k1", "typ": "JWT"}
CLAIMS = {
    "iss": ISSUER,
    "exp": 4_000_000_000,
    "iat": 1_700_000_000,
    "nbf": 1_700_000_000,
    "token_use": "access",
    "client_id": "client1",
    "sub": "u1",
    "username": "anna",
}


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode(errors="surrogatepass")).decode().rstrip("=")


def signed(header: str, claims: str) -> str:
    """Return a token with any header and claims, signed by the user pool."""
    content = f"{encoded(header)}.{encoded(claims)}"
    signature = KEY.sign(content.encode(), padding.PKCS1v15(), SHA256())
    return f"{content}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def connection(headers: Any) -> dict[str, Any]:
    """Return what API Gateway asks when a client connects."""
    return {
        "type": "REQUEST",
        "methodArn": ARN,
        "headers": headers,
        "queryStringParameters": None,
        "requestContext": {"routeKey": "$connect", "connectionId": "c1", "identity": {"sourceIp": "192.0.2.1"}},
    }


def decide(run: Run, headers: Any, **more: Any) -> str:
    """Ask the authorizer; return its decision.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
    """
    answer = run.call({**connection(headers), **more})
    json.dumps(answer, allow_nan=False, ensure_ascii=False).encode()
    assert isinstance(answer["principalId"], str)
    assert answer["principalId"]
    assert all(isinstance(value, str | bool | int | float) for value in answer["context"].values())
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("execute-api:Invoke", ARN)
    assert statement["Effect"] == "Deny" or answer["context"]["sub"] == answer["principalId"]
    return str(statement["Effect"])


def offer(token: str) -> dict[str, str]:
    return {"Host": "live.example", "Sec-WebSocket-Protocol": f"channels, token-{token}"}


def test_a_user_of_the_pool_connects() -> None:
    with running(AUTHORIZATION) as run:
        assert decide(run, offer(signed(json.dumps(HEADER), json.dumps(CLAIMS)))) == "Allow"


def test_a_header_that_is_no_token_connects_nobody() -> None:
    token = signed(json.dumps(HEADER), json.dumps(CLAIMS))
    with running(AUTHORIZATION) as run:
        for headers in (None, {}, {"sec-websocket-protocol": ""}, {"Sec-WebSocket-Protocol": "token-"}):
            assert decide(run, headers) == "Deny"
        for text in (*TEXTS, *UNREADABLE):
            for offered in (text, f"token-{text}", f"channels,token-{text}.{text}.{text}", f"token-{token}{text}x"):
                assert decide(run, {"sec-websocket-protocol": offered}) == "Deny"


def test_a_query_is_not_read() -> None:
    token = signed(json.dumps(HEADER), json.dumps(CLAIMS))
    with running(AUTHORIZATION) as run:
        for text in TEXTS:
            assert decide(run, {}, queryStringParameters={"token": token, text: text}) == "Deny"


def test_a_token_of_any_header_that_somebody_else_signed_connects_nobody() -> None:
    _, claims, signature = signed(json.dumps(HEADER), json.dumps(CLAIMS)).split(".")
    with running(AUTHORIZATION) as run:

        @examples(40)
        @given(header=texts({**HEADER, "crit": ["exp"], "b64": False, "jku": "https://a.example", "x5c": ["MII"]}))
        def holds(header: str) -> None:
            assert decide(run, offer(f"{encoded(header)}.{claims}.{signature}")) == "Deny"

        for header in UNREADABLE:
            holds = example(header=header)(holds)
        holds()


def test_claims_of_any_kind_connect_nobody_or_a_user() -> None:
    """The pool's own tokens: a claim that a trigger of the pool adds may be of any type."""
    with running(AUTHORIZATION) as run:

        @examples(60)
        @given(claims=altered({**CLAIMS, "cognito:username": "anna", "extra": {"a": [1]}}).map(written))
        def holds(claims: str) -> None:
            decide(run, offer(signed(json.dumps(HEADER), claims)))

        for claims in UNREADABLE:
            holds = example(claims=claims)(holds)
        for name in CLAIMS:
            holds = example(claims=json.dumps(CLAIMS | {name: None}).replace("null", "1e999"))(holds)
        holds()


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_time_of_any_kind_is_an_answer(name: str) -> None:
    with running(AUTHORIZATION) as run:
        for number in ("1e999", "-1e999", "9" * 4000, "NaN", '"soon"', "[]", "null", "true"):
            claims = json.dumps(CLAIMS | {name: "?"}).replace('"?"', number)
            assert decide(run, offer(signed(json.dumps(HEADER), claims))) in {"Allow", "Deny"}


def test_a_made_up_key_costs_one_request_a_minute() -> None:
    with running(AUTHORIZATION) as run:
        asked = 0
        began = time.monotonic()
        for number in range(20):
            token = signed(json.dumps({**HEADER, "kid": f"k{number + 2}"}), json.dumps(CLAIMS))
            assert decide(run, offer(token)) == "Deny"
            asked += len([name for name, _ in run.world.calls if name == "http.GET"])
        assert asked == 1 or time.monotonic() - began > 60
