"""What the form function signs, and what it refuses."""

import base64
import json
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import RFC_4122, UUID

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp_constructs.upload.handlers.confirmation.rules import SIGNATURES
from cdp_constructs.upload.handlers.form import names
from cdp_constructs.upload.handlers.form.content_types import accepted_type
from tests.handlers import import_handler
from tests.strategies import bodies

CONTEXT = SimpleNamespace(
    function_name="form", memory_limit_in_mb=256, invoked_function_arn="arn:aws:lambda:x", aws_request_id="1"
)
PICTURE = {"owner": "ann", "name": "cat.jpg", "content_type": "image/jpeg"}
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "ap-northeast-1",
    "AWS_ACCESS_KEY_ID": "made-up",
    "AWS_SECRET_ACCESS_KEY": "made-up",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "BUCKET": "files",
    "CONTENT_TYPES": '["image/jpeg", "text/plain"]',
    "MAX_BYTES": "200000000",
    "EXPIRES_IN": "300",
    "INCOMING_PREFIX": "incoming/",
}
PACKAGE = "cdp_constructs.upload.handlers.form"


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return import_handler(PACKAGE)


def module(name: str) -> ModuleType:
    """A module of the handler that ``index`` has just imported."""
    return import_module(f"{PACKAGE}.{name}")


def conditions(form: dict[str, Any]) -> list[Any]:
    policy: dict[str, Any] = json.loads(base64.b64decode(form["fields"]["policy"]))
    return list(policy["conditions"])


def user_event(body: str, claims: dict[str, str] | None) -> dict[str, Any]:
    context: dict[str, Any] = {"http": {"method": "POST", "path": "/uploads"}, "stage": "$default"}
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    request = {"version": "2.0", "routeKey": "POST /uploads", "rawPath": "/uploads", "requestContext": context}
    return {**request, "headers": {}, "body": body, "isBase64Encoded": False}


def test_policy_fixes_key_type_metadata_and_size(index: ModuleType) -> None:
    form = index.handler({**PICTURE, "size": 1234, "metadata": {"room": "r-1"}}, CONTEXT)
    signed = conditions(form)
    assert form["key"] == f"incoming/ann/{form['upload_id']}/cat.jpg"
    for condition in (
        {"key": form["key"]},
        {"bucket": "files"},
        {"Content-Type": "image/jpeg"},
        {"x-amz-meta-room": "r-1"},
        ["content-length-range", 1, 1234],
    ):
        assert condition in signed
    # Each is an equality: nothing is left to the client but the file.
    assert [item for item in signed if isinstance(item, list)] == [["content-length-range", 1, 1234]]
    assert form["expires_in"] == 300


def test_form_names_the_host_of_its_region(index: ModuleType) -> None:
    form = index.handler(PICTURE, CONTEXT)
    assert form["url"] == "https://files.s3.ap-northeast-1.amazonaws.com/"
    assert form["fields"]["x-amz-algorithm"] == "AWS4-HMAC-SHA256"


def test_without_a_size_a_post_ends_at_100_megabytes(index: ModuleType) -> None:
    assert ["content-length-range", 1, 100_000_000] in conditions(index.handler(PICTURE, CONTEXT))


