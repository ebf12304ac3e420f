"""Keys are made once, two stay live, older ones go, and CloudFormation receives every failure."""

import json
import time
import uuid
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.handlers import import_handler

CONTEXT = SimpleNamespace(
    function_name="rotate", memory_limit_in_mb=512, invoked_function_arn="arn:aws:lambda:x", aws_request_id="1"
)
PACKAGE = "cdp_constructs.delivery.handlers.key_rotation"
STACK = "arn:aws:cloudformation:us-east-1:000000000000:stack/Files/11111111-2222-3333-4444-555555555555"
SECRET = "arn:secret"
NAME = "FilesSigningKeys-11111111-2222-3333-4444-555555555555"


class CloudFront:
    """Public keys and key groups of an account."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, str]] = {}
        self.groups: dict[str, dict[str, Any]] = {}

    def create_public_key(self, PublicKeyConfig: dict[str, str]) -> Any:  # noqa: N803 - boto3's names
        key_id = f"K{uuid.uuid4().hex[:8]}"
        self.keys[key_id] = PublicKeyConfig
        return {"PublicKey": {"Id": key_id}}

    def get_public_key(self, Id: str) -> Any:  # noqa: N803
        return {"ETag": "e", "PublicKey": {"PublicKeyConfig": self.keys[Id]}}

    def delete_public_key(self, Id: str, IfMatch: str) -> None:  # noqa: N803
        assert IfMatch == "e"
        assert all(Id not in group["Items"] for group in self.groups.values()), "PublicKeyInUse"
        del self.keys[Id]

    def create_key_group(self, KeyGroupConfig: dict[str, Any]) -> Any:  # noqa: N803
        group_id = f"G{uuid.uuid4().hex[:8]}"
        self.groups[group_id] = KeyGroupConfig
        return {"KeyGroup": {"Id": group_id}}

    def get_key_group(self, Id: str) -> Any:  # noqa: N803
        return {"ETag": "e", "KeyGroup": {"KeyGroupConfig": self.groups[Id]}}

    def update_key_group(self, Id: str, IfMatch: str, KeyGroupConfig: dict[str, Any]) -> None:  # noqa: N803
        assert IfMatch == "e"
        assert set(KeyGroupConfig["Items"]) <= set(self.keys)
        self.groups[Id] = KeyGroupConfig

    def delete_key_group(self, Id: str, IfMatch: str) -> None:  # noqa: N803
        assert IfMatch == "e"
        del self.groups[Id]

    def list_key_groups(self, Marker: str = "") -> Any:  # noqa: N803
        """Answer with one group per page."""
        page = [item for item in sorted(self.groups) if item > Marker]
        items = [{"KeyGroup": {"Id": item, "KeyGroupConfig": self.groups[item]}} for item in page[:1]]
        return {"KeyGroupList": {"Items": items, **({"NextMarker": page[0]} if len(page) > 1 else {})}}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_public_keys"
        items = [{"Id": key_id, "Name": config["Name"]} for key_id, config in self.keys.items()]
        pages = [{"PublicKeyList": {}}, *({"PublicKeyList": {"Items": [item]}} for item in items)]
        return SimpleNamespace(paginate=lambda: pages)


class NotFoundError(Exception):
    """The service's ResourceNotFoundException."""


class Secrets:
    """One secret with its versions."""

    exceptions = SimpleNamespace(ResourceNotFoundException=NotFoundError)

    def __init__(self) -> None:
        # CloudFormation makes a random first value.
        self.versions: dict[str, dict[str, Any]] = {"v0": {"value": "aB3$random", "labels": {"AWSCURRENT"}}}

    def begin_rotation(self, token: str) -> None:
        self.versions[token] = {"value": None, "labels": {"AWSPENDING"}}

    def describe_secret(self, SecretId: str) -> Any:  # noqa: N803
        assert SecretId == SECRET
        return {"VersionIdsToStages": {name: sorted(item["labels"]) for name, item in self.versions.items()}}

    def get_secret_value(self, SecretId: str, VersionStage: str, VersionId: str | None = None) -> Any:  # noqa: N803
        assert SecretId == SECRET
        for name, item in self.versions.items():
            if VersionStage in item["labels"] and VersionId in (None, name) and item["value"] is not None:
                return {"SecretString": item["value"]}
        raise NotFoundError

    def put_secret_value(
        self,
        SecretId: str,  # noqa: N803
        SecretString: str,  # noqa: N803
        ClientRequestToken: str = "v1",  # noqa: N803
        VersionStages: list[str] | None = None,  # noqa: N803
    ) -> None:
        assert SecretId == SECRET
        self.versions[ClientRequestToken] = {"value": SecretString, "labels": set(VersionStages or [])}
        if not VersionStages:
            self._promote(ClientRequestToken)

    def update_secret_version_stage(self, MoveToVersionId: str, RemoveFromVersionId: str, **_: str) -> None:  # noqa: N803
        assert "AWSCURRENT" in self.versions[RemoveFromVersionId]["labels"]
        self._promote(MoveToVersionId)

    def _promote(self, version: str) -> None:
        for item in self.versions.values():
            item["labels"] -= {"AWSPREVIOUS"}
            if "AWSCURRENT" in item["labels"]:
                item["labels"] = {"AWSPREVIOUS"}
        self.versions[version]["labels"] |= {"AWSCURRENT"}

    def key(self, label: str = "AWSCURRENT") -> Any:
        return json.loads(self.get_secret_value(SECRET, label)["SecretString"])


