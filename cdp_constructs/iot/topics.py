"""The grammar of MQTT topics, for constructs and for devices: this module needs nothing but Python.

    dt/<app>/<context>/<thing>/<type>           telemetry of a device
    cmd/<app>/<context>/<thing>/req             a command for a device
    cmd/<app>/<context>/<thing>/res             the device's response

``context`` is the site or group of a device. ``all`` stands for every thing of a context, or every context. The form is
the one of AWS's guide to topic design:
https://docs.aws.amazon.com/whitepapers/latest/designing-mqtt-topics-aws-iot-core/mqtt-design-best-practices.html
"""

import re
from dataclasses import dataclass

__all__ = ["InvalidTopicError", "TopicSpace"]

EVERYONE = "all"
"""In the place of a thing: every thing of the context. In the place of a context: every context of the application."""

CONTEXT_LEVEL, THING_LEVEL, TYPE_LEVEL = "topic(3)", "topic(4)", "topic(5)"
"""The functions of AWS IoT SQL that return these levels of a message's topic."""
SENDER_FIELDS = f"{CONTEXT_LEVEL} AS context, {THING_LEVEL} AS thing"
"""What a rule selects last, so that a payload cannot name another thing: who published the message."""
TELEMETRY_FIELDS = f"{SENDER_FIELDS}, {TYPE_LEVEL} AS type"
"""What a rule selects last from telemetry: who published the message, and its type."""
TRACE_FIELD = "replace(traceid(), '-', '') AS trace_id"
"""What a rule selects so that a message can be followed: the id that AWS IoT gave it, 32 hexadecimal digits."""
BY_THING = f"${{{THING_LEVEL}}}"
"""The substitution template of a partition key that keeps the order of each thing's messages."""

_QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/iot-core.html"
_MOST_SLASHES = 7
_MOST_BYTES = 256
_LEVEL = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Thing names may also have colons: https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html
_THING = re.compile(r"[A-Za-z0-9:_-]{1,128}")
_CHARACTERS = re.compile(r"[A-Za-z0-9:_/-]*")
_NO_TEXT = re.compile(r"[\0\ud800-\udfff]")
# The mandatory segments of a reserved topic: three.
_RESERVED = re.compile(r"\$[^/]*/[^/]*/[^/]*/?")


class InvalidTopicError(ValueError):
    """A topic, a topic filter or a level breaks the grammar or a limit of AWS IoT: what, the value and the fix."""


def check_topic(topic: str) -> str:
    """Return a topic that can be published to.

    Raises:
        InvalidTopicError: for wildcards, reserved topics, other characters than letters, digits, ``:_-``, empty levels,
            more than 7 slashes or 256 bytes.
    """
    if "+" in topic or "#" in topic:
        raise InvalidTopicError(f"topic {topic!r} has wildcards; publish to one topic, wildcards are for filters")
    return _check(topic, topic)


def check_mqtt_filter(topic_filter: str) -> str:
    """Return a topic filter of any application that AWS IoT takes: MQTT's rules and the limits of AWS IoT.

    Raises:
        InvalidTopicError: for none, ``#`` before the end, wildcards beside other characters in a level, NUL, more than
            7 slashes or 256 bytes.
    """
    if not topic_filter or _NO_TEXT.search(topic_filter):
        raise InvalidTopicError(f"filter {topic_filter!r} is empty, or no text in UTF-8 without NUL; name the topics")
    if topic_filter.startswith("$") and not topic_filter.startswith("$aws/"):
        raise InvalidTopicError(f"filter {topic_filter!r} is reserved; AWS IoT's own topics begin with $aws/")
    levels = topic_filter.split("/")
    for position, level in enumerate(levels):
        if "#" in level and (level != "#" or position != len(levels) - 1):
            raise InvalidTopicError(
                f"filter {topic_filter!r} has # before its end; # is a whole level and the last one"
            )
        if "+" in level and level != "+":
            raise InvalidTopicError(f"filter {topic_filter!r} has + inside a level; + stands for a whole level")
    return _check_size(topic_filter)


