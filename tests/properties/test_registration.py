"""The hook of registrations: whatever a device sends and the allow-list has, AWS IoT gets an answer."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.aws import World
from tests.properties.inputs import TEXTS, VALUES, altered, examples
from tests.properties.running import Run, Subject, running
from tests.properties.tables import held

OLD, NEW = "a" * 64, "b" * 64
ASKED = {"clientId": "claim-A-1", "parameters": {"SerialNumber": "A-1", "Note": "x"}}
ITEMS: dict[str, dict[str, Any]] = {
    "allowed": {"status": "allowed", "context": "home", "kind": "sensor"},
    "pending": {
        "status": "pending",
        "context": "home",
        "kind": "sensor",
        "claimed_at": "2999-01-01T00:00:00+00:00",
        "changed_at": "2999-01-01T00:00:00+00:00",
        "next_certificate_id": OLD,
        "certificates": {OLD},
    },
    "active": {"status": "active", "context": "home", "certificate_id": OLD, "certificates": {OLD}},
}


class AllowList:
    """Has one item for every device.

    Attributes:
        item: The present one; None for a device that is not on the list.
    """

    def __init__(self) -> None:
        self.item: dict[str, Any] | None = None

    def find(self, _key: Any) -> dict[str, Any] | None:
        return self.item


LIST = AllowList()
HOOK = Subject(
    package="cdp_constructs.iot.handlers.registration",
    environment={
        "ALLOW_LIST": "devices",
        "CERTIFICATES": "arn:aws:iot:us-east-1:111122223333:cert",
        "CLAIM_WINDOW_SECONDS": "3600",
        "GROUPS": '{"home": "group"}',
    },
    world=lambda: World(
        find=LIST.find, answers={"iot.DescribeCertificate": {"certificateDescription": {"status": "ACTIVE"}}}
    ),
)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with running(HOOK) as started:
        yield started


def decide(run: Run, item: dict[str, Any] | None, asked: Any) -> bool:
    """Ask the hook; return whether the device gets a certificate.

    https://docs.aws.amazon.com/iot/latest/developerguide/pre-provisioning-hook.html
    """
    LIST.item = item
    answer = run.call({"certificateId": NEW, "claimCertificateId": OLD, "templateArn": "arn:template", **asked})
    json.dumps(answer, allow_nan=False, ensure_ascii=False).encode()
    changes = [name for name, _ in run.world.calls if not name.partition(".")[2].startswith(("Get", "Describe"))]
    if answer["allowProvisioning"] is True:
        assert all(isinstance(value, str) and value for value in answer["parameterOverrides"].values())
        assert changes.count("dynamodb.UpdateItem") == 1
        return True
    assert answer == {"allowProvisioning": False}
    assert not changes, "a refused device changed something"
    return False


DEVICES = [("allowed", "claim-A-1"), ("pending", "claim-A-1"), ("active", "A-1")]


@pytest.mark.parametrize(("name", "client"), DEVICES)
def test_a_device_of_the_list_is_admitted(run: Run, name: str, client: str) -> None:
    assert decide(run, ITEMS[name], {**ASKED, "clientId": client})


@pytest.mark.parametrize("name", ITEMS)
def test_whatever_a_device_asks_is_answered(run: Run, name: str) -> None:
    @examples(30)
    @given(asked=altered(ASKED) | st.fixed_dictionaries({"clientId": VALUES, "parameters": VALUES}))
    @example(asked={})
    @example(asked={"parameters": None})
    @example(asked={"parameters": {"SerialNumber": None}})
    @example(asked={"parameters": {"SerialNumber": ["A-1"]}})
    def holds(asked: Any) -> None:
        decide(run, ITEMS[name], asked)

    holds()


@pytest.mark.parametrize("text", TEXTS)
def test_a_serial_number_that_is_no_name_is_refused(run: Run, text: str) -> None:
    assert not decide(run, None, {"clientId": f"claim-{text}", "parameters": {"SerialNumber": text}})
    assert not decide(run, ITEMS["allowed"], {"clientId": text, "parameters": {"SerialNumber": "A-1"}})


@pytest.mark.parametrize(("name", "client"), DEVICES)
def test_an_item_of_any_kind_admits_or_refuses(run: Run, name: str, client: str) -> None:
    item = ITEMS[name]
    kept = {"certificates": item["certificates"]} if "certificates" in item else {}

    @examples(40)
    @given(changed=altered({name: value for name, value in item.items() if name not in kept}))
    def holds(changed: dict[str, Any]) -> None:
        decide(run, held(changed) | kept, {**ASKED, "clientId": client})

    holds()


@pytest.mark.parametrize(
    "wrong",
    [
        {"claimed_at": "2026-13-45T99:99:99Z"},
        {"claimed_at": "2026-01-02"},
        {"claimed_at": "2026-01-02T03:04:05"},
        {"claimed_at": "0001-01-01T00:00:00+23:59"},
        {"claimed_at": 1_800_000_000},
        {"claimed_at": None},
        {"claimed_at": "yesterday"},
        {"context": {"home": 1}},
        {"context": ["home"]},
        {"context": 7},
        {"kind": 7},
        {"kind": ""},
        {"kind": None},
        {"status": None},
        {"status": ["pending"]},
        {"certificates": "all"},
        {"certificates": 7},
        {"certificates": None},
        {"certificates": [OLD]},
        {"certificates": {1, 2}},
    ],
    ids=repr,
)
def test_an_item_that_an_operator_wrote_wrongly_is_refused(run: Run, wrong: dict[str, Any]) -> None:
    assert not decide(run, ITEMS["pending"] | wrong, ASKED)


def test_an_id_that_no_certificate_has_keeps_no_device_out(run: Run) -> None:
    assert decide(run, ITEMS["pending"] | {"certificates": {"lost", OLD}}, ASKED)
    assert [asked["certificateId"] for name, asked in run.world.calls if name == "iot.UpdateCertificate"] == [OLD]
