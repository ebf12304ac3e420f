"""Members of a user pool sign in at a server with the tokens of the pool, and nobody else does."""

from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.stacks.dojo.app.chats import Chat
from tests.stacks.dojo.app.stores import REGION

pytestmark = pytest.mark.conformance
PASSWORD = "Not-for-production-1"


def pool_of(cloud: LocalCloud) -> dict[str, str]:
    users = cloud.client("cognito-idp", region=REGION)
    pool: str = users.create_user_pool(PoolName="chat")["UserPool"]["Id"]
    flows: Any = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    client = users.create_user_pool_client(UserPoolId=pool, ClientName="chat", ExplicitAuthFlows=flows)
    return {"user_pool_id": pool, "user_pool_client": client["UserPoolClient"]["ClientId"]}


def tokens(cloud: LocalCloud, pool: dict[str, str], name: str) -> Any:
    users = cloud.client("cognito-idp", region=REGION)
    users.admin_create_user(UserPoolId=pool["user_pool_id"], Username=name, MessageAction="SUPPRESS")
    users.admin_set_user_password(UserPoolId=pool["user_pool_id"], Username=name, Password=PASSWORD, Permanent=True)
    given = {"USERNAME": name, "PASSWORD": PASSWORD}
    client = pool["user_pool_client"]
    answer = users.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
    return answer["AuthenticationResult"]


def test_who_has_a_token_of_the_pool_takes_a_name_and_nobody_else_signs_in_to_it(
    cloud: LocalCloud, chat: Chat, room: str
) -> None:
    pool, other = pool_of(cloud), pool_of(cloud)
    server = chat.server(sign_in="user_pool", **pool)
    ann, ben, stranger = tokens(cloud, pool, "ann"), tokens(cloud, pool, "ben"), tokens(cloud, other, "ann")
    name = f"ann-{room[-6:]}"
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as http:

        def ask(path: str, **body: str) -> httpx.Response:
            return http.post(path, json={"name": name, **body})

        for path in ("/people", "/sessions"):
            assert ask(path, password="a long password").status_code == 400
            assert ask(path, token=stranger["IdToken"]).status_code == 401
            assert ask(path, token=ann["AccessToken"][:-8] + "AAAAAAAA").status_code == 401
        assert ask("/people", token=ann["IdToken"]).status_code == 201
        assert ask("/people", token=ben["IdToken"]).status_code == 409
        assert ask("/sessions", token=ben["AccessToken"]).status_code == 401
        session = ask("/sessions", token=ann["AccessToken"])
        assert session.status_code == 201
        headers = {"Authorization": f"Bearer {session.json()['token']}"}
        assert http.get(f"/rooms/{room}/messages", headers=headers).status_code == 200
        # A token of the pool is no session.
        headers = {"Authorization": f"Bearer {ann['AccessToken']}"}
        assert http.get(f"/rooms/{room}/messages", headers=headers).status_code == 401