def check_filter(topic_filter: str) -> str:
    """Return a topic filter of this grammar that a rule or a client can subscribe to.

    Raises:
        InvalidTopicError: as for a topic, and for ``#`` before the end or wildcards beside other characters in a level.
    """
    check_mqtt_filter(topic_filter)
    return _check(topic_filter, topic_filter.replace("+", "x").replace("#", "x"))


def check_level(name: str, value: str) -> str:
    """Return a level of a topic, such as an application or a context.

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
    """Return the name of a thing; ``all`` is reserved.

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
    """The topics of one application: a value that constructs and devices build topics with.

        topics = TopicSpace("sensors")
        topics.telemetry("home", "A-0001", "climate")     # dt/sensors/home/A-0001/climate
        topics.telemetry_filter(kind="climate")           # dt/sensors/+/+/climate

    Attributes:
        app: The ``<app>`` level, 1 to 64 letters, digits, ``_`` and ``-``.

    Raises:
        InvalidTopicError: here and in the methods, for what AWS IoT would refuse or the grammar does not have.
    """

    app: str

    def __post_init__(self) -> None:
        check_level("app", self.app)

    def telemetry(self, context: str, thing: str, kind: str) -> str:
        """Return where a thing publishes telemetry of one type: ``dt/<app>/<context>/<thing>/<type>``."""
        levels = (check_level("context", context), check_thing(thing), check_level("type", kind))
        return check_topic(f"dt/{self.app}/{'/'.join(levels)}")

    def command(self, context: str, thing: str) -> str:
        """Return where one thing receives commands: ``cmd/<app>/<context>/<thing>/req``."""
        return check_topic(f"cmd/{self.app}/{check_level('context', context)}/{check_thing(thing)}/req")

    def response(self, context: str, thing: str) -> str:
        """Return where a thing responds to commands: ``cmd/<app>/<context>/<thing>/res``."""
        return check_topic(f"cmd/{self.app}/{check_level('context', context)}/{check_thing(thing)}/res")

    def broadcast(self, context: str = EVERYONE) -> str:
        """Return where every thing of one or all contexts receives commands: ``cmd/<app>/<context>/all/req``."""
        return check_topic(f"cmd/{self.app}/{check_level('context', context)}/{EVERYONE}/req")

    def telemetry_filter(self, *, context: str = "+", thing: str = "+", kind: str = "+") -> str:
        """Return the filter of telemetry: of every context, thing and type unless one is named."""
        return check_filter(f"dt/{self.app}/{context}/{thing}/{kind}")

    def response_filter(self, *, context: str = "+", thing: str = "+") -> str:
        """Return the filter of responses to commands."""
        return check_filter(f"cmd/{self.app}/{context}/{thing}/res")


def _check(topic: str, concrete: str) -> str:
    if topic.startswith("$"):
        raise InvalidTopicError(f"topic {topic!r} is reserved; leave the $ out, which begins topics of AWS")
    if topic.startswith("/"):
        raise InvalidTopicError(f"topic {topic!r} begins with a slash, which makes an empty level; leave the slash out")
    if not all(concrete.split("/")):
        raise InvalidTopicError(f"topic {topic!r} has an empty level; give every level a name")
    if not _CHARACTERS.fullmatch(concrete):
        raise InvalidTopicError(f"topic {topic!r} has other characters than letters, digits, :, _ and -; replace them")
    return _check_size(topic)


def _check_size(topic: str) -> str:
    # What a reserved topic begins with is not counted: https://docs.aws.amazon.com/general/latest/gr/iot-core.html
    slashes = (_RESERVED.sub("", topic, count=1) if topic.startswith("$") else topic).count("/")
    if slashes > _MOST_SLASHES:
        raise InvalidTopicError(f"topic {topic!r} has {slashes} slashes; use at most {_MOST_SLASHES} ({_QUOTAS})")
    if len(topic.encode()) > _MOST_BYTES:
        raise InvalidTopicError(
            f"topic {topic!r} has {len(topic.encode())} bytes; use at most {_MOST_BYTES} ({_QUOTAS})"
        )
    return topic
