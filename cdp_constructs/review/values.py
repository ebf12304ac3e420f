"""Values of templates as a person reads them: names in place of references, ARNs without what goes without saying."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cdp_constructs.review.templates import HASH, Template

__all__ = ["Values", "counted", "duration", "listed", "number", "one_line"]

_PSEUDO = {
    "AWS::AccountId": "(account)",
    "AWS::NoValue": "",
    "AWS::Partition": "aws",
    "AWS::Region": "(region)",
    "AWS::StackId": "(stack id)",
    "AWS::StackName": "(stack)",
    "AWS::URLSuffix": "amazonaws.com",
}
_ARN = re.compile(r"arn:[\w-]+:([\w-]*):([^:]*):([^:]*):(.*)", re.DOTALL)
_EXPORT = re.compile(r"(?P<stack>[^:]+)[:.](?:Exports|Publish)Output(?:Ref|FnGetAtt)(?P<name>.+?)[0-9A-F]{8}\w*")
_SUBSTITUTED = re.compile(r"\$\{([^!}]+)\}")
# What an asset is called in the bootstrap's bucket or repository: its hash, which says nothing about architecture.
_ASSET = re.compile(r"(-assets-[^/:]*[/:])[0-9a-f]{64}")
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def duration(seconds: object) -> str:
    """Return seconds in the largest unit that has no rest."""
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        return str(seconds)
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0) if seconds else (1, "second")
    count = seconds // size
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def counted(count: int, word: str) -> str:
    """Return a number with its word: ``1 queue``, ``2 policies``, ``3 addresses``."""
    if count == 1:
        return f"1 {word}"
    first, _, rest = word.partition(" of ")
    if first.endswith("y") and first[-2] not in "aeiou":
        many = f"{first[:-1]}ies"
    else:
        many = f"{first}es" if first.endswith("s") else f"{first}s"
    return f"{count} {many} of {rest}" if rest else f"{count} {many}"


def listed(texts: Sequence[str]) -> str:
    """Return texts with commas, each once, in the order given."""
    return ", ".join(dict.fromkeys(texts))


def one_line(text: str) -> str:
    """Write a text in one line, as templates are anybody's: what would move the cursor is shown."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def number(value: object, otherwise: float) -> float:
    """Return a value of a template as a number; another one for what is no number, or is known at deployment only."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return otherwise


class Values:
    """Writes the values of one template.

    Args:
        template: The template.
    """

    def __init__(self, template: Template) -> None:
        self._template = template
        self._here = {"", "(region)", "(account)", template.region, template.account}
        self._functions: Mapping[str, Callable[[Any], str]] = {
            "Ref": self._reference,
            "Fn::GetAtt": self._attribute,
            "Fn::Join": lambda parts: str(parts[0]).join(self._pieces(parts[1])),
            "Fn::Sub": self._substituted,
            "Fn::ImportValue": lambda value: _imported(self.text(value)),
            "Fn::GetStackOutput": lambda value: _imported(
                f"{self.text(value.get('StackName'))}:{value.get('OutputName')}"
            ),
            "Fn::Select": self._selected,
            "Fn::If": lambda parts: f"{self.text(parts[1])} or {self.text(parts[2])}",
            "Fn::Base64": self.text,
            "Fn::Split": lambda parts: self.text(parts[1]),
            "Fn::GetAZs": lambda _: "zones of (region)",
            "Fn::FindInMap": lambda parts: "/".join(self.text(part) for part in parts),
        }

    def text(self, value: object) -> str:
        """Return one line for a value."""
        if isinstance(value, bool):
            return str(value).lower()
        if value is None:
            return ""
        if isinstance(value, list):
            return ", ".join(self.text(item) for item in value)
        if isinstance(value, Mapping):
            if len(value) == 1:
                [(key, argument)] = value.items()
                if write := self._functions.get(key):
                    return self._short(write(argument))
            return json.dumps({key: self.text(item) for key, item in value.items()}, sort_keys=True)
        return self._short(str(value))

    def texts(self, value: object) -> tuple[str, ...]:
        """Return the text of each item of a value that is one or a list."""
        return tuple(self.text(item) for item in (value if isinstance(value, list) else [value]))

    def _reference(self, name: str) -> str:
        if name in _PSEUDO:
            return _PSEUDO[name]
        resource = self._template.resources.get(name)
        return resource.name if resource else HASH.sub("", name)

    def _attribute(self, value: Any) -> str:
        name, attribute = value.split(".", 1) if isinstance(value, str) else (str(value[0]), self.text(value[1]))
        known = self._reference(name)
        return known if attribute.endswith("Arn") else f"{known}.{attribute}"

    def _pieces(self, parts: object) -> list[str]:
        # Without the shortening of each piece, which may be the middle of an ARN.
        return [
            part if isinstance(part, str) else self.text(part)
            for part in (parts if isinstance(parts, list) else [parts])
        ]

    def _substituted(self, value: Any) -> str:
        text, given = (value, {}) if isinstance(value, str) else (value[0], value[1])

        def write(match: re.Match[str]) -> str:
            name = match[1]
            if name in given:
                return self.text(given[name])
            return self._attribute(name) if "." in name else self._reference(name)

        return _SUBSTITUTED.sub(write, str(text))

    def _selected(self, parts: Any) -> str:
        index, items = parts
        if isinstance(items, list) and str(index).isdigit() and int(index) < len(items):
            return self.text(items[int(index)])
        return self.text(items)

    def _short(self, text: str) -> str:
        """Leave out what says nothing here: of an ARN partition, this account and Region, of an asset its hash."""
        text = _ASSET.sub(r"\1(asset)", text)
        if not (match := _ARN.fullmatch(text)):
            return text
        service, region, account, rest = match.groups()
        if service == "iam" and rest == "root":
            return "this account" if account in self._here else f"account {account}"
        if service == "iam" and account == "aws":
            return f"AWS's {rest}"
        where = [part for part in (region, account) if part not in self._here]
        return ":".join([service, *where, rest])


def _imported(export: str) -> str:
    match = _EXPORT.fullmatch(export)
    return f"{match['stack']}:{match['name']}" if match else export
