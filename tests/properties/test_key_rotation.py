"""Signing keys: whatever the secret holds, a rotation ends with a key that signs, and deletes none that is in use."""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.aws import World, refusal, strict_json
from tests.properties.inputs import VALUES, altered, examples, texts
from tests.properties.running import Run, Subject, running

NAME, GROUP, SECRET = "SigningKeys-1111", "G0", "arn:secret"
# Ids of versions have 32 characters or more.
NEW, OTHER = "n" * 32, "o" * 32
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
SEALED = {"key_group_id": GROUP, "key_pair_id": "K1", "private_key": PRIVATE, "usable_from": 0}


class Account:
    """A secret with its versions, and the public keys and key groups of CloudFront.

    Attributes:
        versions: By id what each version holds (text, bytes or nothing) and its labels.
        keys: Names of public keys by id.
        groups: Key groups by id.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Have one group with two keys for this stack, and one for another."""
        self.versions: dict[str, tuple[str | bytes | None, set[str]]] = {}
        self.keys = {"K0": f"{NAME}-0", "K1": f"{NAME}-1", "other": "SigningKeys-2222-1"}
        self.groups = {GROUP: {"Name": NAME, "Items": ["K1", "K0"]}, "G9": {"Name": "other", "Items": ["other"]}}

    def begin(self, *values: str | bytes | None) -> None:
        """Have a version that a rotation began, and the current and the previous one with these values."""
        labels = ({"AWSCURRENT"}, {"AWSPREVIOUS"})
        self.versions = {f"{number:032}": (value, labels[number]) for number, value in enumerate(values)}
        self.versions[NEW] = (None, {"AWSPENDING"})

    def value(self, label: str, version: str | None = None) -> str | bytes | None:
        """Return what a version holds."""
        for name, (value, labels) in self.versions.items():
            if label in labels and version in (None, name):
                return value
        return None

    def world(self) -> World:
        """Return a world with this account."""
        return World(answers=self.operations())

    def operations(self) -> dict[str, Callable[[Any], Any]]:
        """Return what answers the operations of both services."""
        return {
            "secretsmanager.DescribeSecret": self._describe,
            "secretsmanager.GetSecretValue": self._get,
            "secretsmanager.PutSecretValue": self._put,
            "secretsmanager.UpdateSecretVersionStage": self._promote,
            "cloudfront.GetKeyGroup": lambda asked: self._group(asked["Id"]),
            "cloudfront.ListKeyGroups": lambda _: {
                "KeyGroupList": {"Items": [self._group(group) for group in self.groups]}
            },
            "cloudfront.CreateKeyGroup": self._group_made,
            "cloudfront.DeleteKeyGroup": lambda asked: self.groups.pop(asked["Id"]) and {},
            "cloudfront.UpdateKeyGroup": self._update,
            "cloudfront.CreatePublicKey": self._make,
            "cloudfront.GetPublicKey": lambda asked: self.public_key(asked["Id"]),
            "cloudfront.DeletePublicKey": self._delete,
            "cloudfront.ListPublicKeys": lambda _: {
                "PublicKeyList": {"Items": [{"Id": key, "Name": name} for key, name in self.keys.items()]}
            },
        }

    def _describe(self, _asked: Any) -> Any:
        return {"VersionIdsToStages": {name: sorted(labels) for name, (_, labels) in self.versions.items()}}

    def _get(self, asked: Any) -> Any:
        value = self.value(asked["VersionStage"], asked.get("VersionId"))
        if value is None:
            raise refusal("ResourceNotFoundException", "GetSecretValue")
        return {"SecretBinary" if isinstance(value, bytes) else "SecretString": value}

    def _put(self, asked: Any) -> Any:
        strict_json(asked["SecretString"])
        labels = set(asked.get("VersionStages", ["AWSCURRENT"]))
        for _, others in self.versions.values():
            others.difference_update(labels)
        self.versions[asked["ClientRequestToken"]] = (asked["SecretString"], labels)
        return {}

    def _promote(self, asked: Any) -> Any:
        before = {name for name, (_, labels) in self.versions.items() if "AWSCURRENT" in labels}
        if before != {asked[name] for name in ("RemoveFromVersionId",) if name in asked}:
            raise refusal("InvalidParameterException", "UpdateSecretVersionStage")
        for name, (_, labels) in self.versions.items():
            labels.difference_update({"AWSPREVIOUS", "AWSCURRENT"})
            if name in before:
                labels.add("AWSPREVIOUS")
        self.versions[asked["MoveToVersionId"]][1].add("AWSCURRENT")
        return {}

    def _group(self, group: str) -> Any:
        if group not in self.groups:
            raise refusal("NoSuchResource", "GetKeyGroup")
        return {"ETag": "e", "KeyGroup": {"Id": group, "KeyGroupConfig": dict(self.groups[group])}}

    def _group_made(self, asked: Any) -> Any:
        self.groups["G1"] = asked["KeyGroupConfig"]
        return self._group("G1")

    def _update(self, asked: Any) -> Any:
        if not set(asked["KeyGroupConfig"]["Items"]) <= set(self.keys):
            raise refusal("InvalidArgument", "UpdateKeyGroup", "a public key does not exist")
        self.groups[asked["Id"]] = asked["KeyGroupConfig"]
        return {}

    def _make(self, asked: Any) -> Any:
        self.keys[f"K{len(self.keys)}"] = asked["PublicKeyConfig"]["Name"]
        return {"PublicKey": {"Id": f"K{len(self.keys) - 1}"}}

    def public_key(self, key: str) -> Any:
        """Return a public key as CloudFront does."""
        if key not in self.keys:
            raise refusal("NoSuchPublicKey", "GetPublicKey")
        return {"ETag": "e", "PublicKey": {"Id": key, "PublicKeyConfig": {"EncodedKey": PUBLIC}}}

    def _delete(self, asked: Any) -> Any:
        if any(asked["Id"] in group["Items"] for group in self.groups.values()):
            raise refusal("PublicKeyInUse", "DeletePublicKey")
        del self.keys[asked["Id"]]
        return {}


