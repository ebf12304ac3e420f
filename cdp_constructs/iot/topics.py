"""One grammar for every MQTT topic, for constructs and for devices: this module needs nothing but Python.

    dt/<app>/<context>/<thing>/<type>           a device tells (telemetry)
    cmd/<app>/<context>/<thing>/req             a device is told (command)
    cmd/<app>/<context>/<thing>/res             what became of it

``context`` is the site or group of a device. ``all`` stands for every thing of a context, or every context. Rules name
the levels as ``topic(3)`` to ``topic(5)``. The form is the one of AWS's guide to topic design:
https://docs.aws.amazon.com/whitepapers/latest/designing-mqtt-topics-aws-iot-core/mqtt-design-best-practices.html
"""

import re
from dataclasses import dataclass

__all__ = ["InvalidTopicError", "TopicSpace"]

EVERYONE = "all"
"""In the place of a thing: every thing of the context. In the place of a context: every context of the application."""
CONTEXT_LEVEL, THING_LEVEL, TYPE_LEVEL = 3, 4, 5

_QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/iot-core.html"
_MOST_SLASHES = 7
_MOST_BYTES = 256
_LEVEL = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Thing names may also have colons: https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html
_THING = re.compile(r"[A-Za-z0-9:_-]{1,128}")
_CHARACTERS = re.compile(r"[A-Za-z0-9:_/-]*")


class InvalidTopicError(ValueError):
    """A topic, a filter or a level of one breaks the grammar or a limit of AWS IoT: what, the value and the fix."""


def check_topic(topic: str) -> str:
    """Return a topic that can be published to, or refuse it.

    Raises:
        InvalidTopicError: for wildcards, reserved topics, other characters than letters, digits, ``:_-``, empty levels,
            more than 7 slashes or 256 bytes.
    """
    if "+" in topic or "#" in topic:
        raise InvalidTopicError(f"topic {topic!r} has wildcards; publish to one topic, wildcards are for filters")
    return _check(topic, topic)


def check_filter(topic_filter: str) -> str:
    """Return a filter that a rule or a client can subscribe to, or refuse it.

    Raises:
        InvalidTopicError: as for a topic, and for ``#`` before the end or wildcards beside other characters in a level.
    """
    levels = topic_filter.split("/")
    for position, level in enumerate(levels):
        if "#" in level and (level != "#" or position != len(levels) - 1):
            raise InvalidTopicError(
                f"filter {topic_filter!r} has # before its end; # is a whole level and the last one"
            )
        if "+" in level and level != "+":
            raise InvalidTopicError(f"filter {topic_filter!r} has + inside a level; + stands for a whole level")
    return _check(topic_filter, topic_filter.replace("+", "x").replace("#", "x"))


def check_level(name: str, value: str) -> str:
    """Return a level of a topic, such as an application or a context, or refuse it.

    Args:
        name: What the level is called, for the message.
        value: 1 to 64 letters, digits, ``_`` and ``-``.

    Raises:
        InvalidTopicError: for anything else.
    """
    if not _LEVEL.fullmatch(value):
        raise InvalidTopicError(f"{name} is {value!r}; use 1 to 64 letters, digits, _ and -")
    return value


def check_thing(value: str) -> str:
    """Return a thing's name, or refuse it; ``all`` is everyone's.

    Raises:
        InvalidTopicError: for a name that AWS IoT would refuse as a thing's, and for ``all``.
    """
    if not _THING.fullmatch(value) or value == EVERYONE:
        raise InvalidTopicError(
            f"thing is {value!r}; use 1 to 128 letters, digits, :, _ and -, other than {EVERYONE!r}"
        )
    return value


@dataclass(frozen=True)
class TopicSpace:
    """The topics of one application.

    Attributes:
        app: The ``<app>`` level, 1 to 64 letters, digits, ``_`` and ``-``.

    Raises:
        InvalidTopicError: here and in the methods, for what AWS IoT would refuse or the grammar does not have.
    """

    app: str

    def __post_init__(self) -> None:
        check_level("app", self.app)

    def telemetry(self, context: str, thing: str, kind: str) -> str:
        """Return where a thing tells its measurements of one type: ``dt/<app>/<context>/<thing>/<type>``."""
        levels = (check_level("context", context), check_thing(thing), check_level("type", kind))
        return check_topic(f"dt/{self.app}/{'/'.join(levels)}")

    def command(self, context: str, thing: str) -> str:
        """Return where one thing takes commands: ``cmd/<app>/<context>/<thing>/req``."""
        return check_topic(f"cmd/{self.app}/{check_level('context', context)}/{check_thing(thing)}/req")

    def response(self, context: str, thing: str) -> str:
        """Return where a thing says what became of a command: ``cmd/<app>/<context>/<thing>/res``."""
        return check_topic(f"cmd/{self.app}/{check_level('context', context)}/{check_thing(thing)}/res")

    def broadcast(self, context: str = EVERYONE) -> str:
        """Return where a whole context, or everyone, takes commands: ``cmd/<app>/<context>/all/req``."""
        return check_topic(f"cmd/{self.app}/{check_level('context', context)}/{EVERYONE}/req")

    def telemetry_filter(self, *, context: str = "+", thing: str = "+", kind: str = "+") -> str:
        """Return the filter of measurements, of every context, thing and type unless one is named."""
        return check_filter(f"dt/{self.app}/{context}/{thing}/{kind}")

    def response_filter(self, *, context: str = "+", thing: str = "+") -> str:
        """Return the filter of what things say became of commands."""
        return check_filter(f"cmd/{self.app}/{context}/{thing}/res")


def _check(topic: str, concrete: str) -> str:
    if topic.startswith("$"):
        raise InvalidTopicError(f"topic {topic!r} is reserved; topics of an application do not begin with $")
    if topic.startswith("/"):
        raise InvalidTopicError(f"topic {topic!r} begins with a slash, which makes an empty level; leave the slash out")
    if not all(concrete.split("/")):
        raise InvalidTopicError(f"topic {topic!r} has an empty level; give every level a name")
    if not _CHARACTERS.fullmatch(concrete):
        raise InvalidTopicError(f"topic {topic!r} has other characters than letters, digits, :, _ and -; replace them")
    if topic.count("/") > _MOST_SLASHES:
        raise InvalidTopicError(
            f"topic {topic!r} has {topic.count('/')} slashes; AWS IoT takes {_MOST_SLASHES} ({_QUOTAS})"
        )
    if len(topic.encode()) > _MOST_BYTES:
        raise InvalidTopicError(
            f"topic {topic!r} has {len(topic.encode())} bytes; AWS IoT takes {_MOST_BYTES} ({_QUOTAS})"
        )
    return topic