class Account:
    """The handler with its fakes, and what it told CloudFormation."""

    def __init__(self, index: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.index, self.cloudfront, self.secrets = index, CloudFront(), Secrets()
        self.told: list[dict[str, Any]] = []
        monkeypatch.setattr(import_module(f"{PACKAGE}.key_pairs"), "cloudfront", self.cloudfront)
        monkeypatch.setattr(import_module(f"{PACKAGE}.secret"), "secrets", self.secrets)
        monkeypatch.setattr("urllib3.PoolManager", lambda: SimpleNamespace(request=self._hear))

    def _hear(self, method: str, url: str, *, body: bytes, **_: Any) -> None:
        assert (method, url) == ("PUT", "https://response")
        self.told.append(json.loads(body))

    def cloudformation(self, request_type: str, physical_id: str | None = None) -> dict[str, Any]:
        event = {
            "RequestType": request_type,
            "ResponseURL": "https://response",
            "StackId": STACK,
            "RequestId": "r",
            "LogicalResourceId": "FilesSigningKeys",
            "ResourceProperties": {"SecretId": SECRET},
            **({"PhysicalResourceId": physical_id} if physical_id else {}),
        }
        self.index.handler(event, CONTEXT)
        return self.told[-1]

    def step(self, step: str, token: str) -> None:
        self.index.handler({"Step": step, "SecretId": SECRET, "ClientRequestToken": token}, CONTEXT)

    def rotate(self, token: str) -> None:
        self.secrets.begin_rotation(token)
        for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
            self.step(step, token)

    @property
    def trusted(self) -> list[str]:
        (group,) = self.cloudfront.groups.values()
        items: list[str] = group["Items"]
        return items


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    monkeypatch.setenv("KEY_GROUP_NAME", NAME)
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    module = import_handler(PACKAGE)
    return Account(module, monkeypatch)


# --- CloudFormation --------------------------------------------------------------------------------------------------


def test_creation_makes_the_key_the_group_and_the_secret(account: Account) -> None:
    answer = account.cloudformation("Create")
    (group_id,) = account.cloudfront.groups
    (key_id,) = account.cloudfront.keys
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", group_id)
    key = account.secrets.key()
    assert (key["key_group_id"], key["key_pair_id"], key["usable_from"]) == (group_id, key_id, 0)
    assert key["private_key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert "PRIVATE KEY" not in json.dumps(answer) + json.dumps(account.cloudfront.keys)


def test_a_second_delivery_of_the_creation_changes_nothing(account: Account) -> None:
    first = account.cloudformation("Create")
    key = account.secrets.key()
    assert account.cloudformation("Create") == first
    assert account.secrets.key() == key
    assert account.trusted == [key["key_pair_id"]]


def test_an_update_keeps_the_keys(account: Account) -> None:
    group_id = account.cloudformation("Create")["PhysicalResourceId"]
    account.rotate("v2")
    trusted = account.trusted
    assert account.cloudformation("Update", group_id)["PhysicalResourceId"] == group_id
    assert account.trusted == trusted


def test_a_creation_that_broke_off_is_done_anew(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(account.secrets, "put_secret_value", lambda **_: 1 / 0)
        answer = account.cloudformation("Create")
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == "ZeroDivisionError: division by zero"
    assert account.cloudformation("Create")["Status"] == "SUCCESS"
    assert list(account.cloudfront.keys) == account.trusted == [account.secrets.key()["key_pair_id"]]


def test_deletion_leaves_nothing_of_its_own_and_everything_of_others(account: Account) -> None:
    others = account.cloudfront.create_public_key({"Name": f"other-{NAME}-x", "EncodedKey": ""})["PublicKey"]["Id"]
    account.cloudfront.create_key_group({"Name": "other", "Items": [others]})
    group_id = account.cloudformation("Create")["PhysicalResourceId"]
    assert account.cloudformation("Delete", group_id)["Status"] == "SUCCESS"
    assert list(account.cloudfront.keys) == [others]
    assert len(account.cloudfront.groups) == 1
    assert account.cloudformation("Delete", group_id)["Status"] == "SUCCESS", "what is gone can be deleted"


# --- Rotation --------------------------------------------------------------------------------------------------------


def test_two_keys_stay_live_and_older_ones_go(account: Account) -> None:
    account.cloudformation("Create")
    seen = [account.secrets.key()["key_pair_id"]]
    for token in ("v2", "v3"):
        account.rotate(token)
        seen.append(account.secrets.key()["key_pair_id"])
        assert account.trusted == [seen[-1], seen[-2]]
        assert set(account.cloudfront.keys) == set(account.trusted)
    assert len(set(seen)) == 3


def test_a_new_key_is_not_to_be_used_for_ten_minutes(account: Account) -> None:
    account.cloudformation("Create")
    account.rotate("v2")
    assert 590 <= account.secrets.key()["usable_from"] - time.time() <= 600


def test_the_current_key_signs_until_the_rotation_is_finished(account: Account) -> None:
    account.cloudformation("Create")
    first = account.secrets.key()
    account.secrets.begin_rotation("v2")
    for step in ("createSecret", "setSecret", "testSecret"):
        account.step(step, "v2")
        assert account.secrets.key() == first
        assert first["key_pair_id"] in account.trusted
    assert account.secrets.key("AWSPENDING")["key_pair_id"] in account.trusted


def test_every_step_can_be_repeated(account: Account) -> None:
    account.cloudformation("Create")
    account.secrets.begin_rotation("v2")
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        account.step(step, "v2")
        key = account.secrets.versions["v2"]["value"]
        account.step(step, "v2")
        assert account.secrets.versions["v2"]["value"] == key
    assert set(account.cloudfront.keys) == set(account.trusted)
    assert len(account.trusted) == 2


def test_what_a_broken_rotation_left_behind_goes_with_the_next(account: Account) -> None:
    account.cloudformation("Create")
    account.secrets.begin_rotation("broken")
    account.step("createSecret", "broken")
    account.step("setSecret", "broken")
    account.secrets.versions.pop("broken")
    account.rotate("v2")
    assert len(account.trusted) == 2
    assert set(account.cloudfront.keys) == set(account.trusted)


def test_the_test_finds_a_key_that_is_not_trusted(account: Account) -> None:
    account.cloudformation("Create")
    account.secrets.begin_rotation("v2")
    account.step("createSecret", "v2")
    with pytest.raises(ValueError, match=r"public key K\w+ is not in key group G\w+"):
        account.step("testSecret", "v2")


def test_the_test_finds_a_public_key_that_does_not_fit(account: Account) -> None:
    account.cloudformation("Create")
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = stranger.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    account.secrets.begin_rotation("v2")
    account.step("createSecret", "v2")
    account.step("setSecret", "v2")
    account.cloudfront.keys[account.secrets.key("AWSPENDING")["key_pair_id"]]["EncodedKey"] = pem
    with pytest.raises(InvalidSignature):
        account.step("testSecret", "v2")


def test_setting_a_schedule_tests_the_current_key(account: Account) -> None:
    # Secrets Manager runs this step alone then, with a pending version that has no value.
    account.cloudformation("Create")
    account.secrets.begin_rotation("probe")
    account.step("testSecret", "probe")
    assert len(account.cloudfront.keys) == 1


def refuse(account: Account, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let Secrets Manager refuse to give pending versions."""
    give = account.secrets.get_secret_value

    def get(SecretId: str, VersionStage: str, **which: str) -> Any:  # noqa: N803
        if VersionStage == "AWSPENDING":
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "GetSecretValue")
        return give(SecretId, VersionStage, **which)

    monkeypatch.setattr(account.secrets, "get_secret_value", get)


def test_a_pending_version_without_its_label_counts_as_empty(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account.cloudformation("Create")
    account.secrets.begin_rotation("v2")
    refuse(account, monkeypatch, "InvalidRequestException")
    account.step("testSecret", "v2")


def test_a_missing_permission_is_not_taken_for_an_empty_version(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.cloudformation("Create")
    account.secrets.begin_rotation("v2")
    refuse(account, monkeypatch, "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        account.step("createSecret", "v2")
    assert len(account.cloudfront.keys) == 1, "no key was made for nothing"


def test_a_version_that_does_not_exist_is_refused(account: Account) -> None:
    account.cloudformation("Create")
    with pytest.raises(ValueError, match=r"version unknown is not a version of arn:secret"):
        account.step("createSecret", "unknown")


@pytest.mark.parametrize("lost", ["not even JSON", '{"note": "overwritten by hand"}'])
def test_a_secret_that_lost_its_key_gets_a_new_one(account: Account, lost: str) -> None:
    account.cloudformation("Create")
    account.secrets.put_secret_value(SECRET, lost, ClientRequestToken="by-hand")
    account.rotate("v2")
    key = account.secrets.key()
    assert account.trusted == [key["key_pair_id"]]
    assert list(account.cloudfront.groups) == [key["key_group_id"]]


def test_a_secret_without_a_key_and_without_a_group_says_so(account: Account) -> None:
    account.secrets.begin_rotation("v2")
    with pytest.raises(ValueError, match=f"arn:secret holds no signing key, and there is no key group {NAME}"):
        account.step("createSecret", "v2")
    assert account.cloudfront.keys == {}, "no key was made for nothing"
