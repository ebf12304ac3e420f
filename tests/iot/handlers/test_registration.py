"""Which devices the pre-provisioning hook admits, as plain Python."""

import json
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.handlers import import_handler


class Table:
    """Stands for the allow-list."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.changed_meanwhile = False

    def get_item(self, *, Key: dict[str, str], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        assert ConsistentRead
        found = self.items.get(Key["serial_number"])
        return {"Item": dict(found)} if found else {}

    def update_item(self, *, Key: dict[str, str], ExpressionAttributeValues: dict[str, Any], **_: Any) -> None:  # noqa: N803
        if self.changed_meanwhile:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")
        item = self.items[Key["serial_number"]]
        item["status"] = ExpressionAttributeValues[":status"]
        item["next_certificate_id"] = ExpressionAttributeValues[":certificate"]
        item.setdefault("certificates", set()).update(ExpressionAttributeValues[":certificates"])


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, table: Table) -> ModuleType:
    for name, value in {
        "ALLOW_LIST": "list",
        "GROUPS": json.dumps({"home": "home-group"}),
        "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
        "POWERTOOLS_SERVICE_NAME": "Function",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "hook",
    }.items():
        monkeypatch.setenv(name, value)
    module = import_handler("cdp_constructs.iot.handlers.registration")
    monkeypatch.setattr(module, "table", table)
    return module


CONTEXT = SimpleNamespace(
    function_name="hook",
    memory_limit_in_mb=128,
    invoked_function_arn="arn",
    aws_request_id="1",
    get_remaining_time_in_millis=int,
)


def ask(
    hook: ModuleType, serial_number: str = "s1", client: str = "claim-s1", by: str = "claim", new: str = "c2"
) -> Any:
    event = {
        "claimCertificateId": by,
        "certificateId": new,
        "clientId": client,
        "parameters": {"SerialNumber": serial_number},
    }
    return hook.handler(event, CONTEXT)


def test_listed_device_gets_what_the_list_says(hook: ModuleType, table: Table) -> None:
    table.items["s1"] = {"serial_number": "s1", "context": "home", "kind": "chair"}
    assert ask(hook) == {
        "allowProvisioning": True,
        "parameterOverrides": {"SerialNumber": "s1", "Context": "home", "Kind": "chair", "Group": "home-group"},
    }
    assert table.items["s1"]["status"] == "pending"
    assert table.items["s1"]["next_certificate_id"] == "c2"


@pytest.mark.parametrize(
    "item",
    [
        None,
        {"context": "elsewhere"},
        {},
        {"context": "home", "status": "blocked"},
        {"context": "home", "status": "no such status"},
        {"context": "home", "status": "active", "certificate_id": "c1"},
    ],
)
def test_others_are_refused(hook: ModuleType, table: Table, item: dict[str, Any] | None) -> None:
    if item is not None:
        table.items["s1"] = {"serial_number": "s1", **item}
    assert ask(hook) == {"allowProvisioning": False}


@pytest.mark.parametrize("client", ["claim-other", "s1", "other", ""])
def test_claim_for_somebody_else_is_refused(hook: ModuleType, table: Table, client: str) -> None:
    table.items["s1"] = {"serial_number": "s1", "context": "home"}
    assert ask(hook, client=client) == {"allowProvisioning": False}


def test_active_device_renews_with_its_own_certificate_only(hook: ModuleType, table: Table) -> None:
    table.items["s1"] = {"serial_number": "s1", "context": "home", "status": "active", "certificate_id": "c1"}
    assert ask(hook, client="s1", by="stolen")["allowProvisioning"] is False
    assert ask(hook, client="claim-s1", by="c1")["allowProvisioning"] is False
    assert ask(hook, client="s1", by="c1")["allowProvisioning"] is True
    assert table.items["s1"]["status"] == "active"


def test_two_claims_at_once_are_not_both_admitted(hook: ModuleType, table: Table) -> None:
    table.items["s1"] = {"serial_number": "s1", "context": "home"}
    table.changed_meanwhile = True
    assert ask(hook) == {"allowProvisioning": False}


def test_missing_serial_number_is_refused(hook: ModuleType) -> None:
    event = {"claimCertificateId": "claim", "certificateId": "c", "clientId": "claim-", "parameters": {}}
    assert hook.handler(event, CONTEXT) == {"allowProvisioning": False}


def test_item_that_an_operator_left_incomplete_is_refused_and_counted(
    hook: ModuleType, table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    table.items["s1"] = {"serial_number": "s1", "context": "home", "status": "active"}
    event = {"certificateId": "c2", "clientId": "s1", "parameters": {"SerialNumber": "s1"}}
    assert hook.handler(event, CONTEXT) == {"allowProvisioning": False}
    [published] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "RefusedRegistrations" in line]
    assert published["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "CdpConstructs"
    assert (published["function_name"], published["service"]) == ("hook", "Function")
