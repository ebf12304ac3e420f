"""People sign in to a user pool with providers of OpenID Connect that have real keys; some of them are attackers."""

import base64
import hashlib
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from aws_cdk import CfnOutput, Environment, RemovalPolicy, SecretValue, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_secretsmanager as secretsmanager
from botocore.exceptions import ClientError

from cdp_constructs import AccountLinking, IdentityProvider, SignInUserPool, UserIdentityPool
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture
from tests.openid_provider import OpenIdProvider

Deploy = Callable[[Callable[..., Any]], Deployment]

CALLBACK = "https://shop.example.com/signed-in"
PASSWORD = "Correct-horse-9!"
SECRET = "secret-of-the-test"
REGION = "eu-west-1"
EXISTS = "An account with this address exists. Sign in as you did before."


def add_pool(stack: Stack, name: str, linking: AccountLinking) -> SignInUserPool:
    users = SignInUserPool(
        stack,
        name,
        auth_flows=cognito.AuthFlow(user_password=True),
        removal_policy=RemovalPolicy.DESTROY,
    )
    secret = secretsmanager.Secret(stack, f"{name}Secret", secret_string_value=SecretValue.unsafe_plain_text(SECRET))
    users.add_identity_providers(
        [
            IdentityProvider.oidc(
                name=provider,
                issuer_url=f"https://{provider.lower()}.example.com",
                client_id="shop",
                client_secret=secret,
                trusted_email=provider != "Anybody",
            )
            for provider in ("Works", "School", "Anybody")
        ],
        domain_prefix=f"shop-{name.lower()}",
        callback_urls=[CALLBACK],
        linking=linking,
    )
    CfnOutput(stack, f"{name}Pool", value=users.user_pool.user_pool_id)
    CfnOutput(stack, f"{name}Client", value=users.user_pool_client.user_pool_client_id)
    return users


@architecture(env=Environment(region=REGION))
def federated(stack: Stack) -> None:
    linking = add_pool(stack, "Linking", AccountLinking.LINK_VERIFIED)
    add_pool(stack, "Refusing", AccountLinking.REFUSE)
    identities = UserIdentityPool(stack, "Identities", issuer=linking.issuer, removal_policy=RemovalPolicy.DESTROY)
    CfnOutput(stack, "IdentityPool", value=identities.identity_pool.ref)


class RefusedSignInError(Exception):
    """What the application is told at its callback address."""


