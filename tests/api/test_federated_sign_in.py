"""What SignInUserPool promises of other providers in its templates."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import AccountLinking, IdentityProvider, InvalidOptionError, SignInUserPool
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.federated_sign_in import build as example

CALLBACK = "https://shop.example.com/signed-in"


def secret(stack: Stack, name: str = "Secret") -> secretsmanager.ISecret:
    return secretsmanager.Secret.from_secret_name_v2(stack, name, f"shop/{name.lower()}")


def every_kind(stack: Stack) -> list[IdentityProvider]:
    held = secret(stack)
    return [
        IdentityProvider.google(client_id="google", client_secret=held, trusted_email=True),
        IdentityProvider.facebook(client_id="facebook", client_secret=held),
        IdentityProvider.apple(
            services_id="com.example.shop",
            team_id="ABCDE12345",
            key_id="FGHIJ67890",
            private_key=held,
            trusted_email=True,
            attribute_mapping={"email": "email", "family_name": "lastName"},
        ),
        IdentityProvider.amazon(client_id="amazon", client_secret=held),
        IdentityProvider.oidc(
            name="Works", issuer_url="https://id.example.com", client_id="works", client_secret=held, trusted_email=True
        ),
        IdentityProvider.saml(
            name="Corp",
            metadata_url="https://corp.example.com/saml/metadata",
            trusted_email=True,
            attribute_mapping={"email": "mail", "email_verified": "mailVerified", "custom:department": "ou"},
        ),
    ]


@architecture
def refusing(stack: Stack) -> SignInUserPool:
    users = SignInUserPool(stack, "Users")
    provider = IdentityProvider.facebook(client_id="shop", client_secret=secret(stack))
    users.add_identity_providers([provider], domain_prefix="shop", callback_urls=[CALLBACK])
    return users


@architecture
def with_every_provider(stack: Stack) -> SignInUserPool:
    topic = sns.Topic(stack, "Alarms", enforce_ssl=True)
    users = SignInUserPool(stack, "Users", alarm_topic=topic, removal_policy=RemovalPolicy.DESTROY)
    users.add_identity_providers(
        every_kind(stack),
        domain_prefix="shop",
        callback_urls=[CALLBACK, "shop://signed-in", "http://localhost:5173/"],
        logout_urls=["https://shop.example.com/"],
        linking=AccountLinking.LINK_VERIFIED,
        log_retention=logs.RetentionDays.ONE_WEEK,
    )
    return users


architecture(example)
BUILDS = [refusing, with_every_provider, example]


@pytest.mark.parametrize("build", [refusing, with_every_provider], ids=lambda build: build.__name__)
def test_template_is_reviewed(build: Any, synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [refusing, with_every_provider], ids=lambda build: build.__name__)
def test_card(build: Any, synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: f"{build.__module__}.{build.__name__}")
def test_no_finding_is_open(build: Any, synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def providers(of: Any) -> dict[str, dict[str, Any]]:
    found = of.resources("AWS::Cognito::UserPoolIdentityProvider").values()
    return {item["Properties"]["ProviderName"]: item["Properties"] for item in found}


def only(of: Any, kind: str) -> dict[str, Any]:
    (found,) = of.resources(kind).values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def test_no_secret_is_in_a_template(synthesis: Synthesis) -> None:
    found = providers(synthesis(with_every_provider))
    private = {"SignInWithApple": "private_key", "Corp": None}
    for name, provider in found.items():
        detail = private.get(name, "client_secret")
        if detail:
            assert "{{resolve:secretsmanager:" in json.dumps(provider["ProviderDetails"][detail])
    assert len(found) == 6


def test_the_client_lists_every_provider_and_comes_after_it(synthesis: Synthesis) -> None:
    of = synthesis(with_every_provider)
    client = only(of, "AWS::Cognito::UserPoolClient")
    assert client["SupportedIdentityProviders"] == ["COGNITO", *providers(of)]
    (resource,) = of.resources("AWS::Cognito::UserPoolClient").values()
    assert set(of.resources("AWS::Cognito::UserPoolIdentityProvider")) <= set(resource["DependsOn"])


def test_codes_go_to_named_addresses_and_no_token_is_in_one(synthesis: Synthesis) -> None:
    client = only(synthesis(with_every_provider), "AWS::Cognito::UserPoolClient")
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["CallbackURLs"] == [CALLBACK, "shop://signed-in", "http://localhost:5173/"]
    assert client["LogoutURLs"] == ["https://shop.example.com/"]
    assert client["GenerateSecret"] is False
    assert only(synthesis(with_every_provider), "AWS::Cognito::UserPoolDomain")["Domain"] == "shop"


def test_addresses_count_as_verified_of_trusted_providers_only(synthesis: Synthesis) -> None:
    for build, trusted in (
        (refusing, set()),
        (with_every_provider, {"Google", "SignInWithApple", "Works", "Corp"}),
    ):
        found = providers(synthesis(build))
        assert {name for name, one in found.items() if "email_verified" in one["AttributeMapping"]} == trusted


def test_saml_takes_no_sign_in_that_begins_elsewhere_and_signs_its_requests(synthesis: Synthesis) -> None:
    details = providers(synthesis(with_every_provider))["Corp"]["ProviderDetails"]
    assert (details["IDPInit"], details["RequestSigningAlgorithm"]) == ("false", "rsa-sha256")


@pytest.mark.parametrize(
    ("build", "actions"),
    [
        (refusing, "cognito-idp:ListUsers"),
        (with_every_provider, ["cognito-idp:AdminLinkProviderForUser", "cognito-idp:ListUsers"]),
    ],
)
def test_the_function_may_look_and_links_only_where_it_is_told_to(
    build: Any, actions: Any, synthesis: Synthesis
) -> None:
    of = synthesis(build)
    (pool,) = of.resources("AWS::Cognito::UserPool")
    statements = [
        statement
        for policy in of.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "cognito-idp" in json.dumps(statement["Action"])
    ]
    assert statements == [{"Action": actions, "Effect": "Allow", "Resource": {"Fn::GetAtt": [pool, "Arn"]}}]
    permission = only(of, "AWS::Lambda::Permission")
    assert permission["SourceArn"] == {"Fn::GetAtt": [pool, "Arn"]}


def test_a_function_that_fails_raises_an_alarm_and_a_refusal_does_not(synthesis: Synthesis) -> None:
    alarms = synthesis(with_every_provider).resources("AWS::CloudWatch::Alarm").values()
    (alarm,) = [item["Properties"] for item in alarms if "Metrics" in item["Properties"]]
    assert {item.get("Expression") for item in alarm["Metrics"]} - {None} == {"FILL(errors, 0) - FILL(refused, 0)"}
    names = {item["MetricStat"]["Metric"]["MetricName"] for item in alarm["Metrics"] if "MetricStat" in item}
    assert names == {"Errors", "RefusedSignUps"}
    assert not synthesis(refusing).resources("AWS::CloudWatch::Alarm")


def test_logs_go_with_the_stack_when_told_so(synthesis: Synthesis) -> None:
    for build, policy, days in ((refusing, "Retain", 90), (with_every_provider, "Delete", 7)):
        (group,) = synthesis(build).resources("AWS::Logs::LogGroup").values()
        assert (group["DeletionPolicy"], group["Properties"]["RetentionInDays"]) == (policy, days)


# --- What is refused -------------------------------------------------------------------------------------------------


def add(make: Callable[[Stack], Sequence[IdentityProvider]], **options: Any) -> SignInUserPool:
    stack = Stack(App(), "Stack")
    users = SignInUserPool(stack, "Users")
    given = {"domain_prefix": "shop", "callback_urls": [CALLBACK], **options}
    users.add_identity_providers(make(stack), **given)
    return users


def facebook(stack: Stack) -> list[IdentityProvider]:
    return [IdentityProvider.facebook(client_id="shop", client_secret=secret(stack))]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domain_prefix": "Shop"}, r"domain_prefix is 'Shop'\. Use up to 63 lower-case"),
        ({"domain_prefix": "my-cognito-shop"}, r"domain_prefix is 'my-cognito-shop'"),
        ({"callback_urls": []}, r"callback_urls is empty\. Name where"),
        ({"callback_urls": ["shop.example.com"]}, r"callback_urls contains 'shop\.example\.com'"),
        ({"callback_urls": ["http://shop.example.com"]}, r"callback_urls contains 'http://shop"),
        ({"callback_urls": ["https://*.example.com"]}, r"callback_urls contains 'https://\*"),
        ({"logout_urls": ["https://a.example.com/#x"]}, r"logout_urls contains"),
        ({"linking": AccountLinking.LINK_VERIFIED}, r"linking is .* no provider is trusted"),
    ],
)
def test_what_cognito_would_refuse_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        add(facebook, **options)


def test_providers_are_named_once_and_in_one_call() -> None:
    with pytest.raises(InvalidOptionError, match="providers is empty"):
        add(lambda _stack: [])
    with pytest.raises(InvalidOptionError, match="providers contains 'Facebook' twice"):
        add(lambda stack: facebook(stack) * 2)
    users = add(facebook)
    with pytest.raises(InvalidOptionError, match="providers was given for the second time"):
        users.add_identity_providers(facebook(Stack()), domain_prefix="shop", callback_urls=[CALLBACK])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda held: IdentityProvider.oidc(
                name="a b", issuer_url="https://a.com", client_id="c", client_secret=held
            ),
            "name is 'a b'",
        ),
        (
            lambda held: IdentityProvider.oidc(
                name="google", issuer_url="https://a.com", client_id="c", client_secret=held
            ),
            "name is 'google'",
        ),
        (
            lambda held: IdentityProvider.oidc(
                name="Works", issuer_url="http://a.com", client_id="c", client_secret=held
            ),
            "issuer_url is 'http://a.com'",
        ),
        (
            lambda held: IdentityProvider.oidc(
                name="Works", issuer_url="https://a.com/", client_id="c", client_secret=held
            ),
            "issuer_url is 'https://a.com/'",
        ),
        (lambda _held: IdentityProvider.saml(name="Corp", metadata_url="corp.xml"), "metadata_url is 'corp.xml'"),
        (
            lambda _held: IdentityProvider.saml(name="Corp", metadata_url="https://a.com/m", trusted_email=True),
            "trusted_email was given without 'email_verified'",
        ),
        (
            lambda held: IdentityProvider.facebook(
                client_id="c", client_secret=held, attribute_mapping={"email": "email", "email_verified": "verified"}
            ),
            "attribute_mapping contains 'email_verified' of a provider that is not trusted",
        ),
        (
            lambda held: IdentityProvider.amazon(client_id="c", client_secret=held, attribute_mapping={"a b": "email"}),
            "attribute_mapping contains 'a b'",
        ),
        (
            lambda held: IdentityProvider.apple(services_id="s", team_id="T", key_id="FGHIJ67890", private_key=held),
            "team_id is 'T'",
        ),
    ],
)
def test_providers_that_cannot_work_are_refused(make: Any, message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        make(secret(Stack()))
