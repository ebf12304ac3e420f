"""API Gateway: mapping templates of REST APIs, in the Velocity Template Language.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from cdp_constructs.local.kit import expressions

__all__ = ["Variables", "path_of", "render"]


@dataclass(frozen=True)
class Variables:
    """What a template can ask for beside the body.

    Attributes:
        path: Path parameters of the request.
        query: Its query string, the first value of each name.
        headers: Its headers.
        context: `$context`; what a template sets in it is seen by who gave it.
        stage: `$stageVariables`.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    context: dict[str, Any]
    stage: Mapping[str, str] = field(default_factory=dict)

    def parameter(self, name: str) -> str:
        """Return a parameter of the path, the query string or the headers, in this order; empty when there is none."""
        places = (self.path, self.query, self.headers)
        return next((place[name] for place in places if name in place), "")


def path_of(text: str, expression: str) -> Any:
    """Return what a JSONPath leads to in a JSON text; None when it leads nowhere."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    found = expressions.json_path(expression, document) if expression != "$" else [document]
    if not found:
        return None
    return found if any(mark in expression for mark in ("*", "..", "?", ":")) else found[0]


class _Parameters(dict[str, str]):
    """The parameters of one place; those that are missing are empty."""

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]  # templates compare with ""
        return super().get(name, default)

    def keySet(self) -> list[str]:  # noqa: N802  # as in Java
        return list(self)


class _Input:
    """`$input`."""

    def __init__(self, text: str, variables: Variables) -> None:
        self.body = text
        self._variables = variables

    def json(self, expression: str) -> str:
        found = path_of(self.body, expression)
        return "" if found is None else json.dumps(found, separators=(",", ":"), ensure_ascii=False)

    def path(self, expression: str) -> Any:
        found = path_of(self.body, expression)
        return "" if found is None else found

    def params(self, name: str | None = None) -> Any:
        given = self._variables
        if name is not None:
            return given.parameter(name)
        places = {"path": given.path, "querystring": given.query, "header": given.headers}
        return {name: _Parameters(values) for name, values in places.items()}


class _Util:
    """`$util`; the names are those of API Gateway."""

    @staticmethod
    def escapeJavaScript(text: Any) -> str:  # noqa: N802
        return json.dumps(_text(text), ensure_ascii=False)[1:-1].replace("'", "\\'").replace("/", "\\/")

    @staticmethod
    def parseJson(text: str) -> Any:  # noqa: N802
        return json.loads(text)

    @staticmethod
    def urlEncode(text: Any) -> str:  # noqa: N802
        return quote_plus(_text(text), safe="*", errors="replace")

    @staticmethod
    def urlDecode(text: Any) -> str:  # noqa: N802
        return unquote_plus(_text(text))

    @staticmethod
    def base64Encode(text: Any) -> str:  # noqa: N802
        return base64.b64encode(_text(text).encode(errors="replace")).decode()

    @staticmethod
    def base64Decode(text: Any) -> str:  # noqa: N802
        return base64.b64decode(_text(text)).decode("utf-8", errors="replace")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def render(template: str, text: str, variables: Variables) -> str:
    """Return what a template makes of a body.

    Args:
        template: The template.
        text: The body of the request, or of the integration's response.
        variables: What else it can ask for.

    Raises:
        Exception: the template is wrong, or fails with this body.
    """
    names = {
        "input": _Input(text, variables),
        "util": _Util(),
        "context": variables.context,
        "stageVariables": dict(variables.stage),
    }
    return expressions.render(template, names)