class SignIn:
    """Sends a browser through a sign-in, up to the tokens."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str], providers: dict[str, OpenIdProvider]) -> None:
        self.cloud, self.outputs, self.providers = cloud, outputs, providers
        self.cognito = cloud.client("cognito-idp", region=REGION)

    def start(self, pool: str, provider: str, **more: str) -> httpx.Response:
        asked = {
            "client_id": self.outputs[f"{pool}Client"],
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "identity_provider": provider,
            "scope": "openid email profile",
            "state": "of-the-application",
            **more,
        }
        return httpx.get(f"{self.cloud.endpoint}/oauth2/authorize", params=asked)

    def code(self, pool: str, provider: str, verifier: str = "") -> str:
        """Return the code that the application gets.

        Raises:
            RefusedSignInError: with what the application is told instead.
        """
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        pkce = {"code_challenge": challenge, "code_challenge_method": "S256"} if verifier else {}
        at_provider = httpx.get(self.start(pool, provider, **pkce).headers["Location"]).headers["Location"]
        back = urlsplit(at_provider)
        assert back.hostname == f"shop-{pool.lower()}.auth.{REGION}.amazoncognito.com", "the pool's own domain"
        returned = httpx.get(f"{self.cloud.endpoint}{back.path}?{back.query}")
        assert returned.status_code == httpx.codes.FOUND, returned.text
        location = returned.headers["Location"]
        told = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert location.startswith(f"{CALLBACK}?")
        assert told["state"] == "of-the-application"
        if "code" not in told:
            raise RefusedSignInError(told["error_description"])
        return told["code"]

    def tokens(self, pool: str, code: str, verifier: str = "") -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": self.outputs[f"{pool}Client"],
            "redirect_uri": CALLBACK,
            "code": code,
            **({"code_verifier": verifier} if verifier else {}),
        }
        return httpx.post(f"{self.cloud.endpoint}/oauth2/token", data=form)

    def __call__(self, pool: str, provider: str, **claims: Any) -> dict[str, Any]:
        """Sign in as somebody at a provider and return the claims of the id token."""
        self.providers[provider].claims = claims
        verifier = secrets.token_urlsafe(32)
        answer = self.tokens(pool, self.code(pool, provider, verifier), verifier)
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = jwt.decode(answer.json()["id_token"], options={"verify_signature": False})
        return {**said, "token": answer.json()["id_token"]}

    def with_password(self, pool: str, address: str, *, confirmed: bool = True, verified: bool = True) -> str:
        """Make an account with a password and return who it is."""
        pool_id = self.outputs[f"{pool}Pool"]
        client = self.outputs[f"{pool}Client"]
        sub: str = self.cognito.sign_up(
            ClientId=client,
            Username=address,
            Password=PASSWORD,
            UserAttributes=[{"Name": "email", "Value": address}],
        )["UserSub"]
        if confirmed:
            self.cognito.admin_confirm_sign_up(UserPoolId=pool_id, Username=address)
        if verified:
            flag = [{"Name": "email_verified", "Value": "true"}]
            self.cognito.admin_update_user_attributes(UserPoolId=pool_id, Username=address, UserAttributes=flag)
        return sub


@pytest.fixture(scope="session")
def sign_in(local_cloud: LocalCloud, deployed: Deploy) -> Iterator[SignIn]:
    ((_, outputs),) = deployed(federated).outputs.items()
    admin = local_cloud.client("cognito-idp", region=REGION)
    with ExitStack() as stack:
        providers = {}
        for name in ("Works", "School", "Anybody"):
            provider = OpenIdProvider(f"https://{name.lower()}.example.com", "shop", SECRET)
            providers[name] = stack.enter_context(provider.serving())
            for pool in ("LinkingPool", "RefusingPool"):
                # Its endpoints are on this machine; on AWS they are discovered at the issuer's https address.
                given = {"UserPoolId": outputs[pool], "ProviderName": name}
                details = admin.describe_identity_provider(**given)["IdentityProvider"]["ProviderDetails"]
                assert details["client_secret"] == SECRET, "resolved by CloudFormation"
                admin.update_identity_provider(**given, ProviderDetails={**details, **provider.endpoints})
        yield SignIn(local_cloud, outputs, providers)


@pytest.fixture
def address() -> str:
    return f"{uuid.uuid4().hex}@example.com"


@pytest.fixture
def subject() -> str:
    return uuid.uuid4().hex


def test_somebody_signs_in_with_a_provider_and_stays_the_same_user(sign_in: SignIn, address: str, subject: str) -> None:
    person = {"sub": subject, "email": address, "email_verified": True, "name": "Ada"}
    first = sign_in("Linking", "Works", **person)
    assert first["cognito:username"] == f"Works_{subject}"
    assert (first["email"], first["email_verified"], first["name"]) == (address, True, "Ada")
    assert first["identities"][0]["providerName"] == "Works"
    assert sign_in("Linking", "Works", **person)["sub"] == first["sub"]


def test_only_mapped_claims_become_attributes(sign_in: SignIn, address: str, subject: str) -> None:
    said = {"sub": subject, "email": address, "email_verified": True, "custom:plan": "gold", "nickname": "root"}
    claims = sign_in("Linking", "Anybody", **said)
    assert not {"custom:plan", "nickname"} & claims.keys()
    assert claims["email_verified"] is False, "the provider is not trusted with that"


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://other.example.com"},
        {"aud": "another-client"},
        {"exp": 1},
        {"sub": None},
        "forged",
    ],
    ids=str,
)
def test_what_the_provider_did_not_sign_for_this_pool_is_refused(
    sign_in: SignIn, address: str, subject: str, wrong: Any
) -> None:
    provider = sign_in.providers["Works"]
    person = {"sub": subject, "email": address, "email_verified": True}
    provider.forged = wrong == "forged"
    try:
        with pytest.raises(RefusedSignInError, match="id_token"):
            sign_in("Linking", "Works", **{**person, **({} if wrong == "forged" else wrong)})
    finally:
        provider.forged = False
    assert sign_in("Linking", "Works", **person)["email"] == address


def test_a_code_is_of_no_use_to_who_did_not_begin_the_sign_in(sign_in: SignIn, address: str, subject: str) -> None:
    sign_in.providers["Works"].claims = {"sub": subject, "email": address}
    for presented in ("", "another-verifier-of-an-attacker"):
        code = sign_in.code("Linking", "Works", verifier="of-the-application")
        answer = sign_in.tokens("Linking", code, presented)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_only_providers_and_addresses_of_the_client_are_served(sign_in: SignIn) -> None:
    assert sign_in.start("Linking", "Elsewhere").status_code == 400
    assert sign_in.start("Linking", "Works", redirect_uri="https://evil.example.com/").status_code == 400


def test_a_verified_address_at_a_trusted_provider_gets_into_the_account_that_has_it(
    sign_in: SignIn, address: str, subject: str
) -> None:
    sub = sign_in.with_password("Linking", address)
    claims = sign_in("Linking", "Works", sub=subject, email=address, email_verified=True)
    assert claims["sub"] == sub
    # Another trusted provider: the same account, which has two ways in beside the password.
    again = sign_in("Linking", "School", sub=subject, email=address, email_verified=True)
    assert again["sub"] == sub
    assert {identity["providerName"] for identity in again["identities"]} == {"Works", "School"}


def test_an_account_of_one_provider_takes_another_trusted_one(sign_in: SignIn, address: str, subject: str) -> None:
    person = {"sub": subject, "email": address, "email_verified": True}
    first = sign_in("Linking", "Works", **person)
    assert sign_in("Linking", "School", **person)["sub"] == first["sub"]


@pytest.mark.parametrize(
    ("provider", "verified"), [("Anybody", True), ("Anybody", False), ("Works", False), ("Works", None)]
)
def test_writing_an_address_into_a_profile_takes_nobodys_account(
    sign_in: SignIn, address: str, subject: str, provider: str, verified: bool | None
) -> None:
    victim = sign_in.with_password("Linking", address)
    claims = {} if verified is None else {"email_verified": verified}
    for _ in range(2):
        with pytest.raises(RefusedSignInError, match=EXISTS):
            sign_in("Linking", provider, sub=subject, email=address, **claims)
    users = sign_in.cognito.list_users(UserPoolId=sign_in.outputs["LinkingPool"], Filter=f'email = "{address}"')
    (account,) = users["Users"]
    attributes = {item["Name"]: item["Value"] for item in account["Attributes"]}
    assert (attributes["sub"], "identities" in attributes) == (victim, False)


def test_an_account_that_was_made_in_advance_gets_nobodys_sign_in(sign_in: SignIn, address: str, subject: str) -> None:
    """An attacker signs up with the victim's address and waits; the victim then comes with a trusted provider."""
    attacker = sign_in.with_password("Linking", address, confirmed=False, verified=False)
    victim = sign_in("Linking", "Works", sub=subject, email=address, email_verified=True)
    assert victim["sub"] != attacker
    # With a provider that nobody trusts it is the same.
    squatter = sign_in("Linking", "Anybody", sub=f"{subject}2", email=f"x{address}", email_verified=True)
    late = sign_in("Linking", "Works", sub=f"{subject}3", email=f"x{address}", email_verified=True)
    assert late["sub"] != squatter["sub"]


