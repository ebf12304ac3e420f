"""What handlers read JSON with: ``pydantic_core.from_json``. It is bounded, so no text makes a function fail."""

import ast
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_core import from_json

ROOT = Path(__file__).parents[1]
# Where another reader reads what this library has written itself, or a service that its owner has chosen: how often and
# what. Variables of the environment, which the construct writes, need no place in it.
OTHER_READERS = {
    "cdp_constructs/cache/layers/cache_aside/python/cache_aside/cache.py": (1, "the secret of the cache"),
    "cdp_constructs/cache/layers/cache_aside/python/cache_aside/entries.py": (1, "the module's own entries"),
    "cdp_constructs/data/handlers/speed_layer/store.py": (1, "the function's own items"),
    "cdp_constructs/data/layers/state_sharing/python/state_sharing/entries.py": (1, "the layer's own items"),
    "cdp_constructs/data/layers/telemetry_view/python/telemetry_view/speed.py": (2, "items of the speed layer"),
    "cdp_constructs/database/layers/replicated_database/python/replicated_database/credentials.py": (
        1,
        "the secret of the database",
    ),
    "cdp_constructs/messaging/handlers/delivery/web_push.py": (1, "the secret that VapidKeys has written"),
    "cdp_constructs/realtime/handlers/web_socket_authorization/keys.py": (1, "the keys of the issuer of tokens"),
    "cdp_constructs/workflow/layers/claim_check/python/claim_check/store.py": (1, "the module's own payloads"),
    "cdp_constructs/upload/handlers/confirmation/rules.py": (1, "a file beside it"),
    "devices/cdp_device/outbox.py": (1, "the device's own messages"),
    "docs/examples/call_partner/index.py": (1, "the answer of the partner that the example calls"),
    "docs/examples/charge_orders/index.py": (1, "a record of a stream: one that cannot be read fails alone"),
    "docs/examples/check_quote/index.py": (1, "the answer of the function that the example checks"),
    "docs/examples/ticket_handler/index.py": (2, "a webhook's body: a message that cannot be read fails alone"),
    "stacks/chat/handlers/api/attachments.py": (1, "the answer of the function that signs forms"),
    "stacks/iot/handlers/requests/index.py": (1, "the answer of the function that sends commands"),
}
FOREIGN = {"orjson", "ujson", "simplejson", "rapidjson", "msgspec"}
REFUSED = {
    "deep list": "[" * 100_000,
    "deep list that is closed": 250 * "[" + 250 * "]",
    "deep object": 100_000 * '{"a":',
    "huge integer": "9" * 1_000_000,
    "NaN": "NaN",
    "infinite": "-Infinity",
    "half a surrogate": '"\\ud800"',
    "no UTF-8": b'"\xff"',
    "byte order mark": b"\xef\xbb\xbf{}",
    "nothing": "",
    "more than one": "{} {}",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_no_handler_can_use_is_a_value_error(text: str | bytes) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="line 1 column"):
        from_json(text, allow_inf_nan=False)
    assert time.process_time() - began < 1


def test_what_systems_send_is_read() -> None:
    deep = 150 * "[" + 150 * "]"
    assert from_json(deep, allow_inf_nan=False)
    assert from_json('{"a": [1, 2.5, "\\ud83d\\ude00", null, true]}') == {"a": [1, 2.5, "😀", None, True]}


def test_handlers_have_no_other_reader() -> None:
    files = [
        *ROOT.glob("cdp_constructs/*/handlers/**/*.py"),
        *ROOT.glob("cdp_constructs/*/layers/**/*.py"),
        *ROOT.glob("stacks/*/handlers/**/*.py"),
        *ROOT.glob("devices/cdp_device/*.py"),
        *ROOT.glob("docs/examples/*/index.py"),
    ]
    lines = {str(file.relative_to(ROOT)): list(other_readers(file.read_text(encoding="utf-8"))) for file in files}
    found = {name: at for name, at in lines.items() if at}
    expected = {name: number for name, (number, _) in OTHER_READERS.items()}
    assert {name: len(at) for name, at in found.items()} == expected, f"use from_json: {found}"


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("import json; json.loads(record.body)", 1),
        ("import json; json.load(file)", 1),
        ("import json; json.JSONDecoder().decode(text)", 1),
        ("import json as j; j.loads(text)", 1),
        ("from json import loads", 1),
        ("from json import dumps", 0),
        ("import json; read = json.loads", 1),
        ("import orjson", 1),
        ("import ast; ast.literal_eval(text)", 1),
        ("answer.json()", 1),
        ("import json; json.dumps(x)", 0),
        ("import json; json.loads(os.environ['X'])", 0),
        ("import json; json.loads(os.environ['X'] + body)", 1),
        ("from pydantic_core import from_json; from_json(text)", 0),
    ],
)
def test_other_readers_are_found(code: str, number: int) -> None:
    assert len(list(other_readers(code))) == number


def other_readers(code: str) -> Iterator[int]:
    """Yield the lines on which a module reads JSON otherwise than by ``from_json``."""
    if "json" not in code and "literal_eval" not in code:
        return
    tree = ast.parse(code)
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "json"
    }
    allowed = {
        node.func
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and [ast.unparse(part).partition("[")[0] for part in node.args] == ["os.environ"]
        if isinstance(node.args[0], ast.Subscript)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr="load" | "loads" | "JSONDecoder") if module in names:
                if node not in allowed:
                    yield node.lineno
            case ast.ImportFrom(module="json") if {alias.name for alias in node.names} - {"dumps", "dump"}:
                yield node.lineno
            case ast.Import() if {alias.name for alias in node.names} & FOREIGN:
                yield node.lineno
            case ast.ImportFrom(module=str(module)) if module in FOREIGN:
                yield node.lineno
            case ast.Call(func=ast.Attribute(attr="json"), args=[]):
                yield node.lineno
            case ast.Call(func=ast.Attribute(value=ast.Name(id="ast"), attr="literal_eval")):
                yield node.lineno
