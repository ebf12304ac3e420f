"""CloudFront Functions: whatever a viewer sends, the answer is the request with a path that the origin can have."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from aws_cdk import Stack
from hypothesis import example, given
from hypothesis import strategies as st

from cdp_constructs.delivery._distributions import add_strip_function
from cdp_constructs.delivery._site_origin import add_page_function, keep_files
from tests.properties.inputs import KEYS, TEXTS, examples

ROOT = Path(__file__).parents[2]
# Answers each line, an event for a function, with what the function returns or with what it throws.
PROGRAM = """
const functions = JSON.parse(process.argv[1]);
for (const name in functions) functions[name] = new Function(functions[name] + "; return handler;")();
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [name, event] = JSON.parse(line);
  let answer;
  try { answer = { returned: functions[name](event) }; } catch (error) { answer = { thrown: String(error) }; }
  console.log(JSON.stringify(answer));
});
"""
PARTS = (
    *KEYS,
    *TEXTS,
    "%",
    "%zz",
    "%ff",
    "%C3%28",
    "%2F",
    "%2e%2E",
    "%00",
    "%E2%80%AE",
    ".well-known",
    "api/v1",
    "LICENSE",
    "index.html",
    "a.b",
    "constructor",
    "__proto__",
)
URIS = st.lists(st.sampled_from(PARTS) | st.text(max_size=6), max_size=5).map(lambda parts: "/" + "/".join(parts))
NAMES = st.sampled_from(["host", "cookie", "x-" + "h" * 300, "__proto__", "constructor", "toString", "a b"])
VALUES = st.sampled_from(["", " ", "a=b; c", '{"theme":"dark"}', "é", "\x00", "%", "x" * 10_000]) | st.text(max_size=6)


def fields() -> st.SearchStrategy[dict[str, Any]]:
    """Return headers, cookies or a query string, as functions get them."""
    several = st.lists(VALUES.map(lambda value: {"value": value}), min_size=1, max_size=3)
    one = st.fixed_dictionaries({"value": VALUES}, optional={"multiValue": several})
    return st.dictionaries(NAMES, one, max_size=3)


REQUESTS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PURGE"]),
        "uri": URIS,
        "querystring": fields(),
        "headers": fields(),
        "cookies": fields(),
    }
)


def page(uri: str) -> set[str]:
    return {uri, "/index.html"}


def decoded(uri: str) -> str:
    """Return a path as S3 reads it; one that nobody can decode stays as it is."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", uri):
        return uri
    try:
        return re.sub(r"(?:%[0-9A-Fa-f]{2})+", lambda found: unquote_to_bytes(found[0]).decode(), uri)
    except UnicodeDecodeError:
        return uri


def folder(uri: str) -> set[str]:
    return {uri, f"{uri}index.html" if decoded(uri).endswith("/") else f"{uri}/index.html"}


def stripped(uri: str) -> set[str]:
    return {uri.removeprefix("/api/v1") if uri.startswith("/api/v1/") else uri}


ALLOWED: dict[str, Callable[[str], set[str]]] = {"pages": page, "folders": folder, "strip": stripped}


class Edge:
    """Runs the functions in the project's Node."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def call(self, name: str, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        context = {"distributionDomainName": "d1.cloudfront.net", "eventType": "viewer-request", "requestId": "r"}
        event = {"version": "1.0", "context": context, "viewer": {"ip": "203.0.113.7"}, "request": request}
        self._process.stdin.write(json.dumps([name, event]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    stack, site = Stack(), tmp_path_factory.mktemp("site")
    for name in ("index.html", "LICENSE", "Größe", "__proto__"):
        (site / name).touch()
    functions = {"strip": add_strip_function(stack, "/api/v1")}
    for name, single_page in {"pages": True, "folders": False}.items():
        functions[name] = add_page_function(Stack(), single_page=single_page)
        keep_files(functions[name], site, single_page=single_page)
    codes = {name: stack.resolve(vars_of(function)) for name, function in functions.items()}
    with subprocess.Popen(
        ["node", "-e", PROGRAM, json.dumps(codes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Edge(process)
        assert process.stdin is not None
        process.stdin.close()


def vars_of(function: Any) -> Any:
    return function.node.default_child.function_code


def test_every_function_of_the_library_is_here() -> None:
    sources = [file.read_text() for file in (ROOT / "cdp_constructs/delivery").glob("*.py")]
    assert sum(source.count("FunctionCode.from_") for source in sources) == 2, "pages and folders are of one"
    others = [*ROOT.glob("cdp_constructs/*/*.py"), *ROOT.glob("stacks/**/*.py")]
    assert all("FunctionCode" not in file.read_text() for file in others if file.parent.name != "delivery")


@pytest.mark.parametrize("name", ALLOWED)
def test_the_answer_is_the_request_with_a_path(edge: Edge, name: str) -> None:
    @examples(25)
    @given(request=REQUESTS)
    def holds(request: dict[str, Any]) -> None:
        answer = edge.call(name, request)
        assert "thrown" not in answer, answer
        returned = answer["returned"]
        assert returned["uri"].startswith("/")
        assert returned["uri"] in ALLOWED[name](request["uri"])
        assert {**returned, "uri": ""} == {**request, "uri": ""}

    bare = {"method": "GET", "querystring": {}, "headers": {}, "cookies": {}}
    for uri in (
        "/",
        "//",
        "/api/v1",
        "/api/v1/",
        "/api/v1//x",
        "/x/../api/v1/y",
        "/%61pi/v1/y",
        "/%",
        "/%c0%af",
        "/a%2F",
        "/%/a%2F",
        "/%ff/a%2F",
    ):
        holds = example(request={**bare, "uri": uri})(holds)
    holds()
