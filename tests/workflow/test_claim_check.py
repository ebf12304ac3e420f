"""What ClaimCheck promises in its templates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack, Stage
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import ClaimCheck, InvalidOptionError
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.claim_check import build as example

PRICE_LIST = Path(__file__).parents[2] / "docs/examples/price_list"


def step(stack: Stack, construct_id: str = "Step") -> lambda_.Function:
    return add_function(
        stack, construct_id, handler=PRICE_LIST, description="Sums up prices", invocation=Invocation.REQUEST
    )


@architecture
def defaults(stack: Stack) -> ClaimCheck:
    payloads = ClaimCheck(stack, "Payloads")
    payloads.share_with(step(stack))
    return payloads


@architecture
def all_options(stack: Stack) -> ClaimCheck:
    payloads = ClaimCheck(
        stack,
        "Payloads",
        prefix="orders/payloads/",
        max_inline_kb=64,
        expires_after=Duration.days(400),
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        removal_policy=RemovalPolicy.DESTROY,
    )
    payloads.share_with(step(stack, "Reader"), read_only=True)
    payloads.share_with(step(stack, "Writer"), write_only=True, variable="ROWS")
    payloads.grant_read(iam.Role(stack, "Auditor", assumed_by=iam.AccountRootPrincipal()))
    payloads.grant_write(iam.Role(stack, "Shop", assumed_by=iam.AccountRootPrincipal()))
    return payloads


@architecture
def existing_resources(stack: Stack) -> ClaimCheck:
    key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:us-east-1:111122223333:key/existing")
    bucket = s3.Bucket.from_bucket_attributes(stack, "Bucket", bucket_name="existing", encryption_key=key)
    payloads = ClaimCheck(stack, "Payloads", bucket=bucket)
    payloads.share_with(step(stack))
    return payloads


@architecture
def two_in_one_stack(stack: Stack) -> list[ClaimCheck]:
    orders, returns = ClaimCheck(stack, "Orders"), ClaimCheck(stack, "Returns")
    function = step(stack)
    orders.share_with(function)
    returns.share_with(function, variable="RETURNS")
    return [orders, returns]


@architecture
def inside_a_stage(app: App) -> ClaimCheck:
    return defaults(Stack(Stage(app, "ClaimCheckStage"), "Service"))


architecture(example)
REVIEWED = [defaults, all_options, existing_resources]
EVERY = [*REVIEWED, two_in_one_stack, inside_a_stage]


@pytest.mark.parametrize("build", REVIEWED, ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [example, all_options], ids=["example", "all_options"])
def test_the_card_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(ClaimCheck, synthesis(example))


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_what_the_example_adds_has_no_open_finding(synthesis: Synthesis) -> None:
    findings = synthesis(example).findings("AwsSolutions", "Serverless")
    assert [
        finding for finding in findings if not any(f"/{name}Function" in finding for name in ("Read", "Total"))
    ] == []


def actions(synthesised: Any, role: str) -> dict[str, Any]:
    """Return the resources of what a role may do with objects and keys, by action."""
    return {
        action: statement["Resource"]
        for policy in synthesised.resources("AWS::IAM::Policy").values()
        if any(attached["Ref"].startswith(role) for attached in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if action.startswith(("s3:", "kms:"))
    }


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("ReaderRole", {"s3:GetObject", "kms:Decrypt"}),
        ("WriterRole", {"s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey"}),
        ("Auditor", {"s3:GetObject", "kms:Decrypt"}),
        ("Shop", {"s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey"}),
    ],
)
def test_each_may_do_its_part_below_the_prefix_and_nobody_lists(
    role: str, allowed: set[str], synthesis: Synthesis
) -> None:
    built = synthesis(all_options)
    found = actions(built, role)
    assert set(found) == allowed
    (bucket,) = [name for name in built.resources("AWS::S3::Bucket") if name.startswith("Payloads")]
    objects = {"Fn::Join": ["", [{"Fn::GetAtt": [bucket, "Arn"]}, "/orders/payloads/*"]]}
    assert all(resource == objects for action, resource in found.items() if action.startswith("s3:"))


def test_a_function_that_does_both_may_do_both(synthesis: Synthesis) -> None:
    assert set(actions(synthesis(defaults), "StepRole")) == {"s3:GetObject", "s3:PutObject"}


def test_payloads_expire_with_their_versions(synthesis: Synthesis) -> None:
    for build, days, prefix in ((defaults, 30, "payloads/"), (all_options, 400, "orders/payloads/")):
        rules = [
            rule
            for name, bucket in synthesis(build).resources("AWS::S3::Bucket").items()
            if name.startswith("Payloads")
            for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]
            if rule["Id"] == "ExpirePayloads"
        ]
        ((expiry, expires, kept),) = [
            (rule["Prefix"], rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
            for rule in rules
        ]
        assert (expiry, expires, kept) == (prefix, days, 1)


def test_the_functions_know_place_and_size(synthesis: Synthesis) -> None:
    built = synthesis(all_options)
    variables = {
        name: value
        for function in built.resources("AWS::Lambda::Function").values()
        for name, value in function["Properties"]["Environment"]["Variables"].items()
    }
    assert variables["CLAIM_CHECK"]["Fn::Join"][1][1] == "/orders/payloads/"
    assert (variables["CLAIM_CHECK_INLINE_BYTES"], variables["ROWS_INLINE_BYTES"]) == ("65536", "65536")


def test_values_that_cannot_be(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Shop")
    with pytest.raises(InvalidOptionError, match=r"Shop/A: prefix is 'a\*/'. Use a folder"):
        ClaimCheck(stack, "A", prefix="a*/")
    with pytest.raises(InvalidOptionError, match=r"max_inline_kb is 201 KB"):
        ClaimCheck(stack, "B", max_inline_kb=201)
    with pytest.raises(InvalidOptionError, match=r"expires_after is 12 hours. Use 1 day to 3,650 days"):
        ClaimCheck(stack, "C", expires_after=Duration.hours(12))
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "existing")
    with pytest.raises(InvalidOptionError, match="expires_after"):
        ClaimCheck(stack, "D", bucket=bucket, expires_after=Duration.days(3))
    with pytest.raises(InvalidOptionError, match="write_only was given together with read_only"):
        ClaimCheck(stack, "E").share_with(step(stack), read_only=True, write_only=True)
