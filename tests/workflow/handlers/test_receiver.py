"""How deliveries of webhooks are judged, kept and queued once."""

import base64
import hashlib
import hmac
import json
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency.persistence.base import DataRecord
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.handlers import import_handler
from tests.strategies import bodies

SECRET, OLD_SECRET = "shared", "former"
CONTEXT = SimpleNamespace(
    function_name="receiver",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:111122223333:function:receiver",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 10_000,
)


class Services:
    """Stands for S3, SQS, Secrets Manager and the table of delivery ids."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.queued: list[dict[str, Any]] = []
        self.secrets = {None: SECRET}
        self.failing: set[str] = set()
        self.remembered: dict[str, DataRecord] = {}

    def put_object(self, *, Key: str, Body: bytes, **_options: Any) -> None:  # noqa: N803
        self._fail_if("s3")
        self.objects[Key] = json.loads(Body)

    def send_message(self, **message: Any) -> None:
        self._fail_if("sqs")
        self.queued.append({**message, "body": json.loads(message["MessageBody"])})

    def get_secret_value(self, *, SecretId: str, VersionStage: str | None = None) -> dict[str, str]:  # noqa: N803
        assert SecretId == "secret"
        if VersionStage not in self.secrets:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        return {"SecretString": self.secrets[VersionStage]}

    def _fail_if(self, service: str) -> None:
        if service in self.failing:
            raise ClientError({"Error": {"Code": "InternalError"}}, service)


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def sender() -> dict[str, str]:
    """Return how the sender signs, names and orders; GitHub's way."""
    return {
        "SCHEME": "hmac-sha256",
        "SIGNATURE_HEADER": "x-hub-signature-256",
        "SIGNATURE_PREFIX": "sha256=",
        "SIGNATURE_ENCODING": "hex",
        "TIMESTAMP_HEADER": "",
        "DELIVERY_HEADER": "x-github-delivery",
        "DELIVERY_POINTER": "",
        "GROUP_BY": "/issue/id",
        "EQUAL_BODIES_ARE_REPLAYS": "true",
    }


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, services: Services, sender: dict[str, str]) -> ModuleType:
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "receiver",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "BUCKET": "kept",
        "QUEUE_URL": "https://queue",
        "SECRET": "secret",
        "TABLE": "deliveries",
        "ACCEPTED_PREFIX": "accepted/",
        "REJECTED_PREFIX": "rejected/",
        "REMEMBERED_SECONDS": "604800",
        "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
        "POWERTOOLS_SERVICE_NAME": "ReceiverFunction",
        **sender,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    module = import_handler("cdp_constructs.workflow.handlers.receiver")

    storage = module.storage
    monkeypatch.setattr(storage, "s3", services)
    monkeypatch.setattr(storage, "sqs", services)
    # Powertools' own providers, with the client behind them: they cache, which once hid the version asked for.
    for provider in (storage.current_secret, storage.previous_secret):
        monkeypatch.setattr(provider, "client", services)
    for layer in (module.deliveries, module.bodies):
        Remembering(services).take_the_place_of(layer, monkeypatch)
    return module