ACCOUNT = Account()


def _one_key(_module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    # Key pairs are told apart by their ids here: making one takes a tenth of a second.
    monkeypatch.setattr(rsa, "generate_private_key", lambda **_: KEY)


ROTATION = Subject(
    package="cdp_constructs.delivery.handlers.key_rotation",
    environment={"KEY_GROUP_NAME": NAME},
    world=ACCOUNT.world,
    prepare=_one_key,
)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with running(ROTATION) as started:
        yield started


def step(run: Run, name: Any, token: Any = NEW) -> None:
    run.call({"Step": name, "SecretId": SECRET, "ClientRequestToken": token})


def rotate(
    run: Run, current: str | bytes | None, previous: str | bytes | None = None, *, others: Sequence[str] = ("other",)
) -> dict[str, Any]:
    """Rotate a secret with these versions; return the key that signs then."""
    ACCOUNT.reset()
    ACCOUNT.begin(current, previous)
    for name in STEPS:
        step(run, name)
    key: dict[str, Any] = json.loads(ACCOUNT.value("AWSCURRENT") or "")
    assert ACCOUNT.groups[GROUP]["Items"][0] == key["key_pair_id"]
    assert (key["key_group_id"], key["private_key"]) == (GROUP, PRIVATE)
    assert set(ACCOUNT.groups[GROUP]["Items"]) <= set(ACCOUNT.keys)
    assert ACCOUNT.groups["G9"]["Items"] == list(others)
    assert "other" in ACCOUNT.keys
    return key


def test_the_key_before_stays_trusted(run: Run) -> None:
    key = rotate(run, json.dumps(SEALED), json.dumps({**SEALED, "key_pair_id": "K0"}))
    assert ACCOUNT.groups[GROUP]["Items"] == [key["key_pair_id"], "K1"]
    assert set(ACCOUNT.keys) == {key["key_pair_id"], "K1", "other"}


def test_a_public_key_that_cloudfront_keeps_or_has_lost_does_not_end_a_rotation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lose(asked: Any) -> Any:
        if asked["Id"] == "K2":
            raise refusal("NoSuchPublicKey", "GetPublicKey")
        return ACCOUNT.public_key(asked["Id"])

    def world() -> World:
        return World(answers={**ACCOUNT.operations(), "cloudfront.GetPublicKey": lose})

    with running(replace(ROTATION, world=world)) as run:
        reset = ACCOUNT.reset

        def with_strays() -> None:
            reset()
            # One that another group has, and one that somebody deletes at the same moment.
            ACCOUNT.groups["G9"]["Items"].append("K0")
            ACCOUNT.keys["K2"] = f"{NAME}-2"

        monkeypatch.setattr(ACCOUNT, "reset", with_strays)
        rotate(run, json.dumps(SEALED), others=["other", "K0"])
    assert {"K0", "K1"} <= set(ACCOUNT.keys)


HELD = texts(SEALED) | st.binary(max_size=8) | st.none()
PARTS: list[dict[str, Any]] = [
    {"key_group_id": ""},
    {"key_group_id": "/"},
    {"key_group_id": ".."},
    {"key_group_id": "G9"},
    {"key_group_id": "gone"},
    {"key_group_id": "k" * 1024},
    {"key_pair_id": ""},
    {"key_pair_id": "a\r\nb"},
    {"key_pair_id": "gone"},
    {"key_pair_id": "../x"},
    {"private_key": ""},
    {"private_key": "-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----"},
    {"private_key": PRIVATE[:500]},
    {"usable_from": None},
    {"usable_from": "soon"},
    {"usable_from": True},
    {"usable_from": 10**400},
]


def test_a_secret_that_holds_anything_gets_a_key_that_signs(run: Run) -> None:
    @examples(15)
    @given(current=HELD, previous=HELD)
    def holds(current: str | bytes | None, previous: str | bytes | None) -> None:
        rotate(run, current, previous)

    for text in ("", "null", "NaN", "[" * 100_000, '{"private_key": "x"}', "\ud800"):
        holds = example(current=text, previous=text)(holds)
    holds()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: repr(part)[:40])
