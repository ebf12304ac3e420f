"""What GitHubDeployRole promises in its templates."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Stage
from aws_cdk import aws_iam as iam
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import GitHubDeployRole, InvalidOptionError
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.github_deploy_role import build as example

ISSUER = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"
REPOSITORY = "example/order-desk"


@architecture
def defaults(stack: Stack) -> GitHubDeployRole:
    return GitHubDeployRole(
        stack, "Deploy", repository=REPOSITORY, environment="production", regions=["eu-west-1", "ap-northeast-1"]
    )


@architecture(env=Environment(account="111122223333", region="eu-west-1"))
def all_options(stack: Stack) -> GitHubDeployRole:
    provider = iam.OidcProviderNative.from_oidc_provider_arn(stack, "GitHub", PROVIDER)
    return GitHubDeployRole(
        stack,
        "Deploy",
        repository="example@1/order-desk@2",
        branch="release/main",
        regions=["eu-west-1"],
        provider=provider,
        qualifier="desk",
    )


@architecture
def inside_a_stage(app: App) -> GitHubDeployRole:
    return defaults(Stack(Stage(app, "GitHubDeployRoleStage"), "Service"))


architecture(example)
REVIEWED = [defaults, all_options]
BUILDS = [*REVIEWED, inside_a_stage, example]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(GitHubDeployRole, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def trust(built: Any) -> dict[str, Any]:
    (role,) = built.resources("AWS::IAM::Role").values()
    (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    found: dict[str, Any] = statement
    return found


def test_only_jobs_of_the_environment_assume_the_role(synthesis: Synthesis) -> None:
    statement = trust(synthesis(defaults))
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{ISSUER}:aud": "sts.amazonaws.com",
            f"{ISSUER}:sub": "repo:example/order-desk:environment:production",
        }
    }


def test_a_branch_and_the_numbers_of_a_new_repository(synthesis: Synthesis) -> None:
    statement = trust(synthesis(all_options))
    assert statement["Principal"] == {"Federated": PROVIDER}
    subject = statement["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    assert subject == synthesis(all_options).result.subject
    assert subject == "repo:example@1/order-desk@2:ref:refs/heads/release/main"


def test_the_role_may_assume_the_roles_of_cdk_bootstrap_and_do_nothing_else(synthesis: Synthesis) -> None:
    (policy,) = synthesis(all_options).resources("AWS::IAM::Policy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Resource"] == [
        f"arn:aws:iam::111122223333:role/cdk-desk-{kind}-role-111122223333-eu-west-1"
        for kind in ("deploy", "file-publishing", "image-publishing", "lookup")
    ]
    (role,) = synthesis(all_options).resources("AWS::IAM::Role").values()
    assert "ManagedPolicyArns" not in role["Properties"]
    assert role["Properties"]["MaxSessionDuration"] == 3600


def test_an_account_has_one_provider(synthesis: Synthesis) -> None:
    (provider,) = synthesis(example).resources("AWS::IAM::OIDCProvider").values()
    assert provider["Properties"]["Url"] == f"https://{ISSUER}"
    assert provider["Properties"]["ClientIdList"] == ["sts.amazonaws.com"]
    assert len(synthesis(example).resources("AWS::IAM::Role")) == 2
    assert synthesis(all_options).resources("AWS::IAM::OIDCProvider") == {}


GIVEN: dict[str, Any] = {"repository": REPOSITORY, "environment": "production", "regions": ["eu-west-1"]}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("repository", "order-desk"),
        ("repository", "example/*"),
        ("repository", "*/order-desk"),
        ("repository", "example/order-desk:*"),
        ("repository", "example/order-desk:environment:production"),
        ("environment", "*"),
        ("environment", "production:x"),
        ("branch", "ma*n"),
        ("branch", "refs heads"),
        ("branch", "/main"),
        ("regions", []),
        ("regions", ["eu-west-1", "eu-west-1"]),
        ("qualifier", "*"),
        ("qualifier", "Desk"),
    ],
)
def test_what_would_let_others_in_is_refused(cdk_app: App, option: str, value: Any) -> None:
    given = {name: one for name, one in GIVEN.items() if not (option == "branch" and name == "environment")}
    with pytest.raises(InvalidOptionError, match=f"Tools/Deploy: {option} "):
        GitHubDeployRole(Stack(cdk_app, "Tools"), "Deploy", **given | {option: value})


def test_an_environment_or_a_branch_is_needed_and_not_both(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Tools")
    with pytest.raises(InvalidOptionError, match="environment is missing"):
        GitHubDeployRole(stack, "Neither", repository=REPOSITORY, regions=["eu-west-1"])
    with pytest.raises(InvalidOptionError, match="branch was given together with environment"):
        GitHubDeployRole(stack, "Both", **GIVEN, branch="main")
