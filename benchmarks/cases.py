"""What each handler is called with when its calls are measured: events of the property tests that do what is usual.

What a bare handler does beside the calls of AWS is here too, where that is the larger part of the work.
"""

import base64
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from PIL import Image

__all__ = ["Case", "cases"]

_Answers = list[Any]


def _nothing(_answers: _Answers) -> None:
    """Do nothing beside the calls of AWS."""


@dataclass(frozen=True)
class Case:
    """A handler, and what it is called with.

    Attributes:
        name: By which the page names it, such as ``data/storage_index``.
        subject: What it needs to run.
        event: What it is sent.
        also: What a bare handler does with the answers of AWS.
    """

    name: str
    subject: Any
    event: dict[str, Any]
    also: Callable[[_Answers], None] = _nothing


def cases() -> Iterator[Case]:
    """Yield a case for each handler."""
    for name, subject, event in (*_batches(), *_requests(), *_invocations()):
        title = name.replace("cdp_constructs/", "").replace("stacks/", "").replace("handlers/", "")
        yield Case(title, subject, event, _ALSO.get(title, _nothing))


def _properties(module: str) -> Any:
    # By name: the tests are no part of what is type-checked here.
    return import_module(f"tests.properties.{module}")


_Named = tuple[str, Any, dict[str, Any]]


def _batches() -> Iterator[_Named]:
    for name, batch in _properties("batches").BATCHES.items():
        if " " not in name:
            yield name, batch.subject, {"Records": [batch.record("m", json.dumps(batch.healthy("m")))]}


def _requests() -> Iterator[_Named]:
    requests, http = _properties("requests"), _properties("events").http
    for request in ("upload", "delivery", "command", "sign", "choice", "room"):
        name, *_, body = requests.REQUESTS[request]
        yield name, requests.SUBJECTS[name], requests.request(request, json.dumps(body))
    data = _properties("user_data")
    document = http(
        '{"level": 7}',
        method="PUT",
        path="/documents/progress",
        route="PUT /documents/{key}",
        headers={"if-none-match": "*"},
        parameters={"key": "progress"},
    )
    yield "data/user_data", replace(data.SUBJECT, world=_documents()), document
    health = _properties("test_health")
    health.PARTNER.sent = health.FINE
    yield "routing/deep_health_check", health.checks(), http(method="GET", path="/health", route="GET /health")
    hooks = _properties("test_hooks")
    link = http(method="POST", path="/unsubscribe", query={"user": "u1", "token": "t"}, user=None)
    yield "messaging/unsubscribe", replace(hooks.UNSUBSCRIBE, world=_world()), link
    channel = json.dumps({"action": "subscribe", "channel": "/rooms/one"})
    socket = replace(
        hooks.WEB_SOCKET,
        environment={**hooks.WEB_SOCKET.environment, "SUBSCRIBE_HANDLERS": '{"rooms": "decide"}'},
        world=_world(answers={"lambda.Invoke": lambda _asked: {"Payload": io.BytesIO(b"null")}}),
    )
    yield "realtime/web_socket_subscriptions", socket, _properties("events").web_socket("subscribe", channel)
    lists = _properties("test_price_lists")
    yield "serverless/approvals", lists.PAGE, lists.ask("POST")


def _invocations() -> Iterator[_Named]:
    yield from _of_streams()
    yield from _of_hooks()
    yield from _of_schedules()
    yield from _of_price_lists()


def _of_streams() -> Iterator[_Named]:
    events, streams, outbox, publisher = map(_properties, ("events", "test_streams", "test_outbox", "test_publisher"))
    reading = json.dumps(streams.measured("desk-7")).encode()
    lines = _properties("test_log_lines")
    events_of_a_log = base64.b64encode(lines.compressed(json.dumps(lines.sent("well")))).decode()
    record = {"recordId": "first", "approximateArrivalTimestamp": 1, "data": events_of_a_log}
    yield "data/log_lines", lines.LOG_LINES, {"records": [record]}
    several = base64.b64encode(
        streams.gathered(json.dumps({"message_id": "m", "at": 1, "temperature": 20})).encode()
    ).decode()
    batch = {"invocationId": "batch-1", "records": [{**record, "data": several}]}
    yield "data/gathered_records", streams.SPLITTING, batch
    yield "data/speed_layer", streams.SPEED_LAYER, {"Records": [events.kinesis("1", reading)]}
    yield "messaging/outbox", outbox.OUTBOX, {"Records": [events.dynamodb("1", outbox.event("a"))]}
    yield "chat/publisher", publisher.PUBLISHER, {"Records": [events.dynamodb("1", publisher.posted("a"))]}


