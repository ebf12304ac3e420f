"""IAM: `*` and `?` stand for any character, line breaks included, and a pattern ends where its value ends.

Keys of objects may have line breaks. MiniStack's patterns stop at them, and ignore one at the end.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from cdp_constructs.local.kit.patch import replace

_CACHED = 4096
_MEANING = {"*": ".*", "?": "."}


@replace("ministack.core.iam_evaluator:_fnmatch_compile")
def _compiled(_original: Callable[[str, bool], re.Pattern[str]]) -> Callable[[str, bool], re.Pattern[str]]:
    @lru_cache(_CACHED)
    def compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        regex = "".join(_MEANING.get(character, re.escape(character)) for character in pattern)
        return re.compile(rf"{regex}\Z", re.DOTALL | (re.IGNORECASE if ignore_case else re.NOFLAG))

    return compiled
