"""Which certificates are retired and which devices of an own CA are registered, as plain Python."""

import datetime as dt
import json
from types import ModuleType
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.handlers import import_handler, log_of


class Table:
    """Stands for the allow-list."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}

    def get_item(self, *, Key: dict[str, str], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        assert ConsistentRead
        found = self.items.get(Key["serial_number"])
        return {"Item": dict(found)} if found else {}

    def update_item(self, *, Key: dict[str, str], ExpressionAttributeValues: dict[str, Any], **_: Any) -> None:  # noqa: N803
        item = self.items[Key["serial_number"]]
        if ":retired" in ExpressionAttributeValues:
            item["certificates"] = item["certificates"] - ExpressionAttributeValues[":retired"]
            return
        item["status"] = "active"
        item["certificate_id"] = item["next_certificate_id"] = ExpressionAttributeValues[":certificate"]


class Registry:
    """Stands for AWS IoT."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.pem = ""
        self.errors: dict[str, str] = {}

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            self.calls.append((operation, parameters))
            if operation in self.errors:
                raise ClientError({"Error": {"Code": self.errors[operation]}}, operation)
            return {"certificateDescription": {"certificatePem": self.pem}}

        return call

    def statuses(self) -> dict[str, str]:
        return {p["certificateId"]: p["newStatus"] for name, p in self.calls if name == "update_certificate"}


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch, table: Table, registry: Registry) -> ModuleType:
    for name, value in {
        "ALLOW_LIST": "list",
        "CERTIFICATES": "arn:aws:iot:us-east-1:111122223333:cert",
        "GROUPS": json.dumps({"home": "home-group"}),
        "POLICIES": json.dumps(["talk", "serve"]),
        "THING_TYPE": "type",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    module = import_handler("cdp_constructs.iot.handlers.certificates")
    monkeypatch.setattr(module, "allow_list", module.AllowList(table))
    monkeypatch.setattr(module, "registry", module.Registry(registry, module.environment))
    return module


def certificate(common_name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = dt.datetime.now(dt.UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(1))
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_confirming_the_newest_certificate_retires_the_others(
    keeper: ModuleType, table: Table, registry: Registry
) -> None:
    table.items["s1"] = {
        "status": "active",
        "certificate_id": "c1",
        "next_certificate_id": "c3",
        "certificates": {"c1", "c2", "c3"},
    }
    keeper.confirm("s1", "c3")
    assert registry.statuses() == {"c1": "INACTIVE", "c2": "INACTIVE"}
    assert table.items["s1"]["certificate_id"] == "c3"
    assert table.items["s1"]["certificates"] == {"c3"}


def test_confirming_twice_is_harmless(keeper: ModuleType, table: Table, registry: Registry) -> None:
    table.items["s1"] = {"certificate_id": "c1", "next_certificate_id": "c1", "certificates": {"c1"}}
    keeper.confirm("s1", "c1")
    assert registry.statuses() == {}


def test_late_confirmation_of_an_older_certificate_retires_nothing_newer(
    keeper: ModuleType, table: Table, registry: Registry
) -> None:
    table.items["s1"] = {"certificate_id": "c2", "next_certificate_id": "c3", "certificates": {"c2", "c3"}}
    keeper.confirm("s1", "c2")
    assert registry.statuses() == {}
    keeper.confirm("s1", "c1")
    assert registry.statuses() == {"c1": "INACTIVE"}, "neither in use nor the newest: it is retired itself"
    assert table.items["s1"]["certificate_id"] == "c2"


def test_use_of_a_certificate_without_an_item_changes_nothing(keeper: ModuleType, registry: Registry) -> None:
    keeper.confirm("s1", "c1")
    assert registry.statuses() == {}


def test_certificate_that_is_gone_is_retired(keeper: ModuleType, table: Table, registry: Registry) -> None:
    table.items["s1"] = {"certificate_id": "c1", "next_certificate_id": "c2", "certificates": {"c1", "c2"}}
    registry.errors["update_certificate"] = "ResourceNotFoundException"
    keeper.confirm("s1", "c2")
    assert table.items["s1"]["certificates"] == {"c2"}


def test_retirement_that_fails_is_tried_again(keeper: ModuleType, table: Table, registry: Registry) -> None:
    table.items["s1"] = {"certificate_id": "c1", "next_certificate_id": "c2", "certificates": {"c1", "c2"}}
    registry.errors["update_certificate"] = "ThrottlingException"
    with pytest.raises(ClientError):
        keeper.confirm("s1", "c2")
    assert table.items["s1"]["certificates"] == {"c1", "c2"}


def test_listed_device_of_an_own_ca_is_registered_and_activated_last(
    keeper: ModuleType, table: Table, registry: Registry
) -> None:
    table.items["s1"] = {"context": "home", "kind": "chair"}
    registry.pem = certificate("s1")
    keeper.register("c1")
    assert [name for name, _ in registry.calls] == [
        *("describe_certificate", "create_thing", "add_thing_to_thing_group", "attach_thing_principal"),
        *("attach_policy", "attach_policy", "update_certificate"),
    ]
    assert registry.statuses() == {"c1": "ACTIVE"}
    assert table.items["s1"]["certificate_id"] == "c1"


@pytest.mark.parametrize(
    "item",
    [
        None,
        {"context": "elsewhere"},
        {"context": "home", "status": "blocked"},
        {"context": "home", "certificate_id": "c9"},
    ],
)
def test_other_certificates_of_the_ca_are_deactivated(
    keeper: ModuleType, table: Table, registry: Registry, item: dict[str, Any] | None
) -> None:
    if item is not None:
        table.items["s1"] = item
    registry.pem = certificate("s1")
    keeper.register("c1")
    assert registry.statuses() == {"c1": "INACTIVE"}
    assert "create_thing" not in [name for name, _ in registry.calls]


def test_registration_that_was_begun_is_finished(keeper: ModuleType, table: Table, registry: Registry) -> None:
    table.items["s1"] = {"context": "home", "certificate_id": "c1"}
    registry.pem = certificate("s1")
    registry.errors["create_thing"] = "ResourceAlreadyExistsException"
    keeper.register("c1")
    assert registry.statuses() == {"c1": "ACTIVE"}


def test_lines_about_a_certificate_in_use_have_the_id_of_its_claim(
    keeper: ModuleType, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(keeper, monkeypatch)
    used = "c" * 32 + "d" * 32
    table.items["s1"] = {"certificate_id": used, "next_certificate_id": used, "certificates": {used}}
    body = json.dumps({"thing": "s1", "certificate_id": used})
    keeper.work(SQSRecord({"messageId": "m1", "body": body}))
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert (line["message"], line["correlation_id"], line["message_id"]) == ("Certificate in use", "c" * 32, "m1")
