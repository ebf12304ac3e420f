"""Writes the rules for texts in templates: `make text-rules`, after CloudFormation's resource schemas have changed.

The schemas are those that cfn-lint ships, in whose environment this program runs: it imports nothing of the project.
"""

import functools
import json
import re
import signal
import warnings
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "cdp_constructs/local/services/cloudformation/text_rules/rules.json"

_LETTERS = re.compile(r"\\p\{(?:L|Lu|Ll|N|Nd)\}")
_SPACES = re.compile(r"\\p\{(?:Z|Zs)\}")
_IDENTIFIER = re.compile("(Id|Ids|Arn|Arns)$")
"""Properties that name another resource: a template can name one that the embedded cloud does not have to have."""
_UNICODE = "(?u)"
"""Begins a pattern in which `\\w` is more than ASCII."""
_MOST_SECONDS = 0.5
_PARTS = ("a", "1", "a-", "a.", "a/", "a:", "A1 ", "a, ")

_EC2_TEXT = (r"^[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]*$", 255)
_DOCUMENTED: Mapping[str, tuple[str, int]] = {
    "AWS::CloudWatch::Alarm/properties/AlarmName": (r"^[^\x00-\x1f\x7f]+$", 255),
    "AWS::CloudWatch::CompositeAlarm/properties/AlarmName": (r"^[^\x00-\x1f\x7f]+$", 255),
    "AWS::Cognito::UserPool/properties/UserPoolName": (r"^[\w\s+=,.@-]+$", 128),
    "AWS::DynamoDB::GlobalTable/properties/TableName": (r"^[a-zA-Z0-9_.-]{3,255}$", 255),
    "AWS::DynamoDB::Table/properties/TableName": (r"^[a-zA-Z0-9_.-]{3,255}$", 255),
    "AWS::EC2::SecurityGroup/properties/GroupName": _EC2_TEXT,
    "AWS::EC2::SecurityGroup/definitions/Egress/properties/Description": _EC2_TEXT,
    "AWS::EC2::SecurityGroup/definitions/Ingress/properties/Description": _EC2_TEXT,
    "AWS::EC2::SecurityGroupEgress/properties/Description": _EC2_TEXT,
    "AWS::EC2::SecurityGroupIngress/properties/Description": _EC2_TEXT,
    "AWS::IAM::Group/properties/GroupName": (r"^[\w+=,.@-]+$", 128),
    "AWS::IAM::ManagedPolicy/properties/ManagedPolicyName": (r"^[\w+=,.@-]+$", 128),
    "AWS::IAM::User/properties/UserName": (r"^[\w+=,.@-]+$", 64),
    "AWS::SNS::Topic/properties/DisplayName": ("", 100),
    "AWS::SNS::Topic/properties/TopicName": (r"^([A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo)$", 256),
    "AWS::SQS::Queue/properties/QueueName": (r"^([A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo)$", 80),
    "AWS::SSM::Parameter/properties/Name": (r"^[a-zA-Z0-9_.\-/]+$", 2048),
    "AWS::SecretsManager::Secret/properties/Name": (r"^[A-Za-z0-9/_+=.@!-]+$", 512),
}
"""What services check and document, and the schemas lack: the type and the place in its schema -> (pattern, most)."""


def _translated(pattern: str) -> str | None:
    r"""Return a pattern of a schema for Python; None when Python has no such pattern.

    Letters and digits of every script are `\\w` there, which also has the underscore: no text is refused wrongly.
    """
    translated = _SPACES.sub(r"\\s", _LETTERS.sub(r"\\w", pattern))
    if translated != pattern:
        translated = _UNICODE + translated
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # sets that a later Python could read in another way
        try:
            return translated if _is_quick(re.compile(translated)) else None
        except (re.error, FutureWarning, OverflowError):
            return None


def _is_quick(pattern: re.Pattern[str]) -> bool:
    """Say whether a pattern answers at once: the time of some doubles with every character, and the server waits."""
    signal.signal(signal.SIGALRM, _too_slow)
    signal.setitimer(signal.ITIMER_REAL, _MOST_SECONDS)
    try:
        for part in _PARTS:
            pattern.search(f"{part * 100}\0")
    except TimeoutError:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return True