def _of_hooks() -> Iterator[_Named]:
    hooks = _properties("test_hooks")
    yield "services/place_orders", hooks.PLACE_ORDERS, hooks.COMMANDS["place_orders"]
    yield "services/restock", hooks.RESTOCK, hooks.COMMANDS["restock"]
    yield "iot/broadcasts", hooks.BROADCASTS, {"operation": "progress", "job": "jobs-1"}
    yield "api/account_linking", hooks.ACCOUNT_LINKING, hooks.sign_up_of(hooks.GOOD_SIGN_UP)
    member = _world(find=lambda key: {"user": "u1"} if key["sk"].startswith("MEMBER#") else None)
    subscription = {
        "info": {"channel": {"path": "/rooms/room/0"}},
        "identity": {"sub": "u1", "claims": {"token_use": "access"}},
    }
    yield "chat/subscriptions", replace(hooks.SUBSCRIPTIONS, world=member), subscription
    keys = {"RequestType": "Create", "ResourceProperties": {"SecretId": "secret"}, "ResponseURL": "https://answer.test"}
    yield "messaging/vapid_keys", hooks.VAPID_KEYS, {**keys, **dict.fromkeys(_OF_CLOUDFORMATION, "one")}
    peering = {**keys, "ResourceProperties": {"Region": "eu-west-1", "AttachmentId": "tgw-attach-1"}}
    yield "network/peering_acceptance", hooks.PEERING, {**peering, **dict.fromkeys(_OF_CLOUDFORMATION, "one")}
    yield "workflow/weighted_transition", hooks.TRANSITION, {"action": "move", "share": 10, "after": 0}
    replay = replace(hooks.REPLAY, world=_deliveries(hooks.REPLAY_PREFIX))
    yield "workflow/replay", replay, {"from": "2026-11-24T10:00:00Z", "to": "2026-11-24T11:00:00Z"}
    decisions = _properties("test_decisions")
    yield "workflow/answer", decisions.subject(), decisions.REQUEST
    registration = _properties("test_registration")
    registration.LIST.item = registration.ITEMS["allowed"]
    asked = {"certificateId": registration.NEW, "claimCertificateId": registration.OLD, "templateArn": "arn:template"}
    yield "iot/registration", registration.HOOK, {**asked, **registration.ASKED}
    sockets = _properties("test_authorization")
    token = sockets.signed(json.dumps(sockets.HEADER), json.dumps(sockets.CLAIMS))
    yield "realtime/web_socket_authorization", sockets.AUTHORIZATION, sockets.connection(sockets.offer(token))
    queries = _properties("test_queries")
    yield "iot/history", queries.history(queries.HEALTHY), {"thing": "A-1", "minutes": 60}
    yield "delivery/key_rotation", *_rotation()


_OF_CLOUDFORMATION = ("StackId", "RequestId", "LogicalResourceId")


def _of_schedules() -> Iterator[_Named]:
    subject = _properties("running").Subject
    yield "data/warehouse_load", _properties("test_warehouse").LOAD, _properties("test_warehouse").ASKED
    yield "data/index_reconciliation", _properties("test_reconciliation").RECONCILIATION, {"grace_seconds": 900}
    size = subject(package="cdp_constructs.compute.handlers.scale_up", environment={"SERVICE": "s", "CLUSTER": "c"})
    yield "compute/scale_up", size, {"task_definition": "arn:aws:ecs:us-east-1:111122223333:task-definition/large:1"}

    def answers(module: ModuleType, monkeypatch: Any) -> None:
        monkeypatch.setattr(module, "ask", lambda _url: (200, "{}"))

    deep = subject(
        package="cdp_constructs.compute.handlers.deep_health",
        environment={"URL": "https://shop.example.com/health/deep"},
        prepare=answers,
    )
    yield "compute/deep_health", deep, {}
    sites = _properties("test_sites")
    pages = dict.fromkeys(("index.html", "shop.html"), '"e"')
    listed = {"s3.ListObjectsV2": {"Contents": [{"Key": key} for key in pages], "IsTruncated": False}}
    answered = {**sites.answers(pages, pages), **listed}
    site = replace(
        sites.SITE_REPAIR,
        package="cdp_constructs.delivery.handlers.site_check",
        world=_world(answers=answered),
    )
    yield "delivery/site_check", site, {}


