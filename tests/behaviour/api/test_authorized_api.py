"""An API on the embedded cloud, called by users, by strangers, and by pages of other sites."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_

from cdp_constructs import AuthorizedApi, SignInUserPool
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture

Deploy = Callable[[Callable[..., Any]], Deployment]

ORIGIN = "https://shop.example.com"
PASSWORD = "Correct-horse-9!"
RATE_LIMIT = 10
WHO = """
def handler(event, context):
    return {"user": event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"], "route": event["routeKey"]}
"""


@architecture
def shop(stack: Stack) -> AuthorizedApi:
    function = lambda_.Function(
        stack,
        "Who",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(WHO),
    )
    by_password = cognito.AuthFlow(user_password=True)
    ours = SignInUserPool(stack, "Ours", auth_flows=by_password, removal_policy=RemovalPolicy.DESTROY)
    theirs = SignInUserPool(stack, "Theirs", auth_flows=by_password, removal_policy=RemovalPolicy.DESTROY)
    limited = SignInUserPool(
        stack, "Limited", auth_flows=by_password, rate_limit=RATE_LIMIT, removal_policy=RemovalPolicy.DESTROY
    )
    api = AuthorizedApi(stack, "Shop", allowed_origins=[ORIGIN], issuer=ours.issuer)
    api.add_routes(["GET /orders/{order}", "PUT /orders/{order}"], function)
    api.add_routes(["DELETE /orders/{order}"], function, authorization_scopes=["shop/admin"])
    CfnOutput(stack, "ApiId", value=api.api.api_id)
    for name, users in (("Ours", ours), ("Theirs", theirs), ("Limited", limited)):
        CfnOutput(stack, f"{name}Pool", value=users.user_pool.user_pool_id)
        CfnOutput(stack, f"{name}Client", value=users.user_pool_client.user_pool_client_id)
    return api


class Shop:
    """The deployed API, and people with accounts in two pools."""

    def __init__(self, cloud: LocalCloud, deployment: Deployment) -> None:
        ((_, self.outputs),) = deployment.outputs.items()
        self.cognito = cloud.client("cognito-idp")
        self.url = cloud.http_api_url(self.outputs["ApiId"])

    def sign_in(self, pool: str, name: str) -> dict[str, str]:
        client = self.outputs[f"{pool}Client"]
        self.cognito.sign_up(ClientId=client, Username=name, Password=PASSWORD)
        self.cognito.admin_confirm_sign_up(UserPoolId=self.outputs[f"{pool}Pool"], Username=name)
        given = {"USERNAME": name, "PASSWORD": PASSWORD}
        answer = self.cognito.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
        tokens: dict[str, str] = answer["AuthenticationResult"]
        return tokens

    def call(self, method: str, token: str | None, **headers: str) -> httpx.Response:
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.request(method, f"{self.url}/orders/7", headers={**authorization, **headers})


@pytest.fixture(scope="session")
def front(local_cloud: LocalCloud, deployed: Deploy) -> Shop:
    return Shop(local_cloud, deployed(shop))


@pytest.fixture(scope="session")
def tokens(front: Shop) -> dict[str, str]:
    return front.sign_in("Ours", "user@example.com")


def test_the_function_learns_who_calls(front: Shop, tokens: dict[str, str]) -> None:
    attributes = front.cognito.get_user(AccessToken=tokens["AccessToken"])["UserAttributes"]
    subject = next(item["Value"] for item in attributes if item["Name"] == "sub")
    for method in ("GET", "PUT"):
        answer = front.call(method, tokens["AccessToken"])
        assert (answer.status_code, answer.json()) == (200, {"user": subject, "route": f"{method} /orders/{{order}}"})


def test_nobody_else_gets_in(front: Shop, tokens: dict[str, str]) -> None:
    stranger = front.sign_in("Theirs", "user@example.com")["AccessToken"]
    head, payload, signature = tokens["AccessToken"].split(".")
    refused = {
        "without a token": None,
        "with a token of another pool": stranger,
        "with a changed signature": f"{head}.{payload}.{signature[::-1]}",
        "with something else": "made.up.token",
    }
    answers = {who: front.call("GET", token).status_code for who, token in refused.items()}
    assert answers == dict.fromkeys(refused, 401)


def test_a_route_with_scopes_wants_one_of_them(front: Shop, tokens: dict[str, str]) -> None:
    assert front.call("DELETE", tokens["AccessToken"]).status_code == 403


def test_a_session_is_renewed_and_ends_when_it_is_revoked(front: Shop) -> None:
    client = front.outputs["OursClient"]
    # A user of its own: the tokens of the others still count when this session has ended.
    tokens = front.sign_in("Ours", "leaving@example.com")
    given = {"ClientId": client, "RefreshToken": tokens["RefreshToken"]}
    renewed = front.cognito.get_tokens_from_refresh_token(**given)["AuthenticationResult"]
    assert renewed["ExpiresIn"] == 4 * 3600
    assert front.call("GET", renewed["AccessToken"]).status_code == 200
    assert renewed["RefreshToken"] != tokens["RefreshToken"], "each renewal returns the next one"
    # A client whose answer was lost may try again with the token that it still has, for a minute.
    again = front.cognito.get_tokens_from_refresh_token(**given)["AuthenticationResult"]
    assert front.call("GET", again["AccessToken"]).status_code == 200
    # The way that returns no new refresh token is closed.
    with pytest.raises(front.cognito.exceptions.ClientError):
        front.cognito.initiate_auth(
            ClientId=client,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": renewed["RefreshToken"]},
        )
    front.cognito.revoke_token(Token=renewed["RefreshToken"], ClientId=client)
    with pytest.raises(front.cognito.exceptions.NotAuthorizedException):
        front.cognito.get_tokens_from_refresh_token(ClientId=client, RefreshToken=renewed["RefreshToken"])


def test_one_address_cannot_have_mails_sent_without_end(front: Shop) -> None:
    client = front.outputs["LimitedClient"]
    front.cognito.sign_up(ClientId=client, Username="new@example.com", Password=PASSWORD)
    signed_in = front.sign_in("Limited", "known@example.com")

    def is_answered() -> bool:
        try:
            front.cognito.resend_confirmation_code(ClientId=client, Username="new@example.com")
        except front.cognito.exceptions.ForbiddenException:
            return False
        return True

    answered = [is_answered() for _ in range(RATE_LIMIT + 1)]
    assert (answered[0], answered[-1]) == (True, False)
    # Who is signed in stays so, also behind an address that somebody misuses.
    token = signed_in["RefreshToken"]
    assert front.cognito.get_tokens_from_refresh_token(ClientId=client, RefreshToken=token)["AuthenticationResult"]


@pytest.mark.parametrize(
    "password", ["short-1A", "no-digits-at-All", "no-upper-case-1", "NO-LOWER-CASE-1", "NoSymbols111"]
)
def test_weak_passwords_are_refused(front: Shop, password: str) -> None:
    with pytest.raises(front.cognito.exceptions.InvalidPasswordException):
        front.cognito.sign_up(ClientId=front.outputs["OursClient"], Username="weak@example.com", Password=password)


def test_pages_of_the_named_origin_may_call_and_others_may_not(front: Shop) -> None:
    def preflight(origin: str) -> httpx.Response:
        asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
        return front.call("OPTIONS", None, Origin=origin, **asked)

    allowed = preflight(ORIGIN)
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert "PUT" in allowed.headers["access-control-allow-methods"]
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-origin" not in preflight("https://evil.example.com").headers
