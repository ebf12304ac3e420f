"""The IoT system's configuration: the key ``iot`` of the CDK context, checked before anything is built."""

import re
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cdp_constructs.core.tables import check_capacity
from cdp_constructs.core.validation import InvalidOptionError, check_range
from cdp_constructs.operations.configuration import (
    ConfigurationError,
    SystemConfiguration,
    check_address,
    check_form,
    check_page_address,
    check_region,
)
from cdp_constructs.operations.placeholders import Placeholder, placeholders_in
from stacks.iot.scale.fleet import FOR_A_LARGE_FLEET, GATHER_MINUTES, LARGE_FLEET, BatchSource, Fleet, shards

__all__ = ["MEASURES", "ConfigurationError", "IotConfiguration", "Threshold"]

KEY = "iot"
# So many need the shards that a Region has by default.
_MOST_DEVICES = 200_000_000
_KINESIS_QUOTAS = "https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"

# Each has two alarms, and the rule of the composite alarm that names all of them has at most 10,240 characters:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
MOST_SITE_OPERATORS = 6

MEASURES = ("temperature", "humidity", "movement", "illuminance")
"""What hygrometers (°C, %) and chairs (0 to 1, lux) measure."""


class Threshold(BaseModel):
    """A limit of a measure, whose crossing is an alert and may switch something."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    name: str
    """Such as ``TooHot``; it names alerts and tickets."""
    measure: str
    above: float | None = None
    """The limit that must not be exceeded; or"""
    below: float | None = None
    """the limit that must not be fallen short of."""
    recovers_at: float | None = None
    """Where the alert is over; by default at the limit. A distance prevents an alert for each variation around it."""
    switches: str | None = None
    """What the device has switched on while the threshold is crossed, such as ``humidifier``; by default nothing."""
    notifies: bool = True
    """Whether operators, the ticket function and the archive receive the alert; False for what only switches."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        option = f"thresholds.{self.name}"
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,39}", self.name):
            fix = "Use a name of letters and digits, such as TooHot"
            raise InvalidOptionError(KEY, "thresholds", f"contains the name {self.name!r}", fix)
        if self.measure not in MEASURES:
            fix = f"Use one of {', '.join(MEASURES)}"
            raise InvalidOptionError(KEY, f"{option}.measure", f"is {self.measure!r}", fix)
        if (self.above is None) == (self.below is None):
            problem = "is missing, as is above" if self.above is None else "was given together with above"
            raise InvalidOptionError(KEY, f"{option}.below", problem, "Give one of them")
        limit, side = (self.above, "below") if self.above is not None else (self.below, "above")
        over = self.recovers_at
        wrong = over is not None and limit is not None and (over > limit if side == "below" else over < limit)
        if wrong:
            fix = f"Use {limit:g} or a value {side} it"
            raise InvalidOptionError(KEY, f"{option}.recovers_at", f"is {over:g}", fix)
        if self.switches is not None and not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", self.switches):
            fix = "Use the name of a switch, such as humidifier"
            raise InvalidOptionError(KEY, f"{option}.switches", f"is {self.switches!r}", fix)
        if not self.notifies and self.switches is None:
            problem = "is False and nothing is given as switches"
            raise InvalidOptionError(KEY, f"{option}.notifies", problem, "Leave it out, or name a switch")
        return self


_THRESHOLDS = (
    Threshold(name="TooHot", measure="temperature", above=35, recovers_at=33),
    Threshold(name="TooDry", measure="humidity", below=20, recovers_at=25, switches="humidifier"),
    Threshold(name="TooDark", measure="illuminance", below=50, recovers_at=80),
    Threshold(name="Occupied", measure="movement", above=0.5, recovers_at=0.2, switches="lamp", notifies=False),
)


