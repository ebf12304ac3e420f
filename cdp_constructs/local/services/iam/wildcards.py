"""IAM: `*` and `?` stand for any character, line breaks included, and a pattern ends where its value ends.

Keys of objects may have line breaks. MiniStack's patterns stop at them, and ignore one at the end; with many `*` they
take very long.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from cdp_constructs.local.kit.patch import replace

_CACHED = 4096


def _without_stars(part: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in part)


@replace("ministack.core.iam_evaluator:_fnmatch_compile")
def _compiled(_original: Callable[[str, bool], re.Pattern[str]]) -> Callable[[str, bool], re.Pattern[str]]:
    @lru_cache(_CACHED)
    def compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        first, *others = (_without_stars(part) for part in pattern.split("*"))
        # Each part where it is found first, once and for all: a value of a stranger cannot make this slow.
        found = "".join(rf"(?>.*?{part})" for part in others[:-1] if part)
        last = rf".*{others[-1]}" if others else ""
        return re.compile(rf"{first}{found}{last}\Z", re.DOTALL | (re.IGNORECASE if ignore_case else re.NOFLAG))

    return compiled
