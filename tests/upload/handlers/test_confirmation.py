"""How uploaded objects are judged by their first bytes, and what happens to them."""

import io
import json
import zipfile
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cdp_constructs.upload.handlers.confirmation import rules
from tests.handlers import import_handler
from tests.strategies import JSON, bodies

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


CONTEXT = SimpleNamespace(
    function_name="confirmation", memory_limit_in_mb=256, invoked_function_arn="arn:aws:lambda:x", aws_request_id="1"
)
PACKAGE = "cdp_constructs.upload.handlers.confirmation"


class Bucket:
    """Stands for S3: a versioned bucket that forgets nothing and can be asked for versions by number."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.copies: list[dict[str, Any]] = []

    def put(self, key: str, body: bytes, content_type: str = "image/jpeg", version: str = "v1") -> None:
        self.objects[key] = {
            "body": body,
            "ContentLength": len(body),
            "ContentType": content_type,
            "Metadata": {},
            "ETag": f'"{hash(body)}"',
            "VersionId": version,
        }

    def head_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:  # noqa: N803
        del Bucket
        found = self.objects.get(Key)
        if found is None or VersionId not in {None, found["VersionId"]}:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")
        return found

    def get_object(self, *, Range: str, **target: Any) -> dict[str, Any]:  # noqa: N803
        end = int(Range.partition("-")[2])
        return {"Body": io.BytesIO(self.head_object(**target)["body"][: end + 1])}

    def copy_object(self, *, Key: str, CopySource: dict[str, str], **options: Any) -> None:  # noqa: N803
        source = self.head_object(**CopySource)
        assert options["CopySourceIfMatch"] == source["ETag"]
        if "IfNoneMatch" in options and Key in self.objects:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "CopyObject")
        self.copies.append({"Key": Key, **options})
        self.objects[Key] = {**source, "Metadata": options["Metadata"], "VersionId": "copy"}

    def delete_object(self, **target: Any) -> None:
        self.head_object(**target)
        del self.objects[target["Key"]]


class Topic:
    """Stands for SNS."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.failing = False

    def publish(self, *, Message: str, **_options: Any) -> None:  # noqa: N803
        if self.failing:
            raise ClientError({"Error": {"Code": "InternalError"}}, "Publish")
        self.messages.append(json.loads(Message))


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    environment = {
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_LAMBDA_FUNCTION_NAME": "confirmation",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "CONTENT_TYPES": '["image/jpeg", "text/plain"]',
        "MAX_BYTES": "100000",
        "ACCEPTED_PREFIX": "accepted/",
        "TEXT_ENCODINGS": '["utf-8"]',
        "QUARANTINE_PREFIX": "quarantine/",
        "TOPIC_ARN": "arn:topic",
        "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
        "POWERTOOLS_SERVICE_NAME": "ConfirmationFunction",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    module = import_handler(PACKAGE)
    module.metrics.clear_metrics()
    vars(module).update(s3=Bucket(), sns=Topic())
    monkeypatch.setattr(import_module(f"{PACKAGE}.objects"), "s3", module.s3)
    return module


def event(key: str, version: str | None = "v1") -> Any:
    item = {"key": key, "sequencer": "01", **({"version-id": version} if version else {})}
    detail = {"bucket": {"name": "files"}, "object": item}
    return SQSRecord({"messageId": "1", "body": json.dumps({"region": "ap-northeast-1", "detail": detail})})


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind)
    return file.getvalue()


def package(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "<xml/>")
    return file.getvalue()


