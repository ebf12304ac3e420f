"""CloudFormation: a template that names what it does not have, or has members that nobody reads, is refused.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-ref.html. MiniStack
takes the name itself for the value, so that the mistake would first be seen on AWS.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit.patch import patch

_SECTIONS = {
    *("AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions", "Transform"),
    *("Resources", "Outputs", "Rules", "Hooks"),
}
_MEMBERS = {
    *("Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"),
    *("CreationPolicy", "UpdatePolicy", "Version", "Description"),
}
_NAME = re.compile(r"[A-Za-z0-9]+")
_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")


@patch("ministack.services.cloudformation.engine:_validate_template_statics")
def _validate(original: Callable[[Mapping[str, Any]], None], template: Mapping[str, Any]) -> None:
    original(template)
    if template.get("Transform"):  # what its macros make is not known yet
        return
    if problem := next(_problems(template), None):
        raise ValueError(problem)


def _problems(template: Mapping[str, Any]) -> Iterator[str]:
    if unknown := sorted(template.keys() - _SECTIONS):
        yield f"Invalid template property or properties [{', '.join(unknown)}]"
    resources = template.get("Resources") or {}
    conditions = template.get("Conditions") or {}
    for name, resource in resources.items():
        if not _NAME.fullmatch(name):
            yield f"Template format error: Resource name {name} is non alphanumeric."
        if unknown := sorted(resource.keys() - _MEMBERS):
            yield f"Invalid template resource property '{unknown[0]}'"
        condition = resource.get("Condition")
        if condition is not None and condition not in conditions:
            yield f"Template format error: Unresolved condition dependency {condition} in the Resources block"
        first = resource.get("DependsOn") or ()
        missing = [one for one in ([first] if isinstance(first, str) else first) if one not in resources]
        yield from _unresolved(missing, "Resources")
    known = {*resources, *(template.get("Parameters") or ())}
    properties = [resource.get("Properties") for resource in resources.values()]
    for block, values in (("Resources", properties), ("Outputs", list((template.get("Outputs") or {}).values()))):
        named = [*dict.fromkeys(_named(values))]
        yield from _unresolved([name for name in named if name not in known and "::" not in name], block)


def _unresolved(names: list[str], block: str) -> Iterator[str]:
    if names:
        yield (
            f"Template format error: Unresolved resource dependencies [{', '.join(names)}] in the {block} block of "
            "the template"
        )


def _named(value: Any) -> Iterator[str]:
    """Yield what functions in a value refer to."""
    if isinstance(value, list):
        for item in value:
            yield from _named(item)
        return
    if not isinstance(value, dict):
        return
    if len(value) == 1:
        ((function, operand),) = value.items()
        if function == "Ref" and isinstance(operand, str):
            yield operand
            return
        if function == "Fn::GetAtt":
            first = operand.partition(".")[0] if isinstance(operand, str) else (operand or [None])[0]
            yield from [first] if isinstance(first, str) else ()
            return
        if function == "Fn::Sub":
            yield from _of_text(operand)
    for item in value.values():
        yield from _named(item)


def _of_text(operand: Any) -> Iterator[str]:
    text, own = (operand, {}) if isinstance(operand, str) else (operand[0], operand[1] if len(operand) > 1 else {})
    if isinstance(text, str):
        names = (name.strip().partition(".")[0] for name in _VARIABLE.findall(text))
        yield from (name for name in names if name not in own)