def test_above_100_megabytes_each_part_has_its_signed_length(index: ModuleType) -> None:
    with Stubber(module("uploads").s3) as s3:
        s3.add_response("create_multipart_upload", {"UploadId": "m-1"})
        answer = index.handler({**PICTURE, "size": 100_000_001}, CONTEXT)
    assert [part["size"] for part in answer["parts"]] == [50_000_000, 50_000_000, 1]
    for part in answer["parts"]:
        query = parse_qs(urlsplit(part["url"]).query)
        assert "content-length" in query["X-Amz-SignedHeaders"][0].split(";")
        assert query["X-Amz-Expires"] == ["300"]
        assert query["partNumber"] == [str(part["part_number"])]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("cat.jpg", "cat.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\cat.jpg", "cat.jpg"),
        ("a\x00b\r\nc.jpg", "a_b__c.jpg"),
        ('a"b;c?.jpg', "a_b_c_.jpg"),
        ("議事録.txt", "議事録.txt"),
        ("cafe\u0301.txt", "café.txt"),
        ("हिन्दी रिपोर्ट.pdf", "हिन्दी रिपोर्ट.pdf"),
        ("น้ำ.pdf", "น้ำ.pdf"),
        ("①㈱.txt", "①㈱.txt"),
        ("\uff21\uff22 ½ 📄.txt", "\uff21\uff22 ½ 📄.txt"),
        ("photo\uff0ejpg", "photo_jpg"),
        ("photo\u202egpj.exe", "photo_gpj.exe"),
        ("\uff0fhidden\uff0fcat.jpg", "cat.jpg"),
        ("...", "file"),
        ("a" * 300 + ".jpg", "a" * 96 + ".jpg"),
        # Joiners of a script's spelling and of pictographs stay; where nobody would see them, they do not.
        ("می\u200cشود.pdf", "می\u200cشود.pdf"),
        ("👨\u200d👩\u200d👧 👍🏽.png", "👨\u200d👩\u200d👧 👍🏽.png"),
        ("pay\u200dpal.pdf", "pay_pal.pdf"),
        ("議\u200d.pdf", "議_.pdf"),
        # 255 bytes, and no character is cut.
        ("あ" * 300 + ".pdf", "あ" * 83 + ".pdf"),
        ("con.txt", "_con.txt"),
        ("LPT1", "_LPT1"),
        # Windows counts the three superscripts of Latin-1 as digits.
        ("com¹.txt", "_com¹.txt"),
        ("console.txt", "console.txt"),
        # Cut behind a space, the name would be another one the next time.
        ("a" * 99 + " b", "a" * 99),
        ("x." + "a" * 14 + " b", "x." + "a" * 14),
    ],
)
def test_file_name_keeps_only_what_is_harmless(name: str, safe: str) -> None:
    assert names.safe_name(name) == safe


@given(name=st.text(st.sampled_from("a. _/あ\u200c\u200d👍🏽\u0300CON1") | st.characters(), max_size=200))
def test_a_safe_name_stays_as_it_is(name: str) -> None:
    safe = names.safe_name(name)
    assert names.safe_name(safe) == safe
    assert 1 <= len(safe) <= 100
    assert len(safe.encode()) <= 255
    assert not set(safe) & set("/\\\r\n\0\"<>|*?:;&$`'")


@pytest.mark.parametrize(
    ("given_type", "name", "meant"),
    [
        ("IMAGE/JPEG", "a", "image/jpeg"),
        ("image/jpg", "a", "image/jpeg"),
        ("text/csv; charset=utf-8", "a", "text/csv"),
        ("application/x-zip-compressed", "a.zip", "application/zip"),
        ("application/vnd.ms-excel", "a.CSV", "text/csv"),
        ("application/vnd.ms-excel", "a.xls", None),
        ("", "a.jpeg", "image/jpeg"),
        ("", "a.MPO", "image/jpeg"),
        ("", "a.jfif", "image/jpeg"),
        ("", "a.exe", None),
        ("", "jpg", None),
        ("application/octet-stream", "a.zip", "application/zip"),
        ("application/csv", "a", "text/csv"),
        ("multipart/x-zip", "a", "application/zip"),
        ("application/force-download", "a.zip", "application/zip"),
        ("application/octet-stream", "a.JFIF", "image/jpeg"),
        ("text/plain", "a.csv", "text/csv"),
        ("text/plain", "a.html", None),
        ("text/html", "a.jpg", None),
        (";", "a", None),
    ],
)
def test_a_type_is_meant_as_browsers_say_it(given_type: str, name: str, meant: str | None) -> None:
    assert accepted_type(given_type, name, {"image/jpeg", "text/csv", "application/zip"}) == meant


