"""Configuration of a system: a key of the CDK context, read into a model and checked before anything is built.

It is the one module of this package that needs pydantic.
"""

import json
import re
from difflib import get_close_matches
from typing import Any, ClassVar, Self, get_args

from aws_cdk.region_info import RegionInfo
from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict, ValidationError

from cdp_constructs.core.validation import InvalidOptionError

_FIXES = {
    "model_type": 'Give an object, such as {"key": "value"}',
    "tuple_type": 'Give a list, such as ["value"]',
    "dict_type": 'Give an object, such as {"key": "value"}',
}
"""What to write instead, by the type of pydantic's error, where its own text names types of Python."""


class ConfigurationError(Exception):
    """The context has a value that the system cannot be built from; one line per mistake: key, value, fix."""


class SystemConfiguration(BaseModel):
    """A pydantic model of one key of the CDK context; unknown keys and wrong types are mistakes.

    class Orders(SystemConfiguration):
        KEY: ClassVar[str] = "orders"
        EXAMPLE: ClassVar[str] = '{"region": …}'
        region: str

    configuration = Orders.from_context(app.node.try_get_context("orders"))
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)

    KEY: ClassVar[str]
    """The key of the context."""
    EXAMPLE: ClassVar[str]
    """The smallest valid value, as JSON with … for values."""

    @classmethod
    def from_context(cls, value: object) -> Self:
        """Read the value of the context key.

        Args:
            value: An object from ``cdk.json``, or the JSON text that ``-c <key>='{…}'`` passes. None, for a key that is
                not there, is the defaults of a model that has one for every field.

        Raises:
            ConfigurationError: with one line per mistake.
        """
        if value is None:
            # A system that has a default for everything needs no key.
            if any(field.is_required() for field in cls.model_fields.values()):
                raise ConfigurationError(cls._line("is missing", f'Add "{cls.KEY}": {cls.EXAMPLE} to it'))
            value = {}
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except json.JSONDecodeError as error:
                problem = f"is {value!r}, which is not JSON ({error})"
                raise ConfigurationError(cls._line(problem, f"Write -c {cls.KEY}='{cls.EXAMPLE}'")) from None
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise ConfigurationError("\n".join(cls._explain(dict(detail)) for detail in error.errors())) from None

    @classmethod
    def _explain(cls, detail: dict[str, Any]) -> str:
        """Write one of pydantic's errors as key, value and fix."""
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, InvalidOptionError):
            return str(cause)
        option = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "missing":
            return cls._line(f"lacks {option!r}", f"Add {option!r} to it")
        if detail["type"] == "extra_forbidden":
            known = cls._known_beside(detail["loc"])
            near = get_close_matches(option, known, n=1)
            fix = f"Use {near[0]!r}" if near else f"Its keys are {', '.join(known)}"
            return cls._line(f"has {option!r}, which nothing reads", fix)
        fix = _FIXES.get(detail["type"], detail["msg"])
        return f"{cls.KEY}: {option or 'the value'} is {detail['input']!r}. {fix}."

    @classmethod
    def _known_beside(cls, location: tuple[str | int, ...]) -> list[str]:
        """Return the valid keys in the place of an unknown one, with the same path in front."""
        model: type[BaseModel] = cls
        for part in location[:-1]:
            if isinstance(part, str):
                model = _model_in(model.model_fields[part].annotation)
        prefix = "".join(f"{part}." for part in location[:-1])
        return [f"{prefix}{field}" for field in model.model_fields]

    @classmethod
    def _line(cls, problem: str, fix: str) -> str:
        return f"context key {cls.KEY!r} {problem}. {fix}."


def _model_in(annotation: Any) -> type[BaseModel]:
    """Return the model in an annotation such as ``tuple[Threshold, ...]`` or ``Notices | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(_model_in(part) for part in get_args(annotation) if part not in (Ellipsis, type(None)))


def check_region(key: str, option: str, region: str, *, verb: str = "contains") -> str:
    """Return the name of a Region of the partition ``aws``.

    Raises:
        InvalidOptionError: for any other name; the message has a Region with a similar name.
    """
    # The CDK's table of Regions. Cognito and CloudFront have other host names in other partitions.
    if RegionInfo.get(region).partition != "aws":
        names = [known.name for known in RegionInfo.regions if known.partition == "aws"]
        near = get_close_matches(region, names, n=1) or ["ap-northeast-1"]
        what = f"{region!r}, which is no Region of the partition 'aws'"
        problem = f"is {what}" if verb == "is" else f"contains {what}"
        raise InvalidOptionError(key, option, problem, f"Use a name such as {near[0]!r}")
    return region


def check_form(key: str, option: str, value: str | None, pattern: str, fix: str) -> str | None:
    """Return a value that matches a regular expression, or None where it is left out.

    Raises:
        InvalidOptionError: for anything else; ``fix`` says what to write.
    """
    if value is not None and not re.fullmatch(pattern, value):
        raise InvalidOptionError(key, option, f"is {value!r}", fix)
    return value


def check_address(key: str, option: str, address: str | None) -> str | None:
    """Return a mail address, or None where it is left out.

    Raises:
        InvalidOptionError: for anything else; whether the domain exists is not asked.
    """
    if address is not None:
        try:
            validate_email(address, check_deliverability=False)
        except EmailNotValidError:
            fix = "Use an address such as ops@example.com"
            raise InvalidOptionError(key, option, f"is {address!r}", fix) from None
    return address


def check_page_address(key: str, option: str, address: str | None) -> str | None:
    """Return the address of a folder of pages, or None where it is left out.

    Raises:
        InvalidOptionError: for anything else; whether something answers there is not asked.
    """
    fix = "Use an address such as https://wiki.example.com/runbooks, or leave it out"
    return check_form(key, option, address, r"https?://[^\s/]+(/\S*)?", fix)
