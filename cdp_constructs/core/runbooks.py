"""Which page says what to do about an alarm: a folder of runbooks, set once for a part of the construct tree."""

import re
from typing import TYPE_CHECKING

from cdp_constructs.core.once import once
from cdp_constructs.core.paths import node_of
from cdp_constructs.core.validation import InvalidOptionError

if TYPE_CHECKING:
    from constructs import IConstruct

__all__ = ["page_of", "runbook_of", "use_runbooks"]

_CONTEXT_KEY = "cdp-constructs:runbooks"


def use_runbooks(scope: "IConstruct", folder: str) -> None:
    """End the description of every alarm that this library makes below a construct with the page of its runbook.

    The folder is kept in the context of the construct tree, so ``"cdp-constructs:runbooks": "docs/runbooks"`` in
    ``cdk.json`` is the same for a whole application.

    Args:
        scope: A stack, usually. Call this before the first construct is added to it.
        folder: Where the pages are, such as ``docs/runbooks`` or ``https://wiki.example.com/runbooks``.

    Raises:
        InvalidOptionError: when the scope has children already: their alarms would not name a page.
    """
    if scope.node.children:
        fix = "Call use_runbooks() as the first thing in the stack"
        raise InvalidOptionError(scope.node.path, "scope", f"is {scope.node.path!r}, which has children already", fix)
    scope.node.set_context(_CONTEXT_KEY, folder.rstrip("/"))


def runbook_of(scope: "IConstruct", alarm_id: str) -> str | None:
    """Return the page of an alarm, None where no folder of runbooks is set.

    Args:
        scope: The construct that the alarm is added to.
        alarm_id: The alarm's construct id.
    """
    folder = _folder(scope)
    return None if folder is None else page_of(alarm_id, folder)


@once
def _folder(scope: "IConstruct") -> str | None:
    found: str | None = node_of(scope).try_get_context(_CONTEXT_KEY)
    return found


def page_of(alarm_id: str, folder: str) -> str:
    """Return the page of a kind of alarm: ``DeadLetterQueueAlarm`` has ``dead-letter-queue.md``.

    What stands before a hyphen, such as a Region, does not count.
    """
    kind = alarm_id.rpartition("-")[2].removesuffix("Alarm")
    return f"{folder}/{re.sub(r'(?<!^)(?=[A-Z])', '-', kind).lower()}.md"
