"""The boards' configuration: the key ``dojo`` of the CDK context, checked before anything is built."""

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.operations.configuration import (
    ConfigurationError,
    SystemConfiguration,
    check_address,
    check_form,
    check_region,
)
from cdp_constructs.operations.placeholders import Placeholder, placeholders_in

__all__ = ["BOARDS", "ConfigurationError", "DojoConfiguration"]

KEY = "dojo"
BOARDS = {
    "double_hawks": "DoubleHawks",
    "after_6": "After6",
    "disconnect": "Disconnect",
    "elasticache": "ElastiCache",
    "umin_chat": "UminChat",
    "anonymous": "Anonymous",
    "ichinensei": "Ichinensei",
    "sketch_book": "SketchBook",
    "browser_only": "BrowserOnly",
    "common_board": "CommonBoard",
}
"""The boards by their folder, with the name of their stack."""
_DOMAIN = "dojo.example.com"
_OF_BEANSTALK = {
    "beanstalk_platform_version": (
        "[0-9]+[.][0-9]+[.][0-9]+",
        "Use one that `aws elasticbeanstalk list-available-solution-stacks` has, such as 4.13.9",
    ),
    "beanstalk_instance_type": (
        "[a-z]+[0-9]+g[a-z]*[.][a-z0-9]+",
        "Use a type with a Graviton processor, such as t4g.small or c7g.xlarge",
    ),
}
"""The form of options for Elastic Beanstalk, and what to write."""


class DojoConfiguration(SystemConfiguration):
    """What an operator decides about the boards; it is the same for all of them."""

    KEY: ClassVar[str] = KEY
    EXAMPLE: ClassVar[str] = '{"boards": […]}'

    boards: tuple[str, ...] = Field(default=tuple(BOARDS), strict=False)
    """Which boards are built."""
    region: str = "ap-northeast-1"
    """Where they run; D7 is in us-west-2."""
    hosted_zone_id: str = "Z00000PLACEHOLDER"
    """Id of the public Route 53 hosted zone that holds the names of the boards."""
    hosted_zone_name: str = _DOMAIN
    """Name of that zone. A board is reached at its own name in it, such as ``after-6.dojo.example.com``."""
    alarm_email: str | None = f"operators@{_DOMAIN}"
    """Receives the alarms, after confirming one mail from each board; ``null`` for nobody."""
    push_services: tuple[str, ...] | None = Field(default=None, strict=False)
    """Hosts of the push services that browsers may name; by default those of the browsers' makers."""
    ichinensei_platform: Literal["fargate", "elastic_beanstalk"] = "fargate"
    """What runs the servers of D7. The embedded cloud runs ``fargate``."""
    beanstalk_platform_version: str = "4.13.9"
    """Version of the platform Docker on Amazon Linux 2023, with ``elastic_beanstalk``; new accounts get the latest only
    (https://docs.aws.amazon.com/elasticbeanstalk/latest/platforms/platforms-supported.html)."""
    beanstalk_instance_type: str = "t4g.small"
    """Type of the instances, with ``elastic_beanstalk``: one with a Graviton processor. Another one replaces them."""

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The names that nobody owns."""
        names = {
            "hosted_zone_id": (self.hosted_zone_id, "Set the id of a public hosted zone of yours"),
            "hosted_zone_name": (self.hosted_zone_name, "Set the name of that zone"),
            "alarm_email": (self.alarm_email, "Set the address that receives alarms, or null"),
        }
        return placeholders_in(KEY, names)

    def domain_name(self, board: str) -> str:
        """Return the name at which people reach a board."""
        return f"{board.replace('_', '-')}.{self.hosted_zone_name}"

    @field_validator("boards")
    @classmethod
    def _are_boards(cls, boards: tuple[str, ...]) -> tuple[str, ...]:
        if not boards:
            raise InvalidOptionError(KEY, "boards", "is empty", f"Name at least one of {', '.join(BOARDS)}")
        for board in boards:
            if board not in BOARDS or boards.count(board) > 1:
                raise InvalidOptionError(KEY, "boards", f"contains {board!r}", f"Use each of {', '.join(BOARDS)} once")
        return boards

    @field_validator("region")
    @classmethod
    def _is_a_region(cls, region: str) -> str:
        return check_region(KEY, "region", region, verb="is")

    @field_validator("hosted_zone_name")
    @classmethod
    def _is_a_domain(cls, name: str) -> str:
        label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
        fix = "Use the name of a zone, such as dojo.example.com"
        check_form(KEY, "hosted_zone_name", name, rf"(?=.{{1,200}}$)({label}\.)+[a-z]{{2,63}}", fix)
        return name

    @field_validator(*_OF_BEANSTALK)
    @classmethod
    def _is_one_of_beanstalk(cls, value: str, info: ValidationInfo) -> str:
        option = str(info.field_name)
        check_form(KEY, option, value, *_OF_BEANSTALK[option])
        return value

    @field_validator("alarm_email")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        return check_address(KEY, "alarm_email", address)
