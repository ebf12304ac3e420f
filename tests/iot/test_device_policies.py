"""A device's policies proven by evaluation: what each of two devices may do, and what it may not."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from cdp_constructs.iot import _device_policies as policy

PREFIX = "arn:aws:iot:ap-northeast-1:111122223333"
TEMPLATE = "Identities"
RULES = {"certificate": "InUse", "*": "Telemetry"}
DEVICE = {"iot:Connection.Thing.ThingName": "mine", "iot:Connection.Thing.Attributes[context]": "home"}
DOCUMENTS = [policy.talking(PREFIX, "app"), policy.serving(PREFIX, TEMPLATE), policy.ingesting(PREFIX, "app", RULES)]


def allows(documents: list[dict[str, Any]], action: str, resource: str, variables: Mapping[str, str]) -> bool:
    """Evaluate as AWS IoT does: variables filled in, ``*`` for anything, and what is unknown matches nothing."""
    for statement in (statement for document in documents for statement in document["Statement"]):
        if statement["Action"] != action:
            continue
        if "Condition" in statement and not variables:
            continue
        for pattern in statement["Resource"]:
            filled = pattern
            for name, value in variables.items():
                filled = filled.replace(f"${{{name}}}", value)
            expression = ".*".join(re.escape(part) for part in filled.split("*"))
            if "${" not in filled and re.fullmatch(expression, f"{PREFIX}:{resource}"):
                return True
    return False


ALLOWED = [
    ("iot:Connect", "client/mine"),
    ("iot:Publish", "topic/dt/app/home/mine/climate"),
    ("iot:Publish", "topic/cmd/app/home/mine/res"),
    ("iot:Subscribe", "topicfilter/cmd/app/home/mine/req"),
    ("iot:Receive", "topic/cmd/app/home/mine/req"),
    ("iot:Subscribe", "topicfilter/cmd/app/home/all/req"),
    ("iot:Receive", "topic/cmd/app/home/all/req"),
    ("iot:Subscribe", "topicfilter/cmd/app/all/all/req"),
    ("iot:Publish", "topic/$aws/things/mine/shadow/get"),
    ("iot:Publish", "topic/$aws/things/mine/shadow/update"),
    ("iot:Subscribe", "topicfilter/$aws/things/mine/shadow/update/delta"),
    ("iot:Publish", "topic/$aws/things/mine/jobs/start-next"),
    ("iot:Receive", "topic/$aws/things/mine/jobs/notify-next"),
    ("iot:Publish", "topic/$aws/certificates/create-from-csr/json"),
    ("iot:Receive", "topic/$aws/certificates/create-from-csr/json/accepted"),
    ("iot:Publish", "topic/$aws/provisioning-templates/Identities/provision/json"),
    ("iot:Publish", "topic/$aws/rules/Telemetry/dt/app/home/mine/climate"),
    ("iot:Publish", "topic/$aws/rules/InUse/dt/app/home/mine/certificate"),
]
DENIED = [
    ("iot:Connect", "client/yours"),
    ("iot:Connect", "client/mine2"),
    ("iot:Connect", "client/claim-mine"),
    ("iot:Publish", "topic/dt/app/home/yours/climate"),
    ("iot:Publish", "topic/dt/app/factory/mine/climate"),
    ("iot:Publish", "topic/dt/other/home/mine/climate"),
    ("iot:Publish", "topic/dt/app/home/yours/mine/climate"),
    ("iot:Publish", "topic/cmd/app/home/mine/req"),
    ("iot:Publish", "topic/cmd/app/home/all/req"),
    ("iot:Publish", "topic/cmd/app/home/yours/res"),
    ("iot:Subscribe", "topicfilter/#"),
    ("iot:Subscribe", "topicfilter/+"),
    ("iot:Subscribe", "topicfilter/cmd/app/home/+/req"),
    ("iot:Subscribe", "topicfilter/cmd/app/home/yours/req"),
    ("iot:Subscribe", "topicfilter/cmd/app/factory/all/req"),
    ("iot:Subscribe", "topicfilter/dt/app/home/mine/climate"),
    ("iot:Receive", "topic/cmd/app/factory/all/req"),
    ("iot:Receive", "topic/dt/app/home/mine/climate"),
    ("iot:Publish", "topic/$aws/things/yours/shadow/update"),
    ("iot:Publish", "topic/$aws/things/yours/jobs/start-next"),
    ("iot:Subscribe", "topicfilter/$aws/events/#"),
    ("iot:Publish", "topic/$aws/certificates/create/json"),
    ("iot:Publish", "topic/$aws/provisioning-templates/Other/provision/json"),
    ("iot:Publish", "topic/$aws/rules/Other/dt/app/home/mine/climate"),
    ("iot:Publish", "topic/$aws/rules/Telemetry/dt/app/home/yours/climate"),
    ("iot:Publish", "topic/$aws/rules/InUse/dt/app/home/mine/climate"),
    ("iot:RetainPublish", "topic/dt/app/home/mine/climate"),
    ("iot:UpdateThingShadow", "thing/mine"),
]


@pytest.mark.parametrize(("action", "resource"), ALLOWED)
def test_device_may(action: str, resource: str) -> None:
    assert allows(DOCUMENTS, action, resource, DEVICE)


@pytest.mark.parametrize(("action", "resource"), DENIED)
def test_device_may_not(action: str, resource: str) -> None:
    assert not allows(DOCUMENTS, action, resource, DEVICE)


@pytest.mark.parametrize(("action", "resource"), [*ALLOWED, *DENIED])
def test_certificate_of_no_thing_cannot_connect_nor_use_anything_of_a_thing(action: str, resource: str) -> None:
    of_no_thing = "provision" in resource or "create-from-csr" in resource or resource.endswith("/all/all/req")
    assert not allows(DOCUMENTS, action, resource, {}) or of_no_thing


def test_claim_may_ask_for_an_identity_and_nothing_else() -> None:
    claim = [policy.claiming(PREFIX, TEMPLATE)]
    assert allows(claim, "iot:Connect", "client/claim-mine", {})
    assert allows(claim, "iot:Publish", "topic/$aws/certificates/create-from-csr/json", {})
    for action, resource in (
        ("iot:Connect", "client/mine"),
        ("iot:Publish", "topic/dt/app/home/mine/climate"),
        ("iot:Publish", "topic/$aws/provisioning-templates/Other/provision/json"),
        ("iot:Subscribe", "topicfilter/#"),
        ("iot:Subscribe", "topicfilter/cmd/app/home/all/req"),
    ):
        assert not allows(claim, action, resource, {})


def test_policies_fit_with_the_longest_names_that_the_library_makes() -> None:
    prefix = "arn:aws-us-gov:iot:ap-southeast-2:111122223333"
    for document in (
        policy.talking(prefix, "a" * 64),
        policy.serving(prefix, "t" * 36),
        policy.claiming(prefix, "t" * 36),
    ):
        assert policy.length(document) <= policy.LONGEST_POLICY
    rules = {f"kind{number}": "r" * 64 for number in range(6)}
    assert policy.length(policy.ingesting(prefix, "a" * 64, rules)) <= policy.LONGEST_POLICY
