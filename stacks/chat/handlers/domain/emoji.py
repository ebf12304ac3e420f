"""What counts as one emoji: a reaction is one, as UTS #51 composes them, and nothing else."""

import re

LONGEST = 16
"""Most code points of one emoji; a family of four with skin tones has eleven."""

# Blocks in which Unicode has emoji; every character in them can be seen. Regional indicators and skin tones are below.
_SYMBOL = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f004-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_ELEMENT = f"{_SYMBOL}[\ufe0f\U0001f3fb-\U0001f3ff]?"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_KEYCAP = "[0-9#*]\ufe0f?\u20e3"
# England, Scotland, Wales: a black flag and letters that are not shown.
_TAGGED_FLAG = "\U0001f3f4[\U000e0030-\U000e007a]{2,8}\U000e007f"
_EMOJI = re.compile(f"{_FLAG}|{_KEYCAP}|{_TAGGED_FLAG}|{_ELEMENT}(?:\u200d{_ELEMENT})*")


def is_emoji(text: str) -> bool:
    """Return whether a text is one emoji."""
    return len(text) <= LONGEST and _EMOJI.fullmatch(text) is not None