def _of_price_lists() -> Iterator[_Named]:
    lists = _properties("test_price_lists")
    priced = {"find": lambda _key: {"version": "v-1", "cents": 100}}
    for name, event in lists.EVENTS.items():
        subject = lists.subject(name)
        yield f"serverless/{name}", replace(subject, world=_world(**priced)) if name == "price" else subject, event
    yield "serverless/remind", lists.reminder(1), {"scheduled_time": "2026-11-30T00:00:00Z"}


def _world(**options: Any) -> Callable[[], Any]:
    world = _properties("aws").World
    return lambda: world(**options)


def _documents() -> Callable[[], Any]:
    """Return a world in which times are numbers, as they are in the table of users' documents."""
    return type("Documents", (_properties("aws").World,), {"_check_index_keys": staticmethod(lambda *_: None)})


def _deliveries(prefix: str) -> Callable[[], Any]:
    """Return a world with one delivery that is kept."""
    name = f"{prefix}0000-000-first.json"
    kept = {"id": name, "received_at": "2026-11-24T10:00:00.000+00:00", "headers": {}, "body": "{}"}

    def listed(asked: Mapping[str, Any]) -> dict[str, Any]:
        contents = [{"Key": name}] if name.startswith(asked.get("Prefix", "")) else []
        return {"Contents": contents, "IsTruncated": False}

    def read(_asked: object) -> dict[str, Any]:
        return {"Body": io.BytesIO(json.dumps(kept).encode())}

    return _world(answers={"s3.ListObjectsV2": listed, "s3.GetObject": read})


def _rotation() -> tuple[Any, dict[str, Any]]:
    """Return the step that makes a key pair, the only one that computes; nothing that it writes stays."""
    rotation = _properties("test_key_rotation")
    rotation.ACCOUNT.begin(json.dumps(rotation.SEALED))
    made = {"secretsmanager.PutSecretValue": {}, "cloudfront.CreatePublicKey": {"PublicKey": {"Id": "K2"}}}
    answers = {**rotation.ACCOUNT.operations(), **made}
    running = _properties("running")
    subject = running.Subject(
        package=rotation.ROTATION.package, environment=rotation.ROTATION.environment, world=_world(answers=answers)
    )
    asked = {"Step": "createSecret", "SecretId": rotation.SECRET, "ClientRequestToken": rotation.NEW}
    return subject, asked


_PIXELS = 32
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_SIGNATURE = _KEY.sign(b"text", padding.PKCS1v15(), hashes.SHA256())


def _thumbnail(answers: _Answers) -> None:
    """Make the small picture that the handler makes."""
    picture = Image.open(io.BytesIO(answers[0]["Body"].read()))
    picture.thumbnail((_PIXELS, _PIXELS))
    picture.save(io.BytesIO(), "WEBP")


def _sign(_answers: _Answers) -> None:
    """Sign an address, as the handler does."""
    _KEY.sign(str(time.time()).encode(), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - what CloudFront takes


def _verify(_answers: _Answers) -> None:
    """Verify a token's signature."""
    _KEY.public_key().verify(_SIGNATURE, b"text", padding.PKCS1v15(), hashes.SHA256())


def _make_key_pair(_answers: _Answers) -> None:
    """Make a key pair of CloudFront."""
    rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _make_push_keys(_answers: _Answers) -> None:
    """Make a key pair of Web Push."""
    ec.generate_private_key(ec.SECP256R1())


_ALSO: Mapping[str, Callable[[_Answers], None]] = {
    "delivery/key_rotation": _make_key_pair,
    "delivery/url_signing": _sign,
    "messaging/vapid_keys": _make_push_keys,
    "realtime/web_socket_authorization": _verify,
    "upload/thumbnails": _thumbnail,
}
"""What a bare handler does, where calls are the smaller part."""