class Remembering:
    """Stands for the DynamoDB table behind Powertools' idempotency."""

    def __init__(self, services: Services) -> None:
        self.records = services.remembered

    def take_the_place_of(self, layer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        from aws_lambda_powertools.utilities.idempotency import exceptions

        def put(data_record: DataRecord) -> None:
            if data_record.idempotency_key in self.records:
                raise exceptions.IdempotencyItemAlreadyExistsError
            self.records[data_record.idempotency_key] = data_record

        def get(idempotency_key: str) -> DataRecord:
            return self.records[idempotency_key]

        def update(data_record: DataRecord) -> None:
            self.records[data_record.idempotency_key] = data_record

        def delete(data_record: DataRecord) -> None:
            self.records.pop(data_record.idempotency_key)

        for name, replacement in {"_put_record": put, "_get_record": get, "_update_record": update}.items():
            monkeypatch.setattr(layer, name, replacement)
        monkeypatch.setattr(layer, "_delete_record", delete)


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliver(index: ModuleType, body: bytes | dict[str, Any], *, encoded: bool = False, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {"X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": signed(raw)}
    names |= {name.replace("_", "-"): value for name, value in headers.items()}
    text = base64.b64encode(raw).decode() if encoded else raw.decode(errors="surrogateescape")
    event = {
        "headers": {name: value for name, value in names.items() if value},
        "body": text,
        "isBase64Encoded": encoded,
        "requestContext": {"http": {"sourceIp": "203.0.113.7"}},
    }
    return index.handler(event, CONTEXT)


def issue(number: int = 7, action: str = "opened") -> dict[str, Any]:
    return {"action": action, "issue": {"id": number, "title": "It leaks"}}


def test_a_delivery_is_kept_and_queued(index: ModuleType, services: Services) -> None:
    answer = deliver(index, issue())
    assert (answer["statusCode"], json.loads(answer["body"])) == (202, {"delivery": "d-1"})
    ((key, kept),) = services.objects.items()
    assert key.startswith("accepted/20")
    assert (kept["id"], json.loads(kept["body"]), kept["source_ip"]) == ("d-1", issue(), "203.0.113.7")
    (queued,) = services.queued
    assert queued["body"]["key"] == key
    assert (queued["body"]["id"], queued["body"]["replay"]) == ("d-1", None)
    assert json.loads(queued["body"]["body"]) == issue()


def test_the_same_delivery_is_queued_once(index: ModuleType, services: Services) -> None:
    assert [deliver(index, issue())["statusCode"] for _ in range(3)] == [202, 200, 200]
    assert len(services.queued) == len(services.objects) == 1


def test_what_could_not_be_queued_can_come_again(index: ModuleType, services: Services) -> None:
    services.failing = {"sqs"}
    with pytest.raises(ClientError):
        deliver(index, issue())
    services.failing = set()
    assert deliver(index, issue())["statusCode"] == 202
    assert len(services.queued) == 1


def test_while_another_call_works_on_it_the_sender_is_asked_to_wait(index: ModuleType, services: Services) -> None:
    in_the_meantime: list[Any] = []
    send = services.send_message

    def send_slowly(**message: Any) -> None:
        in_the_meantime.append(deliver(index, issue()))
        send(**message)

    services.send_message = send_slowly  # type: ignore[method-assign]
    assert deliver(index, issue())["statusCode"] == 202
    (other,) = in_the_meantime
    assert (other["statusCode"], other["headers"]["retry-after"]) == (503, "1")
    assert len(services.queued) == 1


def test_deliveries_about_one_thing_share_a_group_and_others_do_not(index: ModuleType, services: Services) -> None:
    for number, body in enumerate((issue(7), issue(7, "closed"), issue(8), b"no json", b'{"issue": []}')):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        assert deliver(index, raw, X_GitHub_Delivery=f"d-{number}")["statusCode"] == 202
    groups = [queued["MessageGroupId"] for queued in services.queued]
    assert groups[0] == groups[1]
    assert len(set(groups)) == 4


def test_a_body_that_came_as_base64_is_the_same_body(index: ModuleType, services: Services) -> None:
    assert deliver(index, issue(), encoded=True)["statusCode"] == 202
    assert json.loads(services.queued[0]["body"]["body"]) == issue()


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({"X_Hub_Signature_256": ""}, 401, "no-signature"),
        ({"X_Hub_Signature_256": "sha256=" + "0" * 64}, 401, "wrong-signature"),
        ({"X_Hub_Signature_256": "sha1=abc"}, 401, "wrong-signature"),
        ({"X_Hub_Signature_256": "sha256=é"}, 401, "wrong-signature"),
    ],
)
def test_what_is_not_signed_is_kept_for_inspection_and_not_queued(
    index: ModuleType, services: Services, headers: dict[str, str], status: int, reason: str
) -> None:
    answer = deliver(index, issue(), Authorization="Bearer secret-token", **headers)
    assert (answer["statusCode"], json.loads(answer["body"])) == (status, {"message": "refused"})
    ((key, kept),) = services.objects.items()
    assert key.startswith("rejected/")
    assert kept["reason"] == reason
    assert "secret-token" not in json.dumps(kept)
    assert services.queued == []


