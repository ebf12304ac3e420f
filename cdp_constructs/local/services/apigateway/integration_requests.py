"""API Gateway: a request to an integration of a REST API, and the values that its parameter mappings stand for.

https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdp_constructs.local.services.apigateway.mapping_templates import Variables, path_of

__all__ = ["Request", "first_values", "text_of"]


@dataclass(frozen=True)
class Request:
    """A request to a method, and where it belongs."""

    integration: Mapping[str, Any]
    variables: Variables
    body: bytes
    account: str
    region: str

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", errors="replace")

    def value(self, source: str) -> str | None:
        """Return what an expression of a parameter mapping stands for, for example `method.request.path.id`."""
        if source.startswith("'"):
            return source[1:-1]
        kind, _, name = source.partition(".")
        if kind == "stageVariables":
            return self.variables.stage.get(name)
        if kind == "context":
            found: Any = self.variables.context
            for part in name.split("."):
                found = found.get(part) if isinstance(found, Mapping) else None
            return None if found is None else str(found)
        return self._of_method(name.removeprefix("request."))

    def _of_method(self, source: str) -> str | None:
        place, _, name = source.partition(".")
        if place == "body":
            return text_of(path_of(self.text, f"$.{name}" if name else "$"))
        places = {"path": self.variables.path, "querystring": self.variables.query, "header": self.variables.headers}
        given = places.get(place.removeprefix("multivalue"), {})
        return given.get(name) or (given.get(name.lower()) if place == "header" else None)

    def parameters(self, place: str) -> dict[str, str]:
        """Return the mapped parameters of a place of the request to the backend, for example `path`."""
        prefix = f"integration.request.{place}."
        mapped = (self.integration.get("requestParameters") or {}).items()
        values = {name.removeprefix(prefix): self.value(source) for name, source in mapped if name.startswith(prefix)}
        return {name: value for name, value in values.items() if value is not None}


def text_of(value: Any) -> str | None:
    """Return a value of JSON as the text of a header or parameter."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def first_values(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the first value of each name."""
    return {name: value[0] if isinstance(value, list | tuple) else value for name, value in (values or {}).items()}
