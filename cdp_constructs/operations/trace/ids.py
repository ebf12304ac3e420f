"""What an operator may know an item by: a correlation id, a ``traceparent``, a UUID, or a certificate of AWS IoT."""

import re

from cdp_constructs.operations.deployed.errors import OperatorError

__all__ = ["correlation_id", "written"]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_CERTIFICATE = re.compile(r"([0-9a-f]{32})[0-9a-f]{32}")


def correlation_id(text: str) -> str:
    """Return the 32 hexadecimal digits of an id in any of its forms.

    Raises:
        OperatorError: for anything else.
    """
    lower = text.strip().lower()
    if found := _TRACEPARENT.fullmatch(lower):
        return found[1]
    if found := _CERTIFICATE.fullmatch(lower):
        return found[1]
    if _UUID.fullmatch(lower):
        return lower.replace("-", "")
    raise OperatorError(
        f"{text!r} is no id: give 32 hexadecimal digits, a traceparent, a UUID such as a session's, or the id of a "
        "certificate"
    )


def written(identity: str) -> tuple[str, str]:
    """Return the forms in which logs have an id: the functions' own, and that of AWS IoT."""
    return identity, "-".join(re.fullmatch(r"(.{8})(.{4})(.{4})(.{4})(.{12})", identity).groups())  # type: ignore[union-attr]  # 32 digits
