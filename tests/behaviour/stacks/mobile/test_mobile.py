"""What the mobile backend does for phones, and what strangers and faults do to it."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import eventually
from cdp_phone import TryLaterError
from demo.mobile.__main__ import Scenes, play
from demo.mobile.backend import Backend, with_push
from demo.mobile.phone import Phone, jpeg
from demo.report import Report
from tests.stacks.mobile.architectures import PUSH, mobile


@pytest.fixture(scope="module")
def backend(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Backend:
    assert with_push(local_cloud)["notices"] == {"platform_applications": PUSH}
    return Backend(local_cloud, deployed(mobile))


@pytest.fixture
def email(backend: Backend) -> str:
    address = f"anna-{uuid4().hex[:8]}@example.com"
    backend.sign_up(address)
    return address


@pytest.fixture
def phones(backend: Backend, email: str, tmp_path: Path) -> Iterator[tuple[Phone, Phone]]:
    with Phone(backend, email, tmp_path / "phone") as phone, Phone(backend, email, tmp_path / "tablet") as tablet:
        yield phone, tablet


def test_two_phones_of_one_person_end_up_equal_through_the_front(phones: tuple[Phone, Phone]) -> None:
    phone, tablet = phones
    phone.save("progress", level=1, coins=10)
    phone.sync()
    tablet.sync()
    phone.save("progress", level=2, coins=10)
    tablet.save("progress", level=1, coins=25)
    tablet.save("photo-album", pictures=["x" * 20_000])  # in S3
    phone.sync()
    tablet.sync()
    phone.sync()
    assert phone.saved("progress") == tablet.saved("progress") == {"level": 2, "coins": 25}
    assert phone.replica.documents() == tablet.replica.documents()


def test_saves_wait_on_the_phone_while_the_table_does_not_answer(backend: Backend, phones: tuple[Phone, Phone]) -> None:
    phone, tablet = phones
    phone.save("progress", level=1)
    with backend.cloud.inject_fault("dynamodb", backend.region), pytest.raises(TryLaterError):
        phone.sync()
    assert phone.saved("progress") == {"level": 1}
    phone.sync()
    tablet.sync()
    assert tablet.saved("progress") == {"level": 1}


def test_saves_wait_while_s3_does_not_answer_and_nothing_half_is_seen(
    backend: Backend, phones: tuple[Phone, Phone]
) -> None:
    phone, tablet = phones
    phone.save("album", pictures=["x" * 20_000])
    with backend.cloud.inject_fault("s3", backend.region), pytest.raises(TryLaterError):
        phone.sync()
    tablet.sync()
    assert tablet.saved("album") is None
    phone.sync()
    tablet.sync()
    assert tablet.saved("album") == {"pictures": ["x" * 20_000]}


def test_a_picture_gets_a_thumbnail_its_owner_is_notified_and_sees_it(phones: tuple[Phone, Phone]) -> None:
    phone, tablet = phones
    tablet.register()
    upload = phone.upload(jpeg("red"))
    eventually(lambda: tablet.pushes() and tablet.mails(), within=60, what="a push and a mail")
    assert len(tablet.pushes()) == len(tablet.mails()) == 1
    seen = tablet.thumbnail(upload)
    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/webp")


def test_a_picture_of_somebody_else_is_not_signed_for(
    backend: Backend, phones: tuple[Phone, Phone], tmp_path: Path
) -> None:
    phone, _ = phones
    other = f"ben-{uuid4().hex[:8]}@example.com"
    backend.sign_up(other)
    with Phone(backend, other, tmp_path / "ben") as ben:
        path = {"path": f"{phone.user}/{uuid4()}/thumbnail/320.webp"}
        assert ben.call("POST", "/downloads", json=path).status_code == 403


def test_scores_and_reports_reach_their_places_without_a_function(
    backend: Backend, phones: tuple[Phone, Phone]
) -> None:
    phone, tablet = phones
    assert phone.score("chess", 1200).status_code == 200
    listed = tablet.http.get("/direct/scores").raise_for_status().json()
    assert "1200" in json.dumps(listed)
    assert phone.report("It is too dark.").status_code == 202
    found = eventually(lambda: [one for one in backend.reports() if "too dark" in one], within=30, what="the report")
    assert json.loads(found[0])["caller"] == phone.user


@pytest.mark.parametrize("points", [-1, "many", None, 10**12, 1.5])
def test_a_score_that_is_none_never_reaches_the_table(phones: tuple[Phone, Phone], points: Any) -> None:
    phone, _ = phones
    assert phone.score("chess", points).status_code == 400
    assert "chess" not in phone.http.get("/direct/scores").text


def test_credentials_of_a_user_reach_the_own_backups_and_nothing_else(
    backend: Backend, phones: tuple[Phone, Phone], tmp_path: Path
) -> None:
    phone, tablet = phones
    key = phone.back_up("phone.tar", b"everything")
    assert tablet.read_backup(key) == b"everything"
    other = f"ben-{uuid4().hex[:8]}@example.com"
    backend.sign_up(other)
    with Phone(backend, other, tmp_path / "ben") as ben:
        calls = {
            "another user's backup": lambda: ben.read_backup(key),
            "a backup in another user's name": lambda: ben.client("s3").put_object(
                Bucket=backend.outputs["BackupBucketName"], Key=key, Body=b"x"
            ),
            "the function": lambda: ben.client("lambda").invoke(
                FunctionName=backend.resource("SavesFunction"), Payload=b"{}"
            ),
            "the table": lambda: ben.client("dynamodb").scan(TableName=backend.resource("SavesTable")),
            "pictures": lambda: ben.client("s3").list_objects_v2(Bucket=backend.resource("PicturesUploadBucket")),
        }
        for what, call in calls.items():
            with pytest.raises(ClientError) as refused:
                call()
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}, what


def test_only_who_has_signed_in_gets_anything(backend: Backend) -> None:
    paths = {
        "GET": ["/api/saves", "/api/saves/a", "/api/notices", "/direct/scores"],
        "PUT": ["/api/saves/a", "/api/notices", "/direct/scores/chess"],
        "POST": ["/api/uploads", "/api/downloads", "/api/devices", "/direct/reports"],
    }
    for method, each in paths.items():
        for path in each:
            for token in ("", "Bearer made.up.token"):
                answer = httpx.request(
                    method, backend.front + path, headers={"Authorization": token} if token else {}, timeout=60
                )
                assert answer.status_code == 401, (method, path, token)


def test_the_front_serves_the_page_and_refuses_pages_of_others(backend: Backend) -> None:
    page = httpx.get(f"{backend.front}/", timeout=60)
    assert (page.status_code, page.headers["strict-transport-security"].startswith("max-age=")) == (200, True)
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "if-match,authorization"}
    ours = httpx.options(
        f"{backend.api}/saves/a", headers={"Origin": "https://mobile.example.com", **asked}, timeout=60
    )
    assert ours.headers["access-control-allow-origin"] == "https://mobile.example.com"
    assert "if-match" in ours.headers["access-control-allow-headers"].lower()
    theirs = httpx.options(
        f"{backend.api}/saves/a", headers={"Origin": "https://evil.example.org", **asked}, timeout=60
    )
    assert "access-control-allow-origin" not in theirs.headers


def test_the_demonstration_sees_what_it_expects(backend: Backend) -> None:
    """The last one: afterwards the firewall refuses this address for some minutes."""
    report = Report(Console(file=io.StringIO()))
    play(Scenes(backend), report)
    assert [(one.title, one.seen) for one in report.results if not one.passed] == []
    assert len(report.results) == 11