def test_a_delivery_that_is_too_large_is_refused(index: ModuleType, services: Services) -> None:
    assert deliver(index, b"x" * (256 * 1024 + 1))["statusCode"] == 413
    assert services.queued == []
    assert deliver(index, b"x" * (256 * 1024), X_GitHub_Delivery="d-2")["statusCode"] == 202


def test_a_refused_delivery_is_answered_even_when_it_cannot_be_kept(index: ModuleType, services: Services) -> None:
    services.failing = {"s3"}
    assert deliver(index, issue(), X_Hub_Signature_256="sha256=0")["statusCode"] == 401


def test_the_former_secret_is_accepted_while_it_is_changed_and_no_other(index: ModuleType, services: Services) -> None:
    body = json.dumps(issue()).encode()
    assert deliver(index, body, X_Hub_Signature_256=signed(body, OLD_SECRET))["statusCode"] == 401
    services.secrets["AWSPREVIOUS"] = OLD_SECRET
    assert deliver(index, body, X_Hub_Signature_256=signed(body, OLD_SECRET))["statusCode"] == 202
    assert deliver(index, body, X_Hub_Signature_256=signed(body, "third"))["statusCode"] == 401


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_secret_that_was_put_from_a_file_is_without_its_line_break(
    index: ModuleType, services: Services, end: str
) -> None:
    services.secrets[None] = SECRET + end
    assert deliver(index, issue())["statusCode"] == 202


def test_a_body_under_another_id_is_a_replay_and_not_worked_on(index: ModuleType, services: Services) -> None:
    answers = [deliver(index, issue(), X_GitHub_Delivery=name) for name in ("d-1", "d-2", "d-3")]
    assert [answer["statusCode"] for answer in answers] == [202, 200, 200]
    assert len(services.queued) == len(services.objects) == 1
    # What the sender sends again is answered as before, and so is another body.
    assert deliver(index, issue())["statusCode"] == 200
    assert deliver(index, issue(action="closed"), X_GitHub_Delivery="d-4")["statusCode"] == 202


def test_a_body_that_could_not_be_queued_can_come_under_any_id(index: ModuleType, services: Services) -> None:
    for service in ("s3", "sqs"):
        services.failing = {service}
        with pytest.raises(ClientError):
            deliver(index, issue())
    services.failing = set()
    assert deliver(index, issue(), X_GitHub_Delivery="d-2")["statusCode"] == 202
    assert len(services.queued) == 1


def test_while_a_body_is_worked_on_its_replay_is_asked_to_wait(index: ModuleType, services: Services) -> None:
    in_the_meantime: list[Any] = []
    send = services.send_message

    def send_slowly(**message: Any) -> None:
        in_the_meantime.append(deliver(index, issue(), X_GitHub_Delivery="d-2"))
        send(**message)

    services.send_message = send_slowly  # type: ignore[method-assign]
    assert deliver(index, issue())["statusCode"] == 202
    services.send_message = send  # type: ignore[method-assign]
    assert [answer["statusCode"] for answer in in_the_meantime] == [503]
    assert deliver(index, issue(), X_GitHub_Delivery="d-2")["statusCode"] == 200
    assert len(services.queued) == 1


class TestEqualBodiesOnPurpose:
    """A sender whose bodies say nothing of when."""

    @pytest.fixture
    def sender(self, sender: dict[str, str]) -> dict[str, str]:
        return {**sender, "EQUAL_BODIES_ARE_REPLAYS": "false"}

    def test_each_id_is_a_delivery(self, index: ModuleType, services: Services) -> None:
        answers = [deliver(index, {"status": "down"}, X_GitHub_Delivery=name) for name in ("d-1", "d-2", "d-1")]
        assert [answer["statusCode"] for answer in answers] == [202, 202, 200]
        assert len(services.queued) == 2


def size_of(kept: dict[str, Any]) -> int:
    return len(json.dumps(kept, ensure_ascii=False).encode())


def test_of_what_is_not_signed_a_record_is_kept_and_no_body(index: ModuleType, services: Services) -> None:
    body = b"x" * 200_000
    for number in range(60):
        answer = deliver(index, body, X_Hub_Signature_256="", X_GitHub_Delivery=f"d-{number}")
        assert answer["statusCode"] == 401
    assert len(services.objects) == 60
    for kept in services.objects.values():
        assert (kept["body"], kept["body_bytes"]) == (None, len(body))
        assert kept["body_sha256"] == hashlib.sha256(body).hexdigest()
        assert kept["reason"] == "no-signature"
        assert kept["headers"] == {"x-github-delivery": kept["id"]}
        assert size_of(kept) < 1000


