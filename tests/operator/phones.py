"""Acts against the mobile backend, done with a phone of somebody who has an account."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import httpx

from cdp_constructs.testing import eventually
from demo.mobile.backend import Backend
from demo.mobile.phone import Phone, jpeg
from tests.operator.acts import TOO_SLOW_SECONDS, counted
from tests.operator.alarms import Alarm

_phones: dict[int, Phone] = {}


def phone_of(alarm: Alarm) -> Phone:
    """Return one phone for the session, which gets mails about its pictures."""
    if id(alarm.cloud) not in _phones:
        backend = Backend(alarm.cloud, alarm.deployment)
        address = f"{uuid4()}@example.com"
        backend.sign_up(address)
        phone = _phones[id(alarm.cloud)] = Phone(backend, address)
        choice = {"mail": True, "push": False, "quiet_minutes": 5, "language": "en"}
        phone.call("PUT", "/notices", json=choice).raise_for_status()
    return _phones[id(alarm.cloud)]


def _asks(alarm: Alarm) -> Callable[[], httpx.Response]:
    """Return what asks the API of an alarm for what is in its table."""
    http = phone_of(alarm).http
    path = "/direct/scores" if alarm.logical_id.startswith("Direct") else "/api/saves"
    return lambda: http.get(path)


@contextmanager
def phones_get_errors(alarm: Alarm) -> Iterator[None]:
    """Ask six times for what the table does not give."""
    ask = _asks(alarm)
    with alarm.cloud.inject_fault("dynamodb", alarm.region, error="AccessDeniedException", status=400):
        answers = [ask() for _ in range(6)]
    assert {answer.status_code // 100 for answer in answers} == {5}
    yield


@contextmanager
def phones_wait(alarm: Alarm) -> Iterator[None]:
    """Ask while the table takes its time."""
    ask = _asks(alarm)
    with alarm.cloud.inject_delay("dynamodb", alarm.region, TOO_SLOW_SECONDS):
        started = time.monotonic()
        answer = ask()
    assert answer.status_code == 200, "slow, and not broken"
    assert time.monotonic() - started > TOO_SLOW_SECONDS
    yield


@contextmanager
def saves_refused(alarm: Alarm) -> Iterator[None]:
    """Write a hundred times without saying which version is replaced, as an old application does."""
    http, before = phone_of(alarm).http, counted(alarm, "RejectedRequests")
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: http.put("/api/saves/progress", json={}).status_code, range(100))
    assert set(answers) == {428}
    eventually(lambda: counted(alarm, "RejectedRequests") >= before + 100, what="a hundred refusals")
    yield


@contextmanager
def picture_mails_refused(alarm: Alarm) -> Iterator[None]:
    """Upload a picture whose owner wants mail, which SES refuses with the whole account."""
    phone, before = phone_of(alarm), counted(alarm, "RejectedMails")
    error = "AccountSuspendedException"
    with alarm.cloud.inject_fault("sesv2", alarm.region, error=error, status=400):
        phone.upload(jpeg("teal"))
        eventually(lambda: counted(alarm, "RejectedMails") > before, within=90, what="a mail that is refused")
    yield