@pytest.mark.parametrize(
    ("given_type", "name", "meant"),
    [
        ("image/x-icon", "a", "image/vnd.microsoft.icon"),
        ("", "a.ico", "image/vnd.microsoft.icon"),
        ("image/x-ms-bmp", "a", "image/bmp"),
        ("", "a.bmp", "image/bmp"),
        ("image/apng", "a", "image/png"),
        ("", "a.avifs", "image/avif"),
        ("", "a.heif", "image/heic"),
        ("", "a.m4v", "video/mp4"),
        ("image/svg+xml", "a.svg", None),
        ("image/tiff", "a.tif", None),
        ("", "a.jxl", None),
    ],
)
def test_pictures_have_more_than_one_name(given_type: str, name: str, meant: str | None) -> None:
    assert accepted_type(given_type, name, set(SIGNATURES)) == meant


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"owner": None}, "owner: needs"),
        ({"owner": "a/b"}, "owner: needs"),
        ({"owner": ".."}, "owner: needs"),
        ({"name": ""}, "name: "),
        ({"content_type": "text/html"}, "content_type: .*'text/html' is not accepted; use one of image/jpeg"),
        ({"size": 0}, "size: "),
        ({"size": 200_000_001}, "size: .*200,000,001 bytes are more than the 200,000,000"),
        ({"metadata": {"Room": "1"}}, "metadata"),
        ({"metadata": {"room": "部屋"}}, "metadata"),
        ({"metadata": {"price": "$5"}}, "metadata.price"),
        ({"metadata": {"source": "x"}}, "'source' is kept"),
        ({"metadata": {f"n-{number}": "x" * 1000 for number in range(2)}}, "longer than 1,800 bytes"),
        ({"key": "accepted/x"}, "key: Extra inputs"),
    ],
)
def test_wrong_request_is_refused_by_name(index: ModuleType, change: dict[str, Any], message: str) -> None:
    with pytest.raises(module("requests").UploadRefusedError, match=message):
        index.handler({**PICTURE, **change}, CONTEXT)


@pytest.mark.parametrize("key", ["incoming/bob/1/a", "incoming/ann/../bob/a", "accepted/ann/1/a", "x/incoming/ann/1/a"])
def test_only_own_uploads_can_be_completed(index: ModuleType, key: str) -> None:
    request = {"key": key, "multipart_upload_id": "m", "parts": [{"part_number": 1, "etag": "e"}]}
    with (
        Stubber(module("uploads").s3),
        pytest.raises(module("requests").UploadRefusedError, match="key: is not one of your uploads"),
    ):
        index.handler({"owner": "ann", **request}, CONTEXT)


def test_completion_sorts_the_parts_and_tells_the_user_what_is_missing(index: ModuleType) -> None:
    key = "incoming/ann/12345678-1234-1234-1234-123456789012/film.mp4"
    parts = [{"part_number": number, "etag": f"e{number}"} for number in (2, 1)]
    request = {"owner": "ann", "key": key, "multipart_upload_id": "m", "parts": parts}
    expected = {
        "Bucket": "files",
        "Key": key,
        "UploadId": "m",
        "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "e1"}, {"PartNumber": 2, "ETag": "e2"}]},
    }
    with Stubber(module("uploads").s3) as s3:
        s3.add_response("complete_multipart_upload", {}, expected)
        assert index.handler(request, CONTEXT) == {"upload_id": key.split("/")[2], "key": key}
        s3.add_client_error("complete_multipart_upload", "InvalidPart")
        with pytest.raises(module("requests").UploadRefusedError, match="S3 answers InvalidPart"):
            index.handler(request, CONTEXT)
        s3.add_client_error("complete_multipart_upload", "InternalError")
        with pytest.raises(ClientError, match="InternalError"):
            index.handler(request, CONTEXT)


def test_user_is_who_the_token_names(index: ModuleType) -> None:
    body = json.dumps({"name": "cat.jpg", "content_type": "image/jpeg"})
    answer = index.handler(user_event(body, {"sub": "ann"}), CONTEXT)
    assert answer["statusCode"] == 201
    assert json.loads(answer["body"])["key"].startswith("incoming/ann/")
    assert answer["headers"]["Cache-Control"] == "no-store"
    assert answer["headers"]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "claims", "status"),
    [
        ("{}", None, 401),
        ("{}", {"sub": ""}, 401),
        ("{", {"sub": "ann"}, 400),
        ("", {"sub": "ann"}, 400),
        ("[]", {"sub": "ann"}, 400),
        ('{"name": "cat.jpg"}', {"sub": "ann"}, 400),
        ('{"name": "a", "content_type": "image/jpeg", "owner": "bob"}', {"sub": "ann"}, 400),
        ('{"name": "a", "content_type": "image/jpeg", "metadata": {"room": "1"}}', {"sub": "ann"}, 400),
        ("[" * 20_000, {"sub": "ann"}, 400),
        ('{"name":' * 5_000, {"sub": "ann"}, 400),
        (f'{{"name": "a", "content_type": "image/jpeg", "size": {"9" * 4000}}}', {"sub": "ann"}, 400),
        (f'{{"name": "a", "content_type": "image/jpeg", "size": {"9" * 60_000}}}', {"sub": "ann"}, 400),
        ('{"name": "a", "content_type": "image/jpeg", "size": 1e999}', {"sub": "ann"}, 400),
        ('{"name": "a", "content_type": "image/jpeg", "size": NaN}', {"sub": "ann"}, 400),
        ('{"name": "\\ud800", "content_type": "image/jpeg"}', {"sub": "ann"}, 400),
        ("\ud800", {"sub": "ann"}, 400),
        ('{"name": "' + "a" * 70_000, {"sub": "ann"}, 413),
        ("{}", {"sub": "ann/../bob"}, 400),
    ],
)
def test_user_gets_a_status_for_what_is_wrong(
    index: ModuleType, body: str, claims: dict[str, str] | None, status: int
) -> None:
    assert index.handler(user_event(body, claims), CONTEXT)["statusCode"] == status


