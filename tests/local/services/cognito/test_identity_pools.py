"""Identity pools: whose tokens are taken, and which role comes of them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.services.cognito.conftest import TOKYO
from tests.local.services.cognito.pools import sign_in, sign_up

COGNITO = "cognito-identity.amazonaws.com"


@pytest.fixture(scope="module")
def users(cloud: LocalCloud, cognito: Any) -> dict[str, str]:
    """Return a user pool with one client, and the id token of somebody in two groups of the same precedence."""
    pool = cognito.create_user_pool(PoolName="people", UsernameAttributes=["email"])["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="web", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    made = {"Pool": pool, "Client": client}
    sign_up(cognito, made, "amy@example.com")
    for name in ("red", "blue"):
        role = new_role(cloud, f"group-{name}", {"StringLike": {f"{COGNITO}:aud": "*"}})
        cognito.create_group(UserPoolId=pool, GroupName=name, RoleArn=role, Precedence=1)
        cognito.admin_add_user_to_group(UserPoolId=pool, Username="amy@example.com", GroupName=name)
    return {**made, "Token": sign_in(cognito, made, "amy@example.com")["IdToken"]}


def new_role(cloud: LocalCloud, name: str, condition: dict[str, Any]) -> str:
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": COGNITO},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn: str = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    return arn


class Pool:
    """An identity pool, and what it answers to somebody's token."""

    def __init__(self, client: Any, users: dict[str, str], pool: str) -> None:
        self._client, self.id = client, pool
        self.provider = f"cognito-idp.{TOKYO}.amazonaws.com/{users['Pool']}"
        self.mapping = f"{self.provider}:{users['Client']}"
        self.logins = {self.provider: users["Token"]}

    def set_roles(self, role: str, **mapping: Any) -> None:
        mappings = {"RoleMappings": {self.mapping: mapping}} if mapping else {}
        self._client.set_identity_pool_roles(IdentityPoolId=self.id, Roles={"authenticated": role}, **mappings)

    def role(self, cloud: LocalCloud, **more: Any) -> str:
        identity = self._client.get_id(IdentityPoolId=self.id, Logins=self.logins)["IdentityId"]
        answer = self._client.get_credentials_for_identity(IdentityId=identity, Logins=self.logins, **more)
        caller = cloud.client("sts", credentials=answer["Credentials"]).get_caller_identity()
        name: str = caller["Arn"].split("/")[1]
        return name


@pytest.fixture
def new_pool(cloud: LocalCloud, users: dict[str, str]) -> Iterator[Callable[..., Pool]]:
    client = cloud.client("cognito-identity", region=TOKYO)
    made: list[str] = []

    def make(**options: Any) -> Pool:
        provider = {
            "ProviderName": f"cognito-idp.{TOKYO}.amazonaws.com/{users['Pool']}",
            "ClientId": users["Client"],
            "ServerSideTokenCheck": True,
        }
        pool = client.create_identity_pool(
            IdentityPoolName=f"people{len(made)}",
            CognitoIdentityProviders=[provider],
            **{"AllowUnauthenticatedIdentities": False, **options},
        )["IdentityPoolId"]
        made.append(pool)
        return Pool(client, users, pool)

    yield make
    for pool in made:
        client.delete_identity_pool(IdentityPoolId=pool)


@pytest.fixture(scope="module")
def plain(cloud: LocalCloud) -> str:
    return new_role(cloud, "plain", {"ForAnyValue:StringLike": {f"{COGNITO}:amr": "authenticated"}})


@pytest.fixture(scope="module")
def strict(cloud: LocalCloud) -> str:
    return new_role(cloud, "strict", {"StringEquals": {f"{COGNITO}:aud": "another-pool"}})


def test_a_role_has_to_be_there_and_to_trust_the_pool(
    cloud: LocalCloud, new_pool: Callable[..., Pool], plain: str, strict: str
) -> None:
    pool = new_pool()
    with pytest.raises(ClientError, match="InvalidIdentityPoolConfigurationException"):
        pool.role(cloud)
    pool.set_roles(strict)
    with pytest.raises(ClientError, match="InvalidIdentityPoolConfigurationException"):
        pool.role(cloud)
    pool.set_roles(plain)
    assert pool.role(cloud) == "plain"


def test_groups_of_the_same_precedence_are_ambiguous(
    cloud: LocalCloud, new_pool: Callable[..., Pool], plain: str
) -> None:
    pool = new_pool()
    pool.set_roles(plain, Type="Token", AmbiguousRoleResolution="AuthenticatedRole")
    assert pool.role(cloud) == "plain"
    chosen = cloud.client("iam").get_role(RoleName="group-red")["Role"]["Arn"]
    assert pool.role(cloud, CustomRoleArn=chosen) == "group-red"
    pool.set_roles(plain, Type="Token", AmbiguousRoleResolution="Deny")
    with pytest.raises(ClientError, match="NotAuthorizedException"):
        pool.role(cloud)


@pytest.mark.parametrize(
    ("match", "value", "role"),
    [
        ("Equals", "amy@example.com", "group-blue"),
        ("StartsWith", "amy@", "group-blue"),
        ("Contains", "example", "group-blue"),
        ("NotEqual", "bob@example.com", "group-blue"),
        ("Equals", "amy", "plain"),
    ],
)
def test_the_first_rule_that_is_true_gives_the_role(
    cloud: LocalCloud, new_pool: Callable[..., Pool], plain: str, *, match: str, value: str, role: str
) -> None:
    pool = new_pool()
    arn = cloud.client("iam").get_role(RoleName="group-blue")["Role"]["Arn"]
    never = {"Claim": "nothing", "MatchType": "NotEqual", "Value": "x", "RoleARN": plain}
    rules = [never, {"Claim": "email", "MatchType": match, "Value": value, "RoleARN": arn}]
    pool.set_roles(
        plain, Type="Rules", AmbiguousRoleResolution="AuthenticatedRole", RulesConfiguration={"Rules": rules}
    )
    assert pool.role(cloud) == role


def test_the_classic_flow_is_an_option(cloud: LocalCloud, new_pool: Callable[..., Pool]) -> None:
    client = cloud.client("cognito-identity", region=TOKYO)
    for allowed in (True, False):
        pool = new_pool(AllowClassicFlow=allowed)
        identity = client.get_id(IdentityPoolId=pool.id, Logins=pool.logins)["IdentityId"]
        if allowed:
            assert client.get_open_id_token(IdentityId=identity, Logins=pool.logins)["Token"].count(".") == 2
        else:
            with pytest.raises(ClientError, match="classic"):
                client.get_open_id_token(IdentityId=identity, Logins=pool.logins)
