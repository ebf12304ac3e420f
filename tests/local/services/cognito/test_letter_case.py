"""Cognito: where a pool does not distinguish cases, an address in another case is the same user."""

from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

PASSWORD = "Correct-Horse-9"


@pytest.fixture
def pool(cloud: LocalCloud, name: Callable[[str], str]) -> Callable[..., tuple[str, str]]:
    def make(*, case_sensitive: bool) -> tuple[str, str]:
        client = cloud.client("cognito-idp")
        made = client.create_user_pool(
            PoolName=name("case"),
            UsernameAttributes=["email"],
            UsernameConfiguration={"CaseSensitive": case_sensitive},
        )["UserPool"]["Id"]
        app = client.create_user_pool_client(
            UserPoolId=made, ClientName="app", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
        )
        return made, app["UserPoolClient"]["ClientId"]

    return make


def test_another_case_is_the_same_user(cloud: LocalCloud, pool: Callable[..., tuple[str, str]]) -> None:
    client: Any = cloud.client("cognito-idp")
    made, app = pool(case_sensitive=False)
    client.admin_create_user(UserPoolId=made, Username="Ann@Example.com", MessageAction="SUPPRESS")
    client.admin_set_user_password(UserPoolId=made, Username="ann@example.COM", Password=PASSWORD, Permanent=True)
    with pytest.raises(client.exceptions.UsernameExistsException):
        client.admin_create_user(UserPoolId=made, Username="ann@example.com", MessageAction="SUPPRESS")
    with pytest.raises(client.exceptions.UsernameExistsException):
        client.sign_up(ClientId=app, Username="ANN@example.com", Password=PASSWORD)
    signed_in = client.initiate_auth(
        ClientId=app,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann@example.com", "PASSWORD": PASSWORD},
    )
    assert signed_in["AuthenticationResult"]["AccessToken"]


def test_a_pool_that_distinguishes_cases_has_two_users(cloud: LocalCloud, pool: Callable[..., tuple[str, str]]) -> None:
    client: Any = cloud.client("cognito-idp")
    made, _ = pool(case_sensitive=True)
    for address in ("Ann@example.com", "ann@example.com"):
        client.admin_create_user(UserPoolId=made, Username=address, MessageAction="SUPPRESS")
    with pytest.raises(client.exceptions.UserNotFoundException):
        client.admin_get_user(UserPoolId=made, Username="ANN@example.com")