def test_a_body_that_is_no_text_is_the_callers_mistake(index: ModuleType) -> None:
    for raw in (b"\xff", b'{"name": "\xff"}', b"\0", b""):
        event = {**user_event(base64.b64encode(raw).decode(), {"sub": "ann"}), "isBase64Encoded": True}
        assert index.handler(event, CONTEXT)["statusCode"] == 400


def completion(**changes: Any) -> str:
    key = "incoming/ann/12345678-1234-1234-1234-123456789012/film.mp4"
    request = {"key": key, "multipart_upload_id": "m", "parts": [{"part_number": 1, "etag": '"e"'}], **changes}
    return json.dumps(request)


@pytest.mark.parametrize(
    "body",
    [
        completion(key="incoming/ann/12345678-1234-1234-1234-123456789012/" + "a" * 1000),
        completion(key="incoming/ann/12345678-1234-1234-1234-123456789012/a\nb"),
        completion(key="incoming/ann/12345678-1234-1234-1234-123456789012/a\x00"),
        completion(multipart_upload_id="m\n"),
        completion(parts=[{"part_number": 1, "etag": "\x00"}]),
        completion(parts=[{"part_number": 1, "etag": "é"}]),
        completion(parts=[{"part_number": 0, "etag": "e"}]),
        completion(parts=[]),
        completion(parts=None),
        completion(owner="bob"),
    ],
)
def test_what_s3_would_not_understand_is_not_sent_to_it(index: ModuleType, body: str) -> None:
    with Stubber(module("uploads").s3):
        assert index.handler(user_event(body, {"sub": "ann"}), CONTEXT)["statusCode"] == 400


@pytest.mark.parametrize("code", ["NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall"])
def test_parts_that_s3_does_not_have_are_the_callers_mistake(index: ModuleType, code: str) -> None:
    parts = [{"part_number": 1, "etag": "e"}, {"part_number": 1, "etag": "e"}]
    with Stubber(module("uploads").s3) as s3:
        s3.add_client_error("complete_multipart_upload", code)
        assert index.handler(user_event(completion(parts=parts), {"sub": "ann"}), CONTEXT)["statusCode"] == 400


FIELDS = ("name", "content_type", "size", "metadata", "key", "multipart_upload_id", "parts", "owner")
BODIES = bodies(*FIELDS, likely=("image/jpeg", "a.jpg"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(body=BODIES | st.binary(max_size=100), subject=st.text(max_size=20))
def test_no_request_of_a_user_is_this_functions_failure(index: ModuleType, body: str | bytes, subject: str) -> None:
    encoded = isinstance(body, bytes)
    text = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    event = {**user_event(text, {"sub": subject}), "isBase64Encoded": encoded}
    with Stubber(module("uploads").s3) as s3:
        s3.add_client_error("complete_multipart_upload", "NoSuchUpload")
        answer = index.handler(event, CONTEXT)
    assert answer["statusCode"] in {201, 400, 401}
    json.loads(answer["body"])


def test_first_region_has_a_host_of_its_own_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENVIRONMENT, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert import_handler(PACKAGE).handler(PICTURE, CONTEXT)["url"] == "https://files.s3.us-east-1.amazonaws.com/"


def test_upload_ids_are_uuids_that_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("uuid.uuid7", raising=False)  # Python 3.14 asks another clock
    made = []
    for milliseconds in (0, 1, 1_800_000_000_000, 1_800_000_000_001, 2**48 - 1):
        monkeypatch.setattr("time.time_ns", lambda milliseconds=milliseconds: milliseconds * 1_000_000)
        made.append(names.new_id())
    assert sorted(made) == made
    assert {(UUID(item).version, UUID(item).variant) for item in made} == {(7, RFC_4122)}
    assert names.new_id() != names.new_id()