SAMPLES = {
    "application/pdf": b"%PDF-1.7\n",
    "application/gzip": b"\x1f\x8b\x08\x00",
    "application/zip": package("a.txt"),
    WORD: package("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
    SHEET: package("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"),
    "audio/mpeg": b"ID3\x04",
    "audio/wav": b"RIFF\x24\x00\x00\x00WAVEfmt ",
    "image/avif": b"\x00\x00\x00\x1cftypavif",
    "image/bmp": picture("BMP"),
    "image/gif": picture("GIF"),
    "image/heic": b"\x00\x00\x00\x18ftypheic",
    "image/jpeg": picture("JPEG"),
    "image/vnd.microsoft.icon": picture("ICO"),
    "image/png": picture("PNG"),
    "image/webp": picture("WEBP"),
    "video/mp4": b"\x00\x00\x00\x18ftypisom",
    "video/quicktime": b"\x00\x00\x00\x14ftypqt  ",
    "video/webm": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm",
    "text/plain": "今日は\r\n\tplain".encode(),
}
# A document of Word or Excel is a zip file too.
ALSO = {(WORD, "application/zip"), (SHEET, "application/zip"), ("text/plain", "text/csv")}


@pytest.mark.parametrize(
    ("content_type", "first_bytes"),
    [("audio/mpeg", b"\xff\xe3\x20\xc4"), ("audio/mp4", b"\x00\x00\x00\x18ftypM4A\x00\x00\x00\x00\x003gp5isom")],
    ids=["MPEG-2.5", "a brand that ends with zero"],
)
def test_rarer_beginnings_are_known_too(content_type: str, first_bytes: bytes) -> None:
    assert rules.looks_like(content_type, first_bytes)


@pytest.mark.parametrize("content_type", SAMPLES)
def test_each_type_is_known_by_its_first_bytes_and_is_no_other(content_type: str) -> None:
    matching = {other for other in rules.SIGNATURES if rules.looks_like(other, SAMPLES[content_type])}
    texts = {"text/plain", "text/csv", "application/json"}
    if content_type == "text/plain":
        assert matching == texts
    elif content_type == "application/pdf":
        assert matching - texts == {content_type}  # a header without its binary part reads as text
    else:
        assert matching - {content_type} == {other for kind, other in ALSO if kind == content_type}
        assert content_type in matching


def _boxed(*brands: bytes) -> bytes:
    """Return the beginning of a file of the ISO base media format."""
    major, *others = brands
    content = b"ftyp" + major + bytes(4) + b"".join(others)
    return (len(content) + 4).to_bytes(4) + content + b"\0\0\0\x08free"


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/pdf", b"\xef\xbb\xbf%PDF-1.4\n"),
        ("application/pdf", b"\r\n\r\n%PDF-1.4\n"),
        ("audio/wav", b"RF64\xff\xff\xff\xffWAVEds64"),
        ("audio/wav", b"BW64\xff\xff\xff\xffWAVEds64"),
        ("audio/mpeg", b"\xff\xfa\x90\x64"),
        ("audio/mpeg", b"\xff\xe3\x18\xc4"),
        ("audio/mp4", _boxed(b"M4A ", b"M4A ", b"mp42")),
        ("video/mp4", _boxed(b"mmp4")),
        ("video/mp4", _boxed(b"cmfc")),
        ("image/avif", _boxed(b"mif1", b"mif1", b"avif", b"miaf")),
        ("image/heic", _boxed(b"mif1", b"mif1", b"heic")),
        ("video/mp4", _boxed(b"3gp4", b"isom", b"3gp4")),
        ("video/mp4", _boxed(b"3gp5")),
        ("video/mp4", _boxed(b"M4A ")),
        ("video/mp4", _boxed(b"f4v ", b"isom")),
        ("video/mp4", _boxed(b"abcd", b"mp41")),
        ("video/quicktime", _boxed(b"qt  ")),
        ("video/quicktime", b"\x00\x00\x6d\x0emoov\x00\x00\x00\x6cmvhd"),
        ("video/quicktime", b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat"),
    ],
)
def test_files_of_real_programs_are_accepted(content_type: str, content: bytes) -> None:
    assert rules.looks_like(content_type, content)


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/pdf", bytes(1024) + b"%PDF-1.4\n"),
        ("image/avif", _boxed(b"mif1", b"heic")),
        ("image/heic", _boxed(b"mif1", b"avif")),
        ("video/mp4", _boxed(b"abcd", b"efgh")),
        # The list of brands says where it ends; what follows is no brand.
        ("video/mp4", b"\x00\x00\x00\x14ftypabcd\0\0\0\0efghisom"),
        ("video/mp4", b"\xff\xff\xff\xffftyp"),
    ],
)
def test_files_of_other_types_are_not(content_type: str, content: bytes) -> None:
    assert not rules.looks_like(content_type, content)


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("cp932", "商品,価格\r\n茶,120\r\n".encode("cp932")),
        ("cp1252", "Käse;3,50 €".encode("cp1252")),
        ("utf-16", "価格".encode("utf-16")),
    ],
)
def test_text_in_another_encoding_is_accepted_where_it_is_named(encoding: str, content: bytes) -> None:
    assert not rules.looks_like("text/csv", content)
    assert rules.looks_like("text/csv", content, ("utf-8", encoding))
    # Programs have control characters in every encoding.
    assert not rules.is_text(b"MZ\x90\x00\x03\x00", ("utf-8", "utf-16", "cp932", "cp1252"))