def test_a_key_of_which_a_part_is_wrong_is_replaced(run: Run, part: dict[str, Any]) -> None:
    whole = json.dumps(SEALED)
    rotate(run, json.dumps(SEALED | part), whole)
    rotate(run, whole, json.dumps(SEALED | part))
    assert "K1" in ACCOUNT.keys, "the key that signed until now is gone"
    name = next(iter(part))
    rotate(run, json.dumps({other: value for other, value in SEALED.items() if other != name}))


@pytest.mark.parametrize(
    "labels",
    [
        {"v" * 32: {"AWSPREVIOUS"}, NEW: {"AWSPENDING"}},
        {"v" * 32: set(), NEW: {"AWSPENDING"}},
        {"v" * 32: {"AWSCURRENT"}, NEW: set()},
        {"v" * 32: {"AWSCURRENT"}, OTHER: {"AWSPENDING"}, NEW: set()},
        {NEW: {"AWSCURRENT", "AWSPENDING"}},
        {"v" * 32: {"AWSCURRENT", "AWSPREVIOUS", "mine"}, NEW: {"AWSPENDING", "mine"}},
    ],
    ids=["former", "none", "pending without a label", "pending elsewhere", "one of both", "own labels"],
)
def test_versions_with_wrong_labels_lose_no_key(run: Run, labels: dict[str, set[str]]) -> None:
    ACCOUNT.reset()
    ACCOUNT.versions = {name: (json.dumps(SEALED), set(of)) for name, of in labels.items()}
    for name in STEPS:
        # Secrets Manager tries a step again, and alarms see that it fails.
        with contextlib.suppress(ValueError):
            step(run, name)
    assert "K1" in ACCOUNT.keys
    assert ACCOUNT.groups[GROUP]["Items"], "a key group without a key refuses everybody"
    assert all(value for value, _ in ACCOUNT.versions.values())


def test_a_step_or_version_that_does_not_exist_changes_nothing(run: Run) -> None:
    ACCOUNT.reset()
    ACCOUNT.begin(json.dumps(SEALED))

    @examples(20)
    @given(name=VALUES, token=VALUES)
    def holds(name: Any, token: Any) -> None:
        for asked in ((name, NEW), ("createSecret", token)):
            with pytest.raises(ValueError, match=r"is not a (step|version) of"):
                step(run, *asked)
        assert not [call for call, _ in run.world.calls if not call.partition(".")[2].startswith(("Describe", "Get"))]

    holds()


def test_cloudformation_gets_one_answer_whatever_it_asks_and_the_secret_holds(run: Run) -> None:
    asked = {"RequestType": "Create", "ResourceProperties": {"SecretId": SECRET}}
    place = {
        "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/Files/1111",
        "RequestId": "request",
        "LogicalResourceId": "SigningKeys",
        "ResponseURL": "https://answer.example",
    }

    @examples(25)
    @given(event=altered(asked), current=HELD)
    @example(event={**asked, "RequestType": "Delete"}, current=None)
    @example(event={**asked, "RequestType": "Delete", "PhysicalResourceId": "\ud800"}, current=None)
    def holds(event: Any, current: str | bytes | None) -> None:
        ACCOUNT.reset()
        ACCOUNT.begin(current)
        # What CloudFormation sends has a type of request: without it, it is a rotation's.
        run.call({"RequestType": None, **event, **place})
        (sent,) = [options["body"] for name, (_, options) in filter(is_put, run.world.calls)]
        assert len(sent) < 4096
        assert json.loads(sent)["Status"] in {"SUCCESS", "FAILED"}

    holds()


def test_an_answer_to_cloudformation_stays_below_its_limit() -> None:
    def refuse(_asked: Any) -> Any:
        raise refusal("AccessDeniedException", "ListKeyGroups", "because " * 1000)

    refused = replace(ROTATION, world=lambda: World(answers={"cloudfront.ListKeyGroups": refuse}))
    event = {"RequestType": "Create", "ResourceProperties": {"SecretId": SECRET}}
    with running(refused) as run:
        run.call({**event, "StackId": "s", "RequestId": "r", "LogicalResourceId": "Keys", "ResponseURL": "https://a"})
        (sent,) = [options["body"] for name, (_, options) in filter(is_put, run.world.calls)]
    assert json.loads(sent)["Status"] == "FAILED"
    assert len(sent) < 4096


def is_put(call: tuple[str, Any]) -> bool:
    return call[0] == "http.PUT"