def _too_slow(_signal: int, _frame: object) -> None:
    raise TimeoutError


class _Rules:
    """The rules of all types; patterns are kept once."""

    def __init__(self) -> None:
        self.patterns: dict[str, int] = {}

    def _text(self, schema: Mapping[str, Any]) -> str | None:
        """Return `pattern:least:most`, each of which can be empty; None where every text will do."""
        pattern = _translated(schema["pattern"]) if isinstance(schema.get("pattern"), str) else None
        number = "" if pattern is None else str(self.patterns.setdefault(pattern, len(self.patterns)))
        rule = f"{number}:{schema.get('minLength') or ''}:{schema.get('maxLength', '')}"
        return None if rule == "::" else rule

    def of(self, schema: Any) -> Any:
        """Return the rule of a text, a list with that of its items, properties with theirs, or `#Definition`."""
        if not isinstance(schema, dict):
            return None
        if "$ref" in schema:
            return f"#{schema['$ref'].rpartition('/')[2]}" if schema["$ref"].startswith("#/definitions/") else None
        if "properties" in schema:
            parts = sorted(schema["properties"].items())
            found = ((name, self.of(part)) for name, part in parts if not _IDENTIFIER.search(name))
            return {name: rule for name, rule in found if rule} or None
        if "items" in schema:
            rule = self.of(schema["items"])
            return [rule] if rule else None
        kinds = schema.get("type", "string")
        return self._text(schema) if "string" in kinds else None

    def of_type(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return the rules of a resource type: its properties, and the definitions that they use."""
        found = {name: self.of(part) for name, part in schema.get("definitions", {}).items()}
        found = {"": self.of({"properties": schema["properties"]}), **dict(sorted(found.items()))}
        while (left := {name: _with_known(rule, found) for name, rule in found.items() if rule}) != found:
            found = left
        used = {""}
        waiting = list(_references(found.get("")))
        while waiting:
            if (name := waiting.pop()) not in used:
                used.add(name)
                waiting += _references(found[name])
        return {name: rule for name, rule in found.items() if name in used}


def _with_known(rule: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a rule without what refers to definitions that have none."""
    if isinstance(rule, dict):
        parts = ((name, _with_known(part, definitions)) for name, part in rule.items())
        return {name: part for name, part in parts if part} or None
    if isinstance(rule, list):
        return [part] if (part := _with_known(rule[0], definitions)) else None
    return None if rule.startswith("#") and not definitions.get(rule[1:]) else rule


def _references(rule: Any) -> Iterator[str]:
    if isinstance(rule, str) and rule.startswith("#"):
        yield rule[1:]
    for part in rule.values() if isinstance(rule, dict) else rule if isinstance(rule, list) else ():
        yield from _references(part)


def _completed(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    for place, (pattern, most) in _DOCUMENTED.items():
        type_name, *path = place.split("/")
        if type_name == name:
            text = functools.reduce(dict.__getitem__, path, schema)
            text.update({"pattern": pattern, "maxLength": most} if pattern else {"maxLength": most})
    return schema


def text_rules() -> str:
    """Return the file: the patterns, then a line for each resource type."""
    schemas = resources.files("cfnlint").joinpath("data", "schemas")
    names = json.loads(schemas.joinpath("providers", "us-east-1.json").read_text(encoding="utf-8"))
    rules, types = _Rules(), {}
    for name, file in sorted(names.items()):
        schema = json.loads(schemas.joinpath("resources", f"{file}.json").read_text(encoding="utf-8"))
        types[name] = rules.of_type(_completed(name, schema))
    lines = [f"{_line(name)}:{_line(found)}" for name, found in types.items() if found]
    patterns = [_line(pattern) for pattern in rules.patterns]
    return f'{{"patterns":[\n{_rows(patterns)}\n],"types":{{\n{_rows(lines)}\n}}}}\n'


def _rows(rows: list[str]) -> str:
    return ",\n".join(rows)


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    FILE.write_text(text_rules(), encoding="utf-8")