@pytest.mark.parametrize(
    "content", [b"MZ\x90\x00\x03", b"\x7fELF\x02", b"#!/bin/sh\n", b"<script>alert(1)</script>", b""]
)
def test_programs_are_no_pictures(content: bytes) -> None:
    types = [name for name in rules.SIGNATURES if name.startswith(("image/", "video/", "audio/"))]
    assert [name for name in types if rules.looks_like(name, content)] == []


def test_text_may_be_cut_off_in_the_middle_of_a_character() -> None:
    long = "é".encode() * rules.FIRST_BYTES
    assert rules.is_text(b"x" + long[: rules.FIRST_BYTES - 1])
    assert not rules.is_text(b"x" + long[:9])
    assert not rules.is_text(b"caf\xe9 au lait")


@pytest.mark.parametrize(
    ("key", "content", "content_type", "reason"),
    [
        ("incoming/ann/1/a.jpg", b"MZ\x90\x00", "image/jpeg", "content-differs-from-type"),
        ("incoming/ann/1/a.jpg", b"", "image/jpeg", "size"),
        ("incoming/ann/1/a.jpg", b"\xff\xd8\xff" + bytes(100_000), "image/jpeg", "size"),
        ("incoming/ann/1/a.png", SAMPLES["image/png"], "image/png", "content-type"),
        ("incoming/by-hand.jpg", SAMPLES["image/jpeg"], "image/jpeg", "unknown-key"),
    ],
)
def test_rejected_object_is_quarantined_with_the_reason(
    index: ModuleType, key: str, content: bytes, content_type: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    index.s3.put(key, content, content_type)
    index.confirm(event(key))
    assert list(index.s3.objects) == [key.replace("incoming/", "quarantine/")]
    assert [copy.get("Tagging") for copy in index.s3.copies] == [f"reason={reason}"]
    assert index.sns.messages == []
    index.metrics.flush_metrics()
    metric = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line)
    assert metric["RejectedUploads"] == [1.0]
    assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "CdpConstructs"
    dimensions = metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert [{name: metric[name] for name in names} for names in dimensions] == [
        {"function_name": "confirmation", "service": "ConfirmationFunction"}
    ]


def test_a_form_that_is_used_again_leaves_nothing(index: ModuleType) -> None:
    key = "incoming/ann/1/a.jpg"
    for number in range(30):
        index.s3.put(key, SAMPLES["image/jpeg"] + bytes([number]), version=f"v{number}")
        index.confirm(event(key, f"v{number}"))
    assert list(index.s3.objects) == ["accepted/ann/1/a.jpg"]
    assert index.s3.objects["accepted/ann/1/a.jpg"]["body"] == SAMPLES["image/jpeg"] + bytes([0])
    assert (len(index.s3.copies), len(index.sns.messages)) == (1, 1)


def test_of_a_form_that_is_rejected_again_and_again_the_first_is_kept(index: ModuleType) -> None:
    key = "incoming/ann/1/a.jpg"
    for number in range(30):
        index.s3.put(key, b"MZ" + bytes([number]), version=f"v{number}")
        index.confirm(event(key, f"v{number}"))
    assert list(index.s3.objects) == ["quarantine/ann/1/a.jpg"]
    assert index.s3.objects["quarantine/ann/1/a.jpg"]["body"] == b"MZ\0"
    # Whoever then sends what the form is for is accepted.
    index.s3.put(key, SAMPLES["image/jpeg"], version="v30")
    index.confirm(event(key, "v30"))
    assert sorted(index.s3.objects) == ["accepted/ann/1/a.jpg", "quarantine/ann/1/a.jpg"]


def test_of_two_uses_of_a_form_at_once_one_is_accepted(index: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    key, bucket = "incoming/ann/1/a.jpg", index.s3
    bucket.put(key, SAMPLES["image/jpeg"])
    copy = bucket.copy_object

    def copy_when_the_other_was_faster(**options: Any) -> None:
        bucket.objects.setdefault("accepted/ann/1/a.jpg", {**bucket.objects[key], "Metadata": {"source": "v0"}})
        copy(**options)

    monkeypatch.setattr(bucket, "copy_object", copy_when_the_other_was_faster)
    index.confirm(event(key))
    assert index.sns.messages == []
    assert {name: item["Metadata"] for name, item in bucket.objects.items()} == {
        "accepted/ann/1/a.jpg": {"source": "v0"}
    }


def test_a_file_that_was_replaced_without_a_version_is_judged_again(index: ModuleType) -> None:
    key = "incoming/ann/1/a.jpg"
    index.s3.put(key, b"MZ")
    copy = index.s3.copy_object

    def changed(**options: Any) -> None:
        assert "IfNoneMatch" not in options
        raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "CopyObject")

    index.s3.copy_object = changed
    with pytest.raises(ClientError):
        index.confirm(event(key, version=None))
    index.s3.copy_object = copy
    index.s3.put(key, SAMPLES["image/jpeg"])
    index.confirm(event(key, version=None))
    assert list(index.s3.objects) == ["accepted/ann/1/a.jpg"]


