"""Which devices the pre-provisioning hook admits, and what becomes of earlier claims, as plain Python."""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.handlers import import_handler, log_of


class Table:
    """Stands for the allow-list."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.changed_meanwhile = False
        self.log: list[str] = []

    def get_item(self, *, Key: dict[str, str], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        assert ConsistentRead
        found = self.items.get(Key["serial_number"])
        return {"Item": deepcopy(found)} if found else {}

    def update_item(self, *, Key: dict[str, str], ExpressionAttributeValues: dict[str, Any], **_: Any) -> None:  # noqa: N803
        if self.changed_meanwhile:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")
        item = self.items[Key["serial_number"]]
        item["status"] = ExpressionAttributeValues[":status"]
        item["next_certificate_id"] = ExpressionAttributeValues[":certificate"]
        item["claimed_at"] = ExpressionAttributeValues[":claimed"]
        item.setdefault("certificates", set()).update(ExpressionAttributeValues[":certificates"])
        self.log.append("record")


class Iot:
    """Stands for both clients of AWS IoT."""

    def __init__(self, log: list[str], **statuses: str) -> None:
        self.statuses = statuses
        self.log = log
        self.connected = True
        self.fails_on = ""

    def describe_certificate(self, *, certificateId: str) -> dict[str, Any]:  # noqa: N803
        if certificateId not in self.statuses:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeCertificate")
        return {"certificateDescription": {"status": self.statuses[certificateId]}}

    def update_certificate(self, *, certificateId: str, newStatus: str) -> None:  # noqa: N803
        self._do(f"{newStatus} {certificateId}")
        self.statuses[certificateId] = newStatus

    def detach_thing_principal(self, *, thingName: str, principal: str) -> None:  # noqa: N803
        self._do(f"detach {principal.rpartition('/')[2]} from {thingName}")

    def delete_connection(self, *, clientId: str, cleanSession: bool, preventWillMessage: bool) -> None:  # noqa: N803
        assert (cleanSession, preventWillMessage) == (True, True)
        if not self.connected:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DeleteConnection")
        self._do(f"disconnect {clientId}")

    def _do(self, what: str) -> None:
        if self.fails_on and what.startswith(self.fails_on):
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "any")
        self.log.append(what)


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def iot(table: Table) -> Iot:
    return Iot(table.log, c1="ACTIVE")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, table: Table, iot: Iot) -> ModuleType:
    for name, value in {
        "ALLOW_LIST": "list",
        "CERTIFICATES": "arn:aws:iot:us-east-1:111122223333:cert",
        "CLAIM_WINDOW_SECONDS": "3600",
        "GROUPS": json.dumps({"home": "home-group"}),
        "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
        "POWERTOOLS_SERVICE_NAME": "Function",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "hook",
    }.items():
        monkeypatch.setenv(name, value)
    module = import_handler("cdp_constructs.iot.handlers.registration")
    monkeypatch.setattr(module, "allow_list", module.AllowList(table))
    claims = module.EarlierClaims(iot, iot, module.environment.certificates)
    monkeypatch.setattr(module, "earlier_claims", lambda: claims)
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


def counted(capsys: pytest.CaptureFixture[str], metric: str) -> int:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    return sum(int(sum(line[metric])) for line in lines if metric in line)


def pending(minutes_ago: float = 10, **more: Any) -> dict[str, Any]:
    claimed_at = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat(timespec="seconds")
    return {
        "serial_number": "s1",
        "context": "home",
        "status": "pending",
        "next_certificate_id": "c1",
        "certificates": {"c1"},
        "claimed_at": claimed_at,
        **more,
    }


def test_second_claim_retires_the_first_certificate_before_it_is_admitted(
    hook: ModuleType, table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    table.items["s1"] = item = pending()
    started = item["claimed_at"]
    assert ask(hook)["allowProvisioning"] is True
    assert table.log == ["record", "INACTIVE c1", "detach c1 from s1", "disconnect s1"]
    assert (item["next_certificate_id"], item["claimed_at"]) == ("c2", started)
    # All of them, so that the use of the newest retires again what a concurrent claim may have activated meanwhile.
    assert item["certificates"] == {"c1", "c2"}
    assert counted(capsys, "RepeatedClaims") == 1


@pytest.mark.parametrize("step", ["INACTIVE", "detach", "disconnect"])
def test_hook_that_fails_in_between_admits_nobody_and_the_next_claim_retires_all(
    hook: ModuleType, table: Table, iot: Iot, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table.items["s1"] = pending()
    iot.fails_on = step
    with pytest.raises(ClientError):
        ask(hook, new="c2")
    assert counted(capsys, "RepeatedClaims") == 1
    assert "c1" in table.items["s1"]["certificates"]
    iot.fails_on = ""
    # AWS IoT did not activate the second certificate: its hook gave no answer.
    iot.statuses["c2"] = "PENDING_ACTIVATION"
    assert ask(hook, new="c3")["allowProvisioning"] is True
    assert iot.statuses == {"c1": "INACTIVE", "c2": "INACTIVE"}


def test_claim_after_the_window_is_refused_and_counted_until_an_operator_allows_it(
    hook: ModuleType, table: Table, iot: Iot, capsys: pytest.CaptureFixture[str]
) -> None:
    table.items["s1"] = pending(minutes_ago=61)
    assert ask(hook) == {"allowProvisioning": False}
    assert iot.statuses == {"c1": "ACTIVE"}
    assert counted(capsys, "RepeatedClaims") == 1
    table.items["s1"]["status"] = "allowed"
    assert ask(hook)["allowProvisioning"] is True
    assert iot.statuses == {"c1": "INACTIVE"}
    assert counted(capsys, "RepeatedClaims") == 0
    # The window begins again.
    assert ask(hook, new="c3")["allowProvisioning"] is True


def test_claims_within_a_window_are_limited(hook: ModuleType, table: Table) -> None:
    table.items["s1"] = pending(certificates={f"c{number}" for number in range(9)})
    assert ask(hook, new="c9")["allowProvisioning"] is True
    assert ask(hook, new="c10")["allowProvisioning"] is False


def test_claim_that_follows_a_hook_that_was_too_late_is_not_counted(
    hook: ModuleType, table: Table, iot: Iot, capsys: pytest.CaptureFixture[str]
) -> None:
    table.items["s1"] = pending(certificates={"c1", "expired"})
    iot.statuses["c1"], iot.connected = "PENDING_ACTIVATION", False
    assert ask(hook)["allowProvisioning"] is True
    assert iot.statuses["c1"] == "INACTIVE"
    assert counted(capsys, "RepeatedClaims") == 0


def test_renewal_retires_nothing(hook: ModuleType, table: Table, iot: Iot) -> None:
    table.items["s1"] = pending(status="active", certificate_id="c1")
    assert ask(hook, client="s1", by="c1")["allowProvisioning"] is True
    assert iot.statuses == {"c1": "ACTIVE"}


def test_pending_item_of_an_earlier_version_has_its_window_from_its_last_change(hook: ModuleType, table: Table) -> None:
    item = pending(minutes_ago=59)
    item["changed_at"] = item.pop("claimed_at")
    table.items["s1"] = item
    assert ask(hook)["allowProvisioning"] is True
    table.items["s1"] = pending(claimed_at=(datetime.now(UTC) - timedelta(hours=2)).isoformat())
    assert ask(hook, new="c3")["allowProvisioning"] is False
    del table.items["s1"]["claimed_at"]
    assert ask(hook, new="c3")["allowProvisioning"] is False


@pytest.mark.parametrize("serial_number", ["s1", "unknown"])
def test_lines_have_the_first_half_of_the_certificates_id(
    hook: ModuleType, table: Table, monkeypatch: pytest.MonkeyPatch, serial_number: str
) -> None:
    log = log_of(hook, monkeypatch)
    table.items["s1"] = {"serial_number": "s1", "context": "home"}
    ask(hook, serial_number, client=f"claim-{serial_number}", new="c" * 32 + "d" * 32)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["correlation_id"] for line in lines] == ["c" * 32]
