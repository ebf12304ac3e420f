"""Systems Manager: values of parameters that AWS refuses.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
"""

import re
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.kit.time_limits import matches
from cdp_constructs.local.kit.validation import InvalidValueError, validate

_MOST = {"Standard": 4_096, "Advanced": 8_192}
_GROWING = "Intelligent-Tiering"
_TYPES = {"String", "StringList", "SecureString"}
_MOST_LEVELS = 15


@validate(types=("AWS::SSM::Parameter",), requests={"ssm": ("PutParameter",)})
def _parameter(values: Mapping[str, Any]) -> None:
    _check_levels(values.get("Name") or "")
    value, tier = values["Value"], values.get("Tier") or "Standard"
    if tier not in {*_MOST, _GROWING}:
        raise InvalidValueError(
            "ValidationException", f"1 validation error detected: Value '{tier}' at 'tier' is no tier of parameters"
        )
    if values.get("Type") not in {None, *_TYPES}:
        raise InvalidValueError("UnsupportedParameterType", f"The parameter type {values['Type']} is not supported.")
    if not value:
        raise InvalidValueError(
            "ValidationException",
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length "
            "greater than or equal to 1",
        )
    most = _MOST.get(tier, _MOST["Advanced"])
    if len(value) > most:
        name = "Standard" if tier == "Standard" else "Advanced"
        more = (
            " To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier."
            if name == "Standard"
            else ""
        )
        raise InvalidValueError(
            "ValidationException",
            f"{name} tier parameters support a maximum parameter value of {most} characters.{more}",
        )
    _check_pattern(value, values.get("AllowedPattern"))


def _check_levels(name: str) -> None:
    if "//" in name or name.endswith("/"):
        raise InvalidValueError("ValidationException", f"Parameter name: {name} has a level without a name.")
    if name.lstrip("/").count("/") >= _MOST_LEVELS:
        raise InvalidValueError(
            "HierarchyLevelLimitExceededException", f"Parameter names have at most {_MOST_LEVELS} levels: {name}"
        )


def _check_pattern(value: str, pattern: str | None) -> None:
    try:
        matching = not pattern or matches(pattern, value)
    except re.error as error:
        raise InvalidValueError("InvalidAllowedPatternException", f"{pattern} is not valid: {error}") from error
    if not matching:
        raise InvalidValueError(
            "ParameterPatternMismatchException",
            f"Parameter value, cannot be validated against allowedPattern: {pattern}",
        )