def test_nobody_signs_up_with_a_password_over_an_account_of_a_provider(
    sign_in: SignIn, address: str, subject: str
) -> None:
    sign_in("Linking", "Works", sub=subject, email=address, email_verified=True)
    # Cognito's own refusal, or the rule's, whichever comes first.
    with pytest.raises(ClientError, match="exists"):
        sign_in.with_password("Linking", address)


def test_refusing_links_nothing(sign_in: SignIn, address: str, subject: str) -> None:
    sign_in.with_password("Refusing", address)
    with pytest.raises(RefusedSignInError, match=EXISTS):
        sign_in("Refusing", "Works", sub=subject, email=address, email_verified=True)
    assert sign_in("Refusing", "Works", sub=subject, email=f"x{address}", email_verified=True)["sub"]


def test_an_address_that_changes_at_an_untrusted_provider_is_not_verified(
    sign_in: SignIn, address: str, subject: str
) -> None:
    """Cognito takes attributes over at every sign-in and asks nobody: what is left is the flag."""
    victim = sign_in("Linking", "Works", sub=subject, email=address, email_verified=True)
    sign_in("Linking", "Anybody", sub=f"{subject}2", email=f"x{address}", email_verified=True)
    changed = sign_in("Linking", "Anybody", sub=f"{subject}2", email=address, email_verified=True)
    assert (changed["email"], changed["email_verified"]) == (address, False)
    assert changed["sub"] != victim["sub"]


def test_addresses_with_signs_of_a_filter_find_nobody_else(sign_in: SignIn, address: str, subject: str) -> None:
    victim = sign_in.with_password("Linking", address)
    tricky = f'"x\\" or email = \\"{address}"@example.com'
    claims = sign_in("Linking", "Works", sub=subject, email=tricky, email_verified=True)
    assert claims["sub"] != victim


def test_a_federated_user_gets_credentials_of_the_identity_pool(sign_in: SignIn, address: str, subject: str) -> None:
    claims = sign_in("Linking", "Works", sub=subject, email=address, email_verified=True)
    identities = sign_in.cloud.client("cognito-identity", region=REGION)
    logins = {claims["iss"].removeprefix("https://"): claims["token"]}
    identity = identities.get_id(IdentityPoolId=sign_in.outputs["IdentityPool"], Logins=logins)["IdentityId"]
    credentials = identities.get_credentials_for_identity(IdentityId=identity, Logins=logins)["Credentials"]
    caller = sign_in.cloud.client("sts", region=REGION, credentials=credentials).get_caller_identity()
    assert caller["Arn"].endswith("/CognitoIdentityCredentials")


def test_refusals_are_no_failures_of_the_function(sign_in: SignIn, address: str, subject: str) -> None:
    sign_in.with_password("Refusing", address)
    with pytest.raises(RefusedSignInError):
        sign_in("Refusing", "Works", sub=subject, email=address, email_verified=True)
    functions = sign_in.cloud.client("lambda", region=REGION).list_functions()["Functions"]
    name = next(item["FunctionName"] for item in functions if "RefusingAccountLinking" in item["FunctionName"])
    metrics = sign_in.cloud.client("cloudwatch", region=REGION)

    def total(namespace: str, metric: str, dimensions: dict[str, str]) -> float:
        now = time.time()
        points = metrics.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - 3600,
            EndTime=now + 60,
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    own = {"function_name": name, "service": "AccountLinking"}
    errors = total("AWS/Lambda", "Errors", {"FunctionName": name})
    assert errors == total("CdpConstructs", "RefusedSignUps", own) > 0
