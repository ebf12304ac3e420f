"""What UserIdentityPool promises in its templates."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, SignInUserPool, TokenIssuer, UserIdentityPool
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.user_identity_pool import build as notes_and_photos

OWN = "${cognito-identity.amazonaws.com:sub}"
ISSUER = TokenIssuer(
    "https://cognito-idp.ap-northeast-1.amazonaws.com/ap-northeast-1_Example",
    ["web", "phone"],
    user_pool_id="ap-northeast-1_Example",
    region="ap-northeast-1",
)


def existing_table(stack: Stack) -> dynamodb.ITable:
    return dynamodb.TableV2.from_table_name(stack, "Notes", "notes")


def existing_bucket(stack: Stack) -> s3.IBucket:
    return s3.Bucket.from_bucket_name(stack, "Photos", "photos")


@architecture
def defaults(stack: Stack) -> UserIdentityPool:
    identities = UserIdentityPool(stack, "Identities", issuer=ISSUER)
    identities.grant_own_items(existing_table(stack))
    return identities


@architecture
def roles_of_groups(stack: Stack) -> UserIdentityPool:
    users = SignInUserPool(stack, "Users", removal_policy=RemovalPolicy.DESTROY)
    identities = UserIdentityPool(
        stack, "Identities", issuer=users.issuer, allow_guests=True, removal_policy=RemovalPolicy.DESTROY
    )
    editors = identities.add_group("Editors", name="editors", precedence=1)
    readers = identities.add_group("Readers", name="readers", precedence=2)
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    table = dynamodb.Table(
        stack,
        "Notes",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        encryption_key=key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
    )
    bucket = s3.Bucket.from_bucket_attributes(stack, "Photos", bucket_name="photos", encryption_key=key)
    identities.grant_own_items(table, partition="NOTE", role=editors)
    identities.grant_own_items(table, partition="NOTE", read_only=True, role=readers)
    identities.grant_own_objects(bucket, prefix="photos/", role=editors)
    identities.grant_own_objects(bucket, prefix="carts/", read_only=True, role=identities.guest_role)
    return identities


@architecture
def roles_by_claims(stack: Stack) -> UserIdentityPool:
    identities = UserIdentityPool(stack, "Identities", issuer=ISSUER)
    gold = identities.add_role("Gold", claim="custom:plan", value="gold")
    identities.add_role("Staff", claim="custom:department", value="sales", match="StartsWith")
    identities.grant_own_objects(existing_bucket(stack), role=gold)
    return identities


@architecture
def example(stack: Stack) -> UserIdentityPool:
    return notes_and_photos(stack, existing_bucket(stack))


@architecture
def two_in_one_stack(stack: Stack) -> None:
    for name in ("First", "Second"):
        UserIdentityPool(stack, name, issuer=ISSUER).grant_own_items(
            dynamodb.TableV2.from_table_name(stack, f"{name}Notes", "notes")
        )


@architecture
def inside_a_stage(app: App) -> None:
    defaults(Stack(Stage(app, "UserIdentityPoolStage"), "Service"))


REVIEWED = [defaults, roles_of_groups, roles_by_claims]
BUILDS = [*REVIEWED, example, two_in_one_stack, inside_a_stage]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(build: Any, synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_card(build: Any, synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(UserIdentityPool, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_finding_is_open(build: Any, synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def only(of: Any, kind: str) -> dict[str, Any]:
    (found,) = of.resources(kind).values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def statements(of: Any) -> list[dict[str, Any]]:
    return [
        statement
        for policy in of.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def test_tokens_of_the_named_clients_are_taken_and_the_user_pool_is_asked_about_them(synthesis: Synthesis) -> None:
    pool = only(synthesis(defaults), "AWS::Cognito::IdentityPool")
    assert pool["CognitoIdentityProviders"] == [
        {
            "ProviderName": "cognito-idp.ap-northeast-1.amazonaws.com/ap-northeast-1_Example",
            "ClientId": client,
            "ServerSideTokenCheck": True,
        }
        for client in ("web", "phone")
    ]
    assert (pool["AllowUnauthenticatedIdentities"], pool["AllowClassicFlow"]) == (False, False)


def test_guests_are_an_option_with_a_role_of_their_own(synthesis: Synthesis) -> None:
    for build, allowed in ((defaults, False), (roles_of_groups, True)):
        of = synthesis(build)
        assert only(of, "AWS::Cognito::IdentityPool")["AllowUnauthenticatedIdentities"] is allowed
        assert ("unauthenticated" in only(of, "AWS::Cognito::IdentityPoolRoleAttachment")["Roles"]) is allowed


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_roles_trust_this_pool_only_and_signed_in_users_or_guests(build: Any, synthesis: Synthesis) -> None:
    of = synthesis(build)
    (pool,) = of.resources("AWS::Cognito::IdentityPool")
    roles = of.resources("AWS::IAM::Role")
    assert roles
    for name, role in roles.items():
        (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Federated": "cognito-identity.amazonaws.com"}
        assert trust["Condition"] == {
            "StringEquals": {"cognito-identity.amazonaws.com:aud": {"Ref": pool}},
            "ForAnyValue:StringLike": {
                "cognito-identity.amazonaws.com:amr": "unauthenticated" if "Guest" in name else "authenticated"
            },
        }


def test_items_are_bound_to_the_identity_and_nothing_scans(synthesis: Synthesis) -> None:
    found = [one for one in statements(synthesis(roles_of_groups)) if "dynamodb:GetItem" in one["Action"]]
    assert len(found) == 2
    for statement in found:
        assert statement["Condition"] == {
            "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"NOTE#{OWN}"]},
            "Null": {"dynamodb:LeadingKeys": "false"},
        }
        assert not {"dynamodb:Scan", "dynamodb:PartiQLSelect", "dynamodb:*"} & set(statement["Action"])
        assert "/index/" not in json.dumps(statement["Resource"])
    writing = ["dynamodb:PutItem" in statement["Action"] for statement in found]
    assert sorted(writing) == [False, True]


def test_objects_and_their_list_are_bound_to_the_identity(synthesis: Synthesis) -> None:
    found = [one for one in statements(synthesis(roles_by_claims)) if "s3:" in json.dumps(one["Action"])]
    objects, listing = found
    assert json.dumps(objects["Resource"]).count(f"/{OWN}/*") == 1
    assert (listing["Action"], listing["Condition"]) == ("s3:ListBucket", {"StringLike": {"s3:prefix": [f"{OWN}/*"]}})


def test_keys_are_used_through_their_service_only(synthesis: Synthesis) -> None:
    found = [one for one in statements(synthesis(roles_of_groups)) if "kms:" in json.dumps(one["Action"])]
    via = {json.dumps(one["Condition"]["StringEquals"]["kms:ViaService"]).count("dynamodb") for one in found}
    assert via == {0, 1}
    assert len(found) == 4


def test_groups_name_their_roles_and_tokens_choose(synthesis: Synthesis) -> None:
    of = synthesis(roles_of_groups)
    groups = [item["Properties"] for item in of.resources("AWS::Cognito::UserPoolGroup").values()]
    assert {group["GroupName"]: group["Precedence"] for group in groups} == {"editors": 1, "readers": 2}
    assert all(group["RoleArn"] for group in groups)
    (mapping,) = only(of, "AWS::Cognito::IdentityPoolRoleAttachment")["RoleMappings"].values()
    assert (mapping["Type"], mapping["AmbiguousRoleResolution"]) == ("Token", "AuthenticatedRole")


def test_rules_are_the_same_for_every_client(synthesis: Synthesis) -> None:
    mappings = only(synthesis(roles_by_claims), "AWS::Cognito::IdentityPoolRoleAttachment")["RoleMappings"]
    assert [one["IdentityProvider"].rpartition(":")[2] for one in mappings.values()] == ["web", "phone"]
    for mapping in mappings.values():
        rules = mapping["RulesConfiguration"]["Rules"]
        assert [(rule["Claim"], rule["MatchType"], rule["Value"]) for rule in rules] == [
            ("custom:plan", "Equals", "gold"),
            ("custom:department", "StartsWith", "sales"),
        ]


def test_who_has_which_identity_is_kept_unless_told_otherwise(synthesis: Synthesis) -> None:
    for build, policy in ((defaults, "Retain"), (roles_of_groups, "Delete")):
        (pool,) = synthesis(build).resources("AWS::Cognito::IdentityPool").values()
        assert pool["DeletionPolicy"] == policy


# --- What is refused -------------------------------------------------------------------------------------------------


def made(**options: Any) -> UserIdentityPool:
    return UserIdentityPool(Stack(App(), "Stack"), "Identities", **{"issuer": ISSUER, **options})


@pytest.mark.parametrize(
    ("issuer", "message"),
    [
        (TokenIssuer("https://login.example.com", ["web"]), "issuer is https://login.example.com, which is not known"),
        (TokenIssuer(ISSUER.url, [], user_pool_id="p", region="us-east-1"), r"issuer\.audience is \[\]"),
        (
            TokenIssuer(ISSUER.url, [str(number) for number in range(11)], user_pool_id="p", region="us-east-1"),
            r"issuer\.audience has 11 clients",
        ),
    ],
)
def test_an_issuer_must_be_a_user_pool_with_clients(issuer: TokenIssuer, message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        made(issuer=issuer)


def test_roles_are_found_by_claims_or_by_groups() -> None:
    by_groups = made()
    by_groups.add_group("Editors", name="editors", precedence=1)
    with pytest.raises(InvalidOptionError, match="claim is 'custom:plan' and the pool has roles of groups"):
        by_groups.add_role("Gold", claim="custom:plan", value="gold")
    by_claims = made()
    by_claims.add_role("Gold", claim="custom:plan", value="gold")
    with pytest.raises(InvalidOptionError, match="name is 'editors' and the pool has roles by claims"):
        by_claims.add_group("Editors", name="editors", precedence=1)
    with pytest.raises(InvalidOptionError, match=r"claim is 'cognito:groups'\. Use add_group"):
        by_claims.add_role("Group", claim="cognito:groups", value="editors", match="Contains")


def test_a_rule_too_many_and_a_group_that_is_taken_are_refused() -> None:
    pool = made()
    for number in range(25):
        pool.add_role(f"Role{number}", claim="custom:plan", value=str(number))
    with pytest.raises(InvalidOptionError, match="claim is 'custom:plan', the 26th rule"):
        pool.add_role("Role25", claim="custom:plan", value="25")
    grouped = made()
    grouped.add_group("Editors", name="editors", precedence=1)
    with pytest.raises(InvalidOptionError, match="name is 'editors', which is taken"):
        grouped.add_group("Others", name="editors", precedence=2)
    with pytest.raises(InvalidOptionError, match="precedence is 1, which is taken"):
        grouped.add_group("Others", name="others", precedence=1)
    with pytest.raises(InvalidOptionError, match="precedence is -1"):
        grouped.add_group("Others", name="others", precedence=-1)


def test_groups_are_made_in_the_region_of_their_pool() -> None:
    stack = Stack(App(), "Stack", env=Environment(region="us-east-1"))
    pool = UserIdentityPool(stack, "Identities", issuer=ISSUER)
    with pytest.raises(
        InvalidOptionError, match=r"issuer is of ap-northeast-1\. Give the issuer of a user pool of us-e"
    ):
        pool.add_group("Editors", name="editors", precedence=1)


@pytest.mark.parametrize("prefix", ["photos", "/photos/", "*/", "a?/", "${aws:username}/"])
def test_prefixes_that_would_not_bind_are_refused(prefix: str) -> None:
    pool = made()
    with pytest.raises(InvalidOptionError, match="prefix is"):
        pool.grant_own_objects(existing_bucket(Stack.of(pool)), prefix=prefix)


@pytest.mark.parametrize("partition", ["A#B", "*", "A?"])
def test_partitions_that_would_not_bind_are_refused(partition: str) -> None:
    pool = made()
    with pytest.raises(InvalidOptionError, match="partition contains"):
        pool.grant_own_items(existing_table(Stack.of(pool)), partition=partition)
