"""What the template of the price lists promises."""

import json
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis
from tests.stacks.serverless.architectures import price_lists, without_mails


def test_stack(synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(price_lists).normalised == template_snapshot


def test_card(synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(price_lists).cards["Serverless"] == card_snapshot


@pytest.mark.parametrize("build", [price_lists, without_mails])
def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis, build: Any) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def resources(synthesis: Synthesis, kind: str) -> dict[str, dict[str, Any]]:
    template = synthesis(price_lists).templates["Serverless"]
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == kind}


def definition(synthesis: Synthesis, prefix: str) -> dict[str, Any]:
    ((written, _),) = [
        (one["DefinitionString"]["Fn::Join"][1], one)
        for name, one in resources(synthesis, "AWS::StepFunctions::StateMachine").items()
        if name.startswith(prefix)
    ]
    text = "".join(part if isinstance(part, str) else "<token>" for part in written)
    found: dict[str, Any] = json.loads(text)
    return found


def test_imports_are_standard_and_quotes_are_express(synthesis: Synthesis) -> None:
    kinds = {
        name[:7]: one.get("StateMachineType", "STANDARD")
        for name, one in resources(synthesis, "AWS::StepFunctions::StateMachine").items()
    }
    assert kinds == {"Imports": "STANDARD", "QuotesW": "EXPRESS"}


def test_every_step_of_the_import_is_tried_again_with_jitter(synthesis: Synthesis) -> None:
    states = definition(synthesis, "Imports")["States"]
    inner = [state for branch in states["Check"]["Branches"] for state in branch["States"].values()] + list(
        states["Save"]["ItemProcessor"]["States"].values()
    )
    steps = [state for state in [*states.values(), *inner] if state["Type"] == "Task" and "Heartbeat" not in str(state)]
    assert len(steps) >= 9
    for step in steps:
        never, again = step["Retry"]
        assert (never["MaxAttempts"], again["JitterStrategy"]) == (0, "FULL")
    assert "PriceRefusedError" in states["LoadTills"]["Retry"][0]["ErrorEquals"]


def test_what_fails_before_the_tills_have_it_is_undone_and_nothing_after(synthesis: Synthesis) -> None:
    states = definition(synthesis, "Imports")["States"]
    assert (states["Publish"]["Catch"][0]["Next"], states["LoadTills"]["Catch"][0]["Next"]) == (
        "Withdraw",
        "RestoreTills",
    )
    assert "Catch" not in states["Announce"]


def test_a_question_ends_before_the_workflow_does(synthesis: Synthesis) -> None:
    whole = definition(synthesis, "Imports")
    assert whole["States"]["Approve"]["HeartbeatSeconds"] == 48 * 3600
    assert whole["TimeoutSeconds"] >= whole["States"]["Approve"]["HeartbeatSeconds"] + 24 * 3600
    (bucket,) = [
        rule["ExpirationInDays"]
        for name, one in resources(synthesis, "AWS::S3::Bucket").items()
        for rule in one["LifecycleConfiguration"]["Rules"]
        if name.startswith("ImportsPayloads") and rule["Id"] == "ExpirePayloads"
    ]
    # Redriven up to 14 days after its end.
    assert bucket * 24 * 3600 >= whole["TimeoutSeconds"] + 14 * 24 * 3600


def statements(synthesis: Synthesis, function: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in resources(synthesis, "AWS::IAM::Policy").values()
        if any(role["Ref"].startswith(f"{function}Role") for role in policy["Roles"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


@pytest.mark.parametrize(
    ("function", "allowed"),
    [
        ("ImportsChecksFunction", {"CURRENT#*": {"GetItem", "Query"}, "VERSION#*": {"GetItem", "Query"}}),
        ("ImportsSaveFunction", {"VERSION#*": {"BatchWriteItem"}}),
        (
            "ImportsPublishFunction",
            {"CURRENT#*": {"GetItem", "UpdateItem", "DeleteItem"}, "VERSION#*": {"Query", "BatchWriteItem"}},
        ),
        ("ImportsTillsFunction", {"TILLS#*": {"UpdateItem", "DeleteItem"}, "CURRENT#*": {"GetItem"}}),
        ("ImportsAskFunction", {"CODE#*": {"PutItem"}}),
        ("ImportsApprovalsPageFunction", {"CODE#*": {"GetItem", "DeleteItem"}}),
        ("QuotesPriceFunction", {"CURRENT#*": {"GetItem"}, "VERSION#*": {"GetItem"}}),
        ("ImportsReadFunction", {}),
    ],
)
def test_a_function_does_its_part_with_its_items_of_the_table(
    synthesis: Synthesis, function: str, allowed: dict[str, set[str]]
) -> None:
    found: dict[str, set[str]] = {}
    for statement in statements(synthesis, function):
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        if not any(action.startswith("dynamodb:") for action in actions):
            continue
        for key in statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]:
            found.setdefault(key, set()).update(action.partition(":")[2] for action in actions)
    assert found == allowed


def test_nobody_but_the_page_is_open_and_it_is_throttled(synthesis: Synthesis) -> None:
    routes = resources(synthesis, "AWS::ApiGatewayV2::Route")
    assert {one["RouteKey"] for one in routes.values()} == {"GET /approvals/{approval}", "POST /approvals/{approval}"}
    (stage,) = resources(synthesis, "AWS::ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 10


def test_a_mail_goes_to_the_buyer_and_none_without_an_address(synthesis: Synthesis) -> None:
    mails = [one for one in resources(synthesis, "AWS::SNS::Subscription").values() if one["Protocol"] == "email"]
    assert [one["Endpoint"] for one in mails if one.get("FilterPolicy") == {"kind": ["question", "reminder"]}] == [
        "buyers@serverless.example.com"
    ]
    quiet = synthesis(without_mails).templates["Quiet"]["Resources"].values()
    assert not [
        one for one in quiet if one["Type"] == "AWS::SNS::Subscription" and one["Properties"]["Protocol"] == "email"
    ]
