"""Every handler that answers HTTP requests, with requests that it can answer."""

import io
import json
import re
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.properties.aws import World, refusal
from tests.properties.events import http
from tests.properties.running import Subject
from tests.stacks.chat.api import LIMITS

PYTHON = re.compile(r"Traceback|File \"|object has no attribute|NoneType|Error\(|<class|unexpected keyword|codec can't")
"""What an answer never says."""
QUEUE = "https://sqs.us-east-1.amazonaws.com/111122223333/queue"
_PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)
_SIGNING_KEY = json.dumps({"key_pair_id": "K1", "private_key": _PEM, "usable_from": 0})
_SHADOW = json.dumps({"state": {"desired": {"on": True}}}).encode()


def _refuse_shadow(_parameters: Any) -> Any:
    raise refusal("InvalidRequestException", "UpdateThingShadow")


def _commands(**answers: Any) -> Callable[[], World]:
    found = {
        "iot-data.GetThingShadow": lambda _: {"payload": io.BytesIO(_SHADOW)},
        "iot-data.UpdateThingShadow": lambda _: {"payload": io.BytesIO(b'{"version": 1}')},
    }
    return lambda: World(find=lambda _key: {"context": "home"}, answers={**found, **answers})


def _sender(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in (module.storage.current_secret, module.storage.previous_secret):
        monkeypatch.setattr(provider, "get", lambda *_, **__: "secret")
    # Signatures are tested elsewhere: here every delivery comes as far as it can.
    monkeypatch.setattr(module, "verify", lambda *_, **__: None)
    monkeypatch.setattr(module, "queue_once", lambda *, delivery: module.keep_and_queue(delivery))


def _signing_keys(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from sys import modules

    provider = SimpleNamespace(get=lambda *_, **__: json.loads(_SIGNING_KEY))
    for name in ("current_key", "previous_key"):
        monkeypatch.setattr(modules[f"{module.__package__}.signing"], name, provider)


_COMMANDS = {
    "ALLOW_LIST": "allowed",
    "APP": "app",
    "OUTCOMES": QUEUE,
    "SESSIONS": "sessions",
    "TIMEOUT_SECONDS": "60",
}
SUBJECTS = {
    "cdp_constructs/delivery/handlers/url_signing": Subject(
        package="cdp_constructs.delivery.handlers.url_signing",
        environment={
            "SIGNING_SECRET": "arn:secret",
            "DOMAIN_NAME": "files.example.com",
            "USER_PREFIX": "accepted/{sub}/",
        },
        prepare=_signing_keys,
    ),
    "cdp_constructs/upload/handlers/form": Subject(
        package="cdp_constructs.upload.handlers.form",
        environment={
            "BUCKET": "bucket",
            "CONTENT_TYPES": '["image/jpeg"]',
            "EXPIRES_IN": "300",
            "INCOMING_PREFIX": "incoming/",
            "MAX_BYTES": "1000000000",
        },
    ),
    "cdp_constructs/workflow/handlers/receiver": Subject(
        package="cdp_constructs.workflow.handlers.receiver",
        environment={
            "BUCKET": "kept",
            "QUEUE_URL": QUEUE,
            "SECRET": "secret",
            "TABLE": "deliveries",
            "ACCEPTED_PREFIX": "accepted/",
            "REJECTED_PREFIX": "rejected/",
            "REMEMBERED_SECONDS": "604800",
            "SCHEME": "hmac-sha256",
            "SIGNATURE_HEADER": "x-signature",
            "SIGNATURE_PREFIX": "",
            "SIGNATURE_ENCODING": "hex",
            "TIMESTAMP_HEADER": "",
            "DELIVERY_HEADER": "",
            "DELIVERY_POINTER": "",
            "GROUP_BY": "/repo/id",
            "EQUAL_BODIES_ARE_REPLAYS": "false",
        },
        prepare=_sender,
    ),
    "cdp_constructs/iot/handlers/commands": Subject(
        package="cdp_constructs.iot.handlers.commands", environment=_COMMANDS, world=_commands()
    ),
    "cdp_constructs/iot/handlers/commands refused": Subject(
        package="cdp_constructs.iot.handlers.commands",
        environment=_COMMANDS,
        world=_commands(**{"iot-data.UpdateThingShadow": _refuse_shadow}),
    ),
    "stacks/mobile/handlers/notice_settings": Subject(
        package="stacks.mobile.handlers.notice_settings",
        environment={"NOTICES": '{"table": "notices", "platforms": {"fcm": "arn:aws:sns:us-east-1:111122223333:app"}}'},
    ),
    "stacks/chat/handlers/api": Subject(
        package="stacks.chat.handlers.api",
        environment={
            "TABLE_NAME": "chat",
            "LOG_REGIONS": "us-east-1",
            "LIMITS": LIMITS.model_dump_json(),
            "USER_POOL_REGION": "us-east-1",
            "REALTIME": "{}",
            "UPLOAD_FUNCTION": "forms",
            "SIGNING_FUNCTIONS": "{}",
            "ACCEPTED_PREFIX": "accepted/",
            "ATTACHMENT_INDEX": "index",
        },
    ),
}

_SEND = {"command": "ping", "arguments": {"n": 1}}
# Handler, method, path, and a body that is answered with 2xx where the handler's account has what it asks for.
REQUESTS: dict[str, tuple[str, str, str, Any]] = {
    "sign": ("cdp_constructs/delivery/handlers/url_signing", "POST", "/", {"path": "accepted/u1/a.pdf"}),
    "upload": (
        "cdp_constructs/upload/handlers/form",
        "POST",
        "/uploads",
        {"name": "cat.jpg", "content_type": "image/jpeg", "size": 1234},
    ),
    "delivery": ("cdp_constructs/workflow/handlers/receiver", "POST", "/", {"repo": {"id": 7}}),
    "command": ("cdp_constructs/iot/handlers/commands", "POST", "/things/A-1/commands", _SEND),
    "desired": ("cdp_constructs/iot/handlers/commands", "PUT", "/things/A-1/desired", {"state": {"on": True}}),
    "desired that is refused": (
        "cdp_constructs/iot/handlers/commands refused",
        "PUT",
        "/things/A-1/desired",
        {"state": {"on": True}},
    ),
    "command of a long id": (
        "cdp_constructs/iot/handlers/commands",
        "POST",
        f"/things/{'x' * 3000}/commands",
        _SEND,
    ),
    "large arguments": (
        "cdp_constructs/iot/handlers/commands",
        "POST",
        "/things/A-1/commands",
        {"command": "ping", "arguments": {"text": "x" * 130_000}},
    ),
    "choice": ("stacks/mobile/handlers/notice_settings", "PUT", "/notices", {"mail": True, "push": False}),
    "phone": ("stacks/mobile/handlers/notice_settings", "POST", "/devices", {"platform": "fcm", "token": "t" * 20}),
    "room": ("stacks/chat/handlers/api", "POST", "/rooms", {"name": "t"}),
}


def request(name: str, body: str, **more: Any) -> dict[str, Any]:
    """Return a request with a body."""
    _, method, path, _ = REQUESTS[name]
    return http(body, method=method, path=path, route=f"{method} {path}", **more)
