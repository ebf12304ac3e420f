"""What the services' templates promise: they know each other by events only."""

import json
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis
from tests.stacks.services.architectures import choreography, without_copies

SERVICES = ["orders", "billing", "shipping"]
STACKS = [f"Services{name.capitalize()}" for name in ["events", *SERVICES, "copies"]]


@pytest.mark.parametrize("stack", STACKS)
def test_stack(stack: str, synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(choreography).normalised[stack] == template_snapshot


@pytest.mark.parametrize("stack", STACKS)
def test_card(stack: str, synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(choreography).cards[stack] == card_snapshot


@pytest.mark.parametrize("build", [choreography, without_copies])
def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis, build: Any) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_refers_to_the_topics_and_to_no_other_service(synthesis: Synthesis, name: str) -> None:
    stack = synthesis(choreography).result[name]
    assert {one.stack_name for one in stack.dependencies} <= {"ServicesEvents"}
    text = json.dumps(synthesis(choreography).templates[stack.stack_name])
    for other in SERVICES:
        assert other == name or f"Services{other.capitalize()}" not in text


def resources(synthesis: Synthesis, name: str, kind: str) -> dict[str, dict[str, Any]]:
    template = synthesis(choreography).templates[f"Services{name.capitalize()}"]
    return {key: one["Properties"] for key, one in template["Resources"].items() if one["Type"] == kind}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_table_of_its_own(synthesis: Synthesis, name: str) -> None:
    (table,) = resources(synthesis, name, "AWS::DynamoDB::GlobalTable").values()
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        (
            "orders",
            {
                ("billing.payment-refused.v1", "billing.payment-refunded.v1"),
                ("shipping.shipment-prepared.v1",),
            },
        ),
        ("billing", {("orders.order-placed.v1",), ("shipping.shipment-refused.v1",)}),
        ("shipping", {("billing.payment-captured.v1",)}),
    ],
)
def test_a_service_receives_what_it_reacts_to(synthesis: Synthesis, name: str, heard: set[tuple[str, ...]]) -> None:
    found = resources(synthesis, name, "AWS::SNS::Subscription").values()
    assert {tuple(one["FilterPolicy"]["type"]) for one in found} == heard
    assert all("deadLetterTargetArn" in one["RedrivePolicy"] for one in found)
    assert not any("DeliveryPolicy" in one for one in found), "only HTTP/S has a delivery policy of its own"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_publishes_to_its_own_topic_only(synthesis: Synthesis, name: str) -> None:
    published = [
        json.dumps(statement["Resource"])
        for policy in resources(synthesis, name, "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if "sns:Publish" in statement["Action"]
    ]
    assert len(published) == 1
    assert f"{name.capitalize()}Topic" in published[0].replace("-", "") or name.capitalize() in published[0]


def test_the_dead_letter_queue_of_a_copy_is_where_its_topic_is(synthesis: Synthesis) -> None:
    here = resources(synthesis, "events", "AWS::SNS::Subscription")
    there = resources(synthesis, "copies", "AWS::SQS::Queue")
    assert len([one for one in here.values() if one["Protocol"] == "sqs"]) == 3
    assert len([name for name in there if name.endswith("Queue") or "CopiesQueue" in name]) >= 3
    assert not resources(synthesis, "copies", "AWS::Lambda::Function")


def test_without_a_region_for_copies_there_are_none(synthesis: Synthesis) -> None:
    assert sorted(synthesis(without_copies).result) == ["billing", "events", "orders", "shipping"]
