"""The module ``claim_check``: what is large is in the bucket, what is small is not, and nothing else is ever read."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given

from claim_check import InvalidReferenceError, MissingPayloadError, PayloadStore
from tests.strategies import JSON

INLINE = 1_000
LARGE = {"rows": ["x" * 100] * 20}


class Bucket:
    """Keeps objects, and counts how often they are read."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.reads = 0

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803
        assert (Bucket, ContentType) == ("payloads", "application/json")
        assert Key not in self.objects
        self.objects[Key] = Body

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "payloads"
        self.reads += 1
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "denied"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def payloads(bucket: Bucket) -> PayloadStore:
    return store_in(bucket)


def store_in(bucket: Bucket) -> PayloadStore:
    return PayloadStore(bucket, bucket="payloads", prefix="a/", inline_bytes=INLINE)  # type: ignore[arg-type]


def test_what_is_small_stays_and_what_is_large_is_a_reference(payloads: PayloadStore, bucket: Bucket) -> None:
    exact = "x" * (INLINE - 2)  # and two quotation marks
    assert payloads.store(exact) == exact
    assert bucket.objects == {}
    reference = payloads.store(exact + "x")["claim_check"]
    assert reference["key"].startswith("a/")
    assert reference["bytes"] == INLINE + 1
    assert len(json.dumps(reference)) < 300


def test_the_size_is_that_of_utf8(payloads: PayloadStore) -> None:
    assert "claim_check" in payloads.store("語" * (INLINE // 3))


@given(value=JSON)
def test_what_was_stored_is_loaded(value: Any) -> None:
    bucket = Bucket()
    try:
        reference = store_in(bucket).put(value)
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        return
    assert store_in(bucket).load(json.loads(json.dumps(reference))) == value


def test_references_are_loaded_wherever_they_are_and_each_payload_once(payloads: PayloadStore, bucket: Bucket) -> None:
    reference = payloads.put(LARGE)
    loaded = payloads.load({"a": [reference, {"b": reference}], "c": 7})
    assert loaded == {"a": [LARGE, {"b": LARGE}], "c": 7}
    assert bucket.reads == 1


def test_a_payload_may_refer_to_another_one(payloads: PayloadStore) -> None:
    outer = payloads.put({"inner": payloads.put(LARGE)})
    assert payloads.load(outer) == {"inner": LARGE}


def test_a_handler_knows_nothing_of_references(payloads: PayloadStore) -> None:
    @payloads.by_reference
    def twice(event: Any, _context: object) -> Any:
        return event["rows"] * 2

    result = twice(payloads.store(LARGE), None)
    assert set(result) == {"claim_check"}
    assert payloads.load(result) == LARGE["rows"] * 2
    assert twice({"rows": [1]}, None) == [1, 1]


def test_what_expired_is_told(payloads: PayloadStore, bucket: Bucket) -> None:
    reference = payloads.put(LARGE)
    bucket.objects.clear()
    with pytest.raises(MissingPayloadError, match="is not there"):
        payloads.load(reference)


def test_a_service_that_fails_is_not_taken_for_a_missing_payload(payloads: PayloadStore, bucket: Bucket) -> None:
    reference = payloads.put(LARGE)

    def slow(**_request: Any) -> None:
        raise ClientError({"Error": {"Code": "SlowDown", "Message": "slow"}}, "GetObject")

    bucket.get_object = slow  # type: ignore[method-assign,assignment]
    with pytest.raises(ClientError, match="SlowDown"):
        payloads.load(reference)


@pytest.mark.parametrize(
    "change", [{"bucket": "others"}, {"key": "b/secret.json"}, {"key": "../a/x.json"}], ids=["bucket", "prefix", "up"]
)
def test_a_reference_to_another_place_is_refused_before_anything_is_read(
    payloads: PayloadStore, bucket: Bucket, change: dict[str, str]
) -> None:
    reference = payloads.put(LARGE)["claim_check"]
    with pytest.raises(InvalidReferenceError, match="does not read"):
        payloads.load({"claim_check": {**reference, **change}})
    assert bucket.reads == 0


def test_a_payload_that_was_changed_is_refused(payloads: PayloadStore, bucket: Bucket) -> None:
    reference = payloads.put(LARGE)
    bucket.objects = dict.fromkeys(bucket.objects, b'{"rows": []}')
    with pytest.raises(InvalidReferenceError, match="not what the reference was made for"):
        payloads.load(reference)


@pytest.mark.parametrize(
    "change", [{"more": 1}, {"key": ""}, {"key": None}, {"bytes": "1"}, {"sha256": "x"}, {"sha256": "A" * 64}]
)
def test_a_malformed_reference_is_refused(payloads: PayloadStore, change: dict[str, Any]) -> None:
    reference = payloads.put(LARGE)["claim_check"]
    with pytest.raises(InvalidReferenceError, match="and nothing else"):
        payloads.load([{"claim_check": {**reference, **change}}])


@pytest.mark.parametrize("value", [{"claim_check": "C-7"}, {"claim_check": {}, "more": 1}, [], None, "claim_check"])
def test_what_only_looks_alike_is_no_reference(payloads: PayloadStore, value: Any) -> None:
    assert payloads.load(value) == value


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), "\ud800", nested(100_000)], ids=["nan", "inf", "half", "deep"]
)
def test_what_nobody_could_read_is_not_stored(payloads: PayloadStore, bucket: Bucket, value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        payloads.store(value)
    assert bucket.objects == {}


def test_an_input_that_is_nested_without_end_is_refused(payloads: PayloadStore) -> None:
    assert payloads.load(nested(150)) == nested(150)
    with pytest.raises(InvalidReferenceError, match="deeper than 200"):
        payloads.load(nested(500))