@pytest.mark.parametrize(
    "content", [b"x", "é".encode(), b"\xff", b"\0", b'"'], ids=["text", "é", "binary", "NUL", "quotes"]
)
def test_of_what_is_signed_wrongly_the_beginning_is_kept(index: ModuleType, services: Services, content: bytes) -> None:
    body = content * (200_000 // len(content))
    many = {f"x-{number}": "y" * 500 for number in range(20)}
    assert deliver(index, body, encoded=True, X_Hub_Signature_256="sha256=0", **many)["statusCode"] == 401
    ((_, kept),) = services.objects.items()
    assert kept["body"] == body[:4096].decode(errors="backslashreplace")
    assert kept["body_bytes"] == len(body)
    # Headers of 10 KB, as API Gateway lets through, are cut too; what the operator needs comes first.
    assert kept["headers"]["x-hub-signature-256"] == "sha256=0"
    assert size_of({**kept, "body": ""}) < 3000
    assert size_of(kept) < 30_000


def test_too_large_a_body_is_not_kept_whole(index: ModuleType, services: Services) -> None:
    assert deliver(index, b"x" * 5_000_000)["statusCode"] == 413
    ((_, kept),) = services.objects.items()
    assert (kept["reason"], len(kept["body"]), kept["body_bytes"]) == ("body-too-large", 4096, 5_000_000)


HOSTILE = {
    "deep": b"[" * 100_000,
    "deep object": b'{"issue":' * 20_000,
    "huge integer": b'{"issue": {"id": ' + b"9" * 200_000 + b"}}",
    "infinite": b'{"issue": {"id": 1e999}}',
    "NaN": b'{"issue": {"id": NaN}}',
    "not UTF-8": b'{"issue": {"id": "\xff\xfe"}}',
    "surrogate": b'{"issue": {"id": "\\ud800"}}',
    "NUL": b'{"issue": {"id": "\\u0000"}}',
    "byte order mark": b'\xef\xbb\xbf{"issue": {"id": 1}}',
    "list": b'{"issue": [1, 2]}',
    "text": b'{"issue": "id"}',
    "number": b"1",
    "nothing": b"",
}


def test_whatever_is_signed_is_queued_and_whatever_is_not_is_refused(index: ModuleType, services: Services) -> None:
    for name, body in HOSTILE.items():
        for encoded in (True, False):
            refused = deliver(index, body, encoded=encoded, X_Hub_Signature_256="sha256=0")
            assert refused["statusCode"] == 401, name
        # API Gateway passes what is no text as base64.
        assert deliver(index, body, encoded=True, X_GitHub_Delivery=name)["statusCode"] == 202, name
    assert len(services.queued) == len(HOSTILE)


def test_a_body_that_is_larger_as_text_than_a_message_may_be_is_refused(index: ModuleType, services: Services) -> None:
    assert deliver(index, b"\xff" * 256 * 1024, encoded=True)["statusCode"] == 413
    assert services.queued == []
    # Text of any language, escaped, is not.
    for number, character in enumerate(("x", "語", "😀", '"')):
        body = (character * (256 * 1024 // len(character.encode()))).encode()
        assert deliver(index, body, X_GitHub_Delivery=f"d-{number}")["statusCode"] == 202
        assert len(json.dumps(services.queued[-1]["MessageBody"])) < 2_000_000
        assert len(services.queued[-1]["MessageBody"]) < 1024 * 1024


NAMES = ["x-hub-signature-256", "x-github-delivery", "content-type", "webhook-id", "authorization"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(
    raw=bodies("issue", "action", likely=({"id": 1},)).map(str.encode) | st.binary(max_size=100),
    headers=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=10), st.text(max_size=60), max_size=5),
    is_signed=st.booleans(),
)
def test_no_request_is_the_receivers_failure(
    index: ModuleType, services: Services, raw: bytes, headers: dict[str, str], is_signed: bool
) -> None:
    services.objects.clear()
    services.queued.clear()
    if is_signed:
        headers = {**headers, "x-hub-signature-256": signed(raw)}
    event = {"headers": headers, "body": base64.b64encode(raw).decode(), "isBase64Encoded": True}
    answer = index.handler({**event, "requestContext": {"http": {"sourceIp": "203.0.113.7"}}}, CONTEXT)
    assert answer["statusCode"] in ({200, 202} if is_signed else {401})
    queued = answer["statusCode"] == 202
    assert (len(services.queued), len(services.objects)) == (int(queued), int(answer["statusCode"] != 200))
    assert all(key.startswith("accepted/" if queued else "rejected/") for key in services.objects)


class TestWithoutAnId:
    """A sender that gives its deliveries no ids."""

    @pytest.fixture
    def sender(self, sender: dict[str, str]) -> dict[str, str]:
        return {**sender, "DELIVERY_HEADER": ""}

    def test_equal_bodies_are_one_delivery(self, index: ModuleType, services: Services) -> None:
        assert [deliver(index, issue(number))["statusCode"] for number in (1, 1, 2)] == [202, 200, 202]
        assert len(services.queued) == 2


def test_accepted_and_refused_deliveries_are_counted_under_the_functions_name(
    index: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    for signature in (signed(json.dumps(issue()).encode()), "sha256=0"):
        deliver(index, issue(), X_Hub_Signature_256=signature)
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [one["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for one in written] == [
        "AcceptedDeliveries",
        "RejectedDeliveries",
    ]
    for one in written:
        (metric,) = one["_aws"]["CloudWatchMetrics"]
        assert (metric["Namespace"], one["function_name"], one["service"]) == (
            "CdpConstructs",
            "receiver",
            "ReceiverFunction",
        )
        assert [sorted(names) for names in metric["Dimensions"]] == [["function_name", "service"]]


class TestStandardWebhooks:
    """The scheme of https://www.standardwebhooks.com, with its own example of a secret."""

    SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    @pytest.fixture
    def sender(self, sender: dict[str, str], services: Services) -> dict[str, str]:
        services.secrets[None] = self.SECRET
        return {
            **sender,
            "SCHEME": "standard-webhooks",
            "SIGNATURE_HEADER": "webhook-signature",
            "SIGNATURE_PREFIX": "v1,",
            "SIGNATURE_ENCODING": "base64",
            "TIMESTAMP_HEADER": "webhook-timestamp",
            "DELIVERY_HEADER": "webhook-id",
        }

    def deliver(
        self, index: ModuleType, body: bytes, *, moment: float | None = None, message: str = "msg_1", sign_as: str = ""
    ) -> int:
        timestamp = str(int(time.time() if moment is None else moment))
        key = base64.b64decode(self.SECRET.removeprefix("whsec_"))
        content = f"{sign_as or message}.{timestamp}.".encode() + body
        signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        headers = {
            "webhook-id": message,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,AAAA v1,{signature}",
        }
        return int(deliver(index, body, **headers)["statusCode"])

    def test_a_signed_delivery_is_accepted_once(self, index: ModuleType, services: Services) -> None:
        assert [self.deliver(index, b"{}"), self.deliver(index, b"{}")] == [202, 200]
        assert len(services.queued) == 1

    def test_what_is_no_timestamp_is_refused(self, index: ModuleType, services: Services) -> None:
        for timestamp in ("1" * 400, "9" * 5000, "0" * 13, "", "-1", "1e9", "٣", "1795000000.5", " 1", "NaN"):
            headers = {"webhook-id": "m", "webhook-timestamp": timestamp, "webhook-signature": "v1,AAAA"}
            assert deliver(index, b"{}", **headers)["statusCode"] == 401
        assert services.queued == []

    @pytest.mark.parametrize("age", [301, -301])
    def test_a_delivery_of_another_time_is_refused(self, index: ModuleType, services: Services, age: int) -> None:
        assert self.deliver(index, b"{}", moment=time.time() - age) == 401
        assert services.queued == []

    def test_the_id_cannot_be_changed(self, index: ModuleType, services: Services) -> None:
        assert self.deliver(index, b"{}", message="msg_2", sign_as="msg_1") == 401
        assert services.queued == []