class Capacity(BaseModel):
    """Provisioned capacity of the speed layer's table; auto scaling keeps it 70 % used within these bounds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    min_writes: int
    max_writes: int
    min_reads: int
    max_reads: int

    @model_validator(mode="after")
    def _is_a_capacity(self) -> Self:
        check_capacity(KEY, self.model_dump(), prefix="table_capacity.")
        return self


class IotConfiguration(SystemConfiguration):
    """What an operator decides about the IoT system."""

    KEY: ClassVar[str] = KEY
    EXAMPLE: ClassVar[str] = '{"region": …}'

    region: str = "ap-northeast-1"
    """Where it runs."""
    sites: tuple[str, ...] = Field(default=("home", "factory"), strict=False)
    """Where devices are; each has a group, a level of the topics and broadcasts of its own."""
    site_operators: tuple[str, ...] | None = Field(default=None, strict=False)
    """Sites whose operators have a queue of their own for what their devices report; by default all, at most 6."""
    thresholds: tuple[Threshold, ...] = Field(default=_THRESHOLDS, strict=False)
    """What raises alerts."""
    account_settings: bool = True
    """Whether to add what AWS IoT has once per account and Region: logging, audits, index. False where it exists."""
    claim_certificate_arns: tuple[str, ...] = Field(default=(), strict=False)
    """Registered certificates whose holders may ask for identities, one for each production line."""
    tracker_url: str | None = None
    """API of an issue tracker that keeps the tickets, ``https://…``; by default a table keeps them."""
    backlog_url: str | None = None
    """Space of Backlog, ``https://example.backlog.com``, whose issues may ask devices something; by default none."""
    fleet_size: int | None = None
    """How many devices there are or will be. From 50,000 on what is not given is chosen for a large fleet that measures
    about once a minute: ``gather_minutes`` 10, no ``speed_windows``, ``firehose_reads_stream``, and ``stream_shards``
    that take an hour's outage within minutes. By default nothing is chosen by it."""
    gather_minutes: int = 0
    """How long devices gather measurements that cross no threshold, 1 to 60 minutes: the latest state is as old. 0
    sends each measurement at once."""
    speed_windows: bool = True
    """Whether the speed layer keeps windows beside the latest state. False for 50,000 devices and more that measure
    about once a minute: minutes are then known after the next load."""
    speed_window_minutes: int | None = None
    """How long these windows are, 1 to 60 minutes that divide an hour: longer ones are fewer writes where devices
    gather. By default a minute. Given with a large ``fleet_size`` it also keeps windows."""
    firehose_reads_stream: bool = False
    """Whether Firehose reads the stream of the speed layer, instead of an action of the rules: for 50,000 devices and
    more. A publish is a request of Firehose otherwise, which takes 2,000 a second."""
    stream_shards: int | None = None
    """Shards of the speed layer's stream, 1 to 20,000; by default it scales on demand."""
    table_capacity: Capacity | None = None
    """Provisioned capacity of the speed layer's table; by default it is on demand."""
    warehouse_capacity: int | None = None
    """RPU of a warehouse (Redshift Serverless) with all measurements, 8 to 512 in steps of 8; by default no warehouse,
    because the smallest costs $2,190 a month."""
    operator_email: str | None = "operators@iot.example.com"
    """Receives the alerts of devices, after confirming one mail; ``null`` for nobody. The operators' queue has them in
    any case."""
    alarm_email: str | None = "operators@iot.example.com"
    """Receives the alarms of the system itself, after confirming one mail; ``null`` for nobody."""
    runbook_base_url: str | None = None
    """Where the pages of ``docs/runbooks/iot`` are published, such as ``https://wiki.example.com/runbooks/iot``: alarms
    then link to their pages. By default they name the path in the repository."""

    @model_validator(mode="before")
    @classmethod
    def _choose_by_size(cls, given: Any) -> Any:
        """Choose what is not given by the size of the fleet; what is no size is refused later."""
        size = given.get("fleet_size") if isinstance(given, dict) else None
        if type(size) is not int or not LARGE_FLEET <= size <= _MOST_DEVICES:
            return given
        needed = shards(Fleet(devices=size), FOR_A_LARGE_FLEET)
        chosen = {
            "gather_minutes": GATHER_MINUTES,
            "speed_windows": FOR_A_LARGE_FLEET.windows or given.get("speed_window_minutes") is not None,
            "firehose_reads_stream": FOR_A_LARGE_FLEET.batch_source is BatchSource.STREAM,
            "stream_shards": needed,
        }
        return {**chosen, **given}

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The addresses that nobody owns."""
        addresses = {
            "operator_email": (self.operator_email, "Set the address that receives alerts of devices, or null"),
            "alarm_email": (self.alarm_email, "Set the address that receives alarms of the system, or null"),
        }
        return placeholders_in(KEY, addresses)

    @field_validator("region")
    @classmethod
    def _is_a_region(cls, region: str) -> str:
        return check_region(KEY, "region", region, verb="is")

    @field_validator("sites")
    @classmethod
    def _are_levels(cls, sites: tuple[str, ...]) -> tuple[str, ...]:
        if not sites:
            raise InvalidOptionError(KEY, "sites", "is empty", 'Name at least one, such as ["home", "factory"]')
        for site in sites:
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", site) or site == "all" or sites.count(site) > 1:
                fix = "Use each name once: 1 to 64 letters, digits, _ and -, other than 'all'"
                raise InvalidOptionError(KEY, "sites", f"contains {site!r}", fix)
        return sites

    @model_validator(mode="after")
    def _operators_are_of_sites(self) -> Self:
        for site in self.operated_sites:
            if site not in self.sites or self.operated_sites.count(site) > 1:
                fix = f"Use each of {', '.join(self.sites)} at most once"
                raise InvalidOptionError(KEY, "site_operators", f"contains {site!r}", fix)
        if len(self.operated_sites) > MOST_SITE_OPERATORS:
            fix = f"Name at most {MOST_SITE_OPERATORS} in site_operators"
            raise InvalidOptionError(KEY, "site_operators", f"has {len(self.operated_sites)} sites", fix)
        return self

    @property
    def operated_sites(self) -> tuple[str, ...]:
        """The sites whose operators have a queue of their own."""
        return self.sites if self.site_operators is None else self.site_operators

    @field_validator("thresholds")
    @classmethod
    def _have_names_of_their_own(cls, thresholds: tuple[Threshold, ...]) -> tuple[Threshold, ...]:
        names = [threshold.name for threshold in thresholds]
        for name in names:
            if names.count(name) > 1:
                fix = "Give each a name of its own"
                raise InvalidOptionError(KEY, "thresholds", f"contains {name!r} twice", fix)
        switches = [threshold.switches for threshold in thresholds if threshold.switches is not None]
        for switch in switches:
            if switches.count(switch) > 1:
                fix = "Name it in one of them: the other would switch it off again"
                raise InvalidOptionError(KEY, "thresholds", f"contains {switch!r} twice in switches", fix)
        return thresholds

    @field_validator("claim_certificate_arns")
    @classmethod
    def _are_certificates(cls, arns: tuple[str, ...]) -> tuple[str, ...]:
        for arn in arns:
            if not re.fullmatch(r"arn:aws:iot:[a-z0-9-]+:\d{12}:cert/[0-9a-f]+", arn):
                fix = "Use the ARN of a registered certificate, arn:aws:iot:<region>:<account>:cert/<id>"
                raise InvalidOptionError(KEY, "claim_certificate_arns", f"contains {arn!r}", fix)
        return arns

    @field_validator("tracker_url")
    @classmethod
    def _is_encrypted(cls, url: str | None) -> str | None:
        fix = "Use an address such as https://tracker.example.com/api"
        return check_form(KEY, "tracker_url", url, r"https://[A-Za-z0-9.-]+(:\d+)?(/[^\s?#]*)?", fix)

    @field_validator("backlog_url")
    @classmethod
    def _is_a_space(cls, url: str | None) -> str | None:
        fix = "Use the address of a space, such as https://example.backlog.com"
        return check_form(KEY, "backlog_url", url, r"https://[A-Za-z0-9.-]+(:\d+)?", fix)

    @field_validator("warehouse_capacity")
    @classmethod
    def _is_a_capacity(cls, capacity: int | None) -> int | None:
        if capacity is not None and (capacity % 8 or not 8 <= capacity <= 512):  # noqa: PLR2004 - Redshift's limits
            fix = "Use 8 to 512 RPU, a multiple of 8, or leave it out"
            raise InvalidOptionError(KEY, "warehouse_capacity", f"is {capacity}", fix)
        return capacity

    @field_validator("fleet_size")
    @classmethod
    def _is_a_size(cls, size: int | None) -> int | None:
        if size is not None:
            check_range(KEY, "fleet_size", size, low=1, high=_MOST_DEVICES, unit="devices", source=_KINESIS_QUOTAS)
        return size

    @field_validator("gather_minutes")
    @classmethod
    def _is_a_time_to_gather(cls, minutes: int) -> int:
        source = "an hour of measurements still fits into a few messages"
        check_range(KEY, "gather_minutes", minutes, low=0, high=60, unit="minutes", source=source)
        return minutes

    @model_validator(mode="after")
    def _windows_are_long_enough(self) -> Self:
        length = self.speed_window_minutes
        if length is not None and not self.speed_windows:
            fix = "Leave it out, or set speed_windows to true"
            raise InvalidOptionError(KEY, "speed_window_minutes", "was given together with speed_windows false", fix)
        if length is not None and (length < 1 or 60 % length):
            fix = "Use 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 minutes"
            raise InvalidOptionError(KEY, "speed_window_minutes", f"is {length}", fix)
        return self

    @field_validator("stream_shards")
    @classmethod
    def _is_a_number_of_shards(cls, shards: int | None) -> int | None:
        if shards is not None:
            check_range(KEY, "stream_shards", shards, low=1, high=20_000, unit="shards", source=_KINESIS_QUOTAS)
        return shards

    @field_validator("operator_email")
    @classmethod
    def _is_an_operator(cls, address: str | None) -> str | None:
        return check_address(KEY, "operator_email", address)

    @field_validator("runbook_base_url")
    @classmethod
    def _is_a_page_address(cls, address: str | None) -> str | None:
        return check_page_address(KEY, "runbook_base_url", address)

    @field_validator("alarm_email")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        return check_address(KEY, "alarm_email", address)
