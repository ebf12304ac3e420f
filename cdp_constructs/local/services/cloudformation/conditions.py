"""CloudFormation: conditions compare texts that `Fn::Join`, `Fn::Sub` and `Fn::FindInMap` make.

MiniStack compares such a function itself with the text, so that `Fn::Not` of it is always true: the CDK's bootstrap
template would trust an account without a name.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit.patch import patch_each

__all__ = ["Values"]

_VARIABLE = re.compile(r"\$\{([^!}]+)\}")


@patch_each(
    "ministack.services.cloudformation.changesets:_evaluate_conditions",
    "ministack.services.cloudformation.handlers:_evaluate_conditions",
    "ministack.services.cloudformation.stacks:_evaluate_conditions",
)
def _evaluate(
    original: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, bool]],
    template: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> dict[str, bool]:
    conditions = template.get("Conditions")
    if not conditions:
        return original(template, parameters)
    values = Values(parameters, template.get("Mappings") or {})
    return original(
        {**template, "Conditions": {name: values.plain(one) for name, one in conditions.items()}}, parameters
    )


class Values:
    """What parameters and mappings make of functions."""

    def __init__(self, parameters: Mapping[str, Any], mappings: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self._mappings = mappings

    def plain(self, value: Any) -> Any:
        """Return an expression with texts in place of the functions that make them."""
        if isinstance(value, list):
            return [self.plain(one) for one in value]
        if not isinstance(value, Mapping) or len(value) != 1:
            return value
        [(name, argument)] = value.items()
        match name:
            case "Fn::Join":
                return str(argument[0]).join(str(one) for one in self._items(argument[1]))
            case "Fn::Sub":
                text, own = (argument, {}) if isinstance(argument, str) else argument
                return _VARIABLE.sub(lambda found: str(self._variable(found[1], own)), text)
            case "Fn::FindInMap":
                first, second, third, *_ = (self._text(one) for one in argument)
                return self._mappings[first][second][third]
            case _:
                return {name: self.plain(argument)}

    def _variable(self, name: str, own: Mapping[str, Any]) -> Any:
        return self._text(own.get(name, {"Ref": name}))

    def _text(self, value: Any) -> Any:
        value = self.plain(value)
        if isinstance(value, Mapping) and set(value) == {"Ref"}:
            name = value["Ref"]
            return self._parameters[name]["Value"] if name in self._parameters else name
        return value

    def _items(self, value: Any) -> list[Any]:
        """Return what is joined; a list as a parameter is one text here."""
        if isinstance(value, list):
            return [self._text(one) for one in value]
        text = self._text(value)
        return text if isinstance(text, list) else [one.strip() for one in str(text).split(",")]