def test_names_of_files_are_not_logged(index: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    index.s3.put("incoming/ann/1/private.jpg", b"MZ")
    index.confirm(event("incoming/ann/1/private.jpg"))
    index.confirm(event("incoming/ann/2/private.jpg"))
    logged = [vars(record) for record in caplog.records]
    assert [record["folder"] for record in logged] == ["incoming/ann/1", "incoming/ann/2"]
    assert "private" not in str(logged)


def test_too_large_for_a_copy_is_deleted(index: ModuleType) -> None:
    index.s3.put("incoming/ann/1/a.jpg", b"")
    index.s3.objects["incoming/ann/1/a.jpg"]["ContentLength"] = import_module(f"{PACKAGE}.objects").LARGEST_COPY + 1
    index.confirm(event("incoming/ann/1/a.jpg"))
    assert index.s3.objects == {}


def test_failed_publish_is_repeated_without_another_copy(index: ModuleType) -> None:
    key = "incoming/ann/1/a.jpg"
    index.s3.put(key, SAMPLES["image/jpeg"])
    index.sns.failing = True
    with pytest.raises(ClientError):
        index.confirm(event(key))
    assert key in index.s3.objects
    index.sns.failing = False
    index.confirm(event(key))
    assert (len(index.s3.copies), len(index.sns.messages)) == (1, 1)
    assert list(index.s3.objects) == ["accepted/ann/1/a.jpg"]


def test_object_without_versions_is_known_by_its_etag(index: ModuleType) -> None:
    key = "incoming/ann/1/a.jpg"
    index.s3.put(key, SAMPLES["image/jpeg"])
    index.confirm(event(key, version=None))
    assert index.s3.objects["accepted/ann/1/a.jpg"]["Metadata"]["source"] == f'"{hash(SAMPLES["image/jpeg"])}"'
    assert len(index.sns.messages) == 1


def test_event_about_an_object_that_is_gone_is_done(index: ModuleType) -> None:
    index.confirm(event("incoming/ann/1/a.jpg"))
    assert (index.s3.copies, index.sns.messages) == ([], [])


def test_denied_read_is_no_reason_to_forget_the_object(index: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_target: Any) -> None:
        raise ClientError({"Error": {"Code": "403"}}, "HeadObject")

    monkeypatch.setattr(index.s3, "head_object", denied)
    with pytest.raises(ClientError, match="403"):
        index.confirm(event("incoming/ann/1/a.jpg"))


@pytest.mark.parametrize("body", ["{", "NaN", '{"detail": {}}', "\ud800"])
def test_event_that_cannot_be_read_is_delivered_again_alone(index: ModuleType, body: str) -> None:
    key = "incoming/ann/1/a.jpg"
    index.s3.put(key, SAMPLES["image/jpeg"])
    records = [{"messageId": name, "body": text} for name, text in (("bad", body), ("good", event(key).body))]
    assert index.handler({"Records": records}, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert list(index.s3.objects) == ["accepted/ann/1/a.jpg"]


OBJECTS = st.fixed_dictionaries(
    {"key": JSON | st.text(max_size=30).map("incoming/{}".format)}, optional={"version-id": JSON}
)
EVENTS = st.fixed_dictionaries(
    {"region": JSON, "detail": JSON | st.fixed_dictionaries({"bucket": JSON, "object": JSON | OBJECTS})}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(others=st.lists(bodies("region", "detail") | EVENTS.map(json.dumps), max_size=4), place=st.integers(0, 4))
def test_whatever_stands_beside_it_an_upload_is_confirmed(index: ModuleType, others: list[str], place: int) -> None:
    key = "incoming/ann/1/a.jpg"
    index.s3.objects.clear()
    index.s3.put(key, SAMPLES["image/jpeg"])
    texts = [*others[:place], event(key).body, *others[place:]]
    records = [{"messageId": str(number), "body": text} for number, text in enumerate(texts)]
    failed = index.handler({"Records": records}, CONTEXT)["batchItemFailures"]
    assert texts.index(event(key).body) not in {int(item["itemIdentifier"]) for item in failed}
    assert list(index.s3.objects) == ["accepted/ann/1/a.jpg"]
