"""The settings of a device from the factory, and the configuration that it gets with its identity."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from cdp_device.gathering import LONGEST_GATHERING, read_limits
from cdp_device.topics import TopicSpace


class Settings(BaseModel):
    """The settings of a device, usually a JSON file.

    Attributes:
        endpoint: Host of the fleet's MQTT endpoint (``aws iot describe-endpoint --endpoint-type iot:Data-ATS``).
        port: 8883, or 443 where only that is open.
        ca_file: The CA of the server: Amazon Root CA 1, PEM.
        claim_file: Claim certificate and its key in one PEM file; only read while there is no identity.
        template: Name of the fleet's provisioning template.
        serial_number: What the allow-list knows the device by; it becomes the thing's name and the client id.
        state_folder: Keeps identity and unsent messages; made readable for its owner only.
        interval_seconds: Seconds between measurements until the shadow asks for others, 0.05 to 86,400.
        most_unsent: Messages that are kept while there is no connection; then the oldest are dropped.
        gather_bytes: What a message with several measurements has at most, 1,000 to 100,000. AWS IoT counts in parts
            of 5 KB (5,120 bytes), to which the rule adds some: 20,000 are four of them.
        catch_up_seconds: How long a device that gathers waits at most, 0 to 3,600, before it sends what an outage
            made late. Each waits for a random part of it, so that a fleet does not send all at once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str
    port: Annotated[int, Field(ge=1, le=65535)] = 8883
    ca_file: Path
    claim_file: Path
    template: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,36}$")]
    serial_number: Annotated[str, Field(pattern=r"^[A-Za-z0-9:_-]{1,122}$")]
    state_folder: Path
    interval_seconds: Annotated[float, Field(ge=0.05, le=86_400)] = 60
    most_unsent: Annotated[int, Field(ge=1)] = 10_000
    gather_bytes: Annotated[int, Field(ge=1_000, le=100_000)] = 20_000
    catch_up_seconds: Annotated[float, Field(ge=0, le=3_600)] = 180

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a JSON file.

        Raises:
            pydantic.ValidationError: naming each setting that is missing, unknown or wrong.
        """
        return cls.model_validate_json(file.read_text())


class Configuration(BaseModel):
    """What a device gets with its identity.

    Attributes:
        app: Application level of its topics.
        context: Its site or group.
        kind: What the device is.
        template: The template to renew the certificate by.
        renew_after_days: Age at which it renews the certificate.
        ingest: Rule that takes the messages of a type straight from the device (Basic Ingest); ``*`` for every other
            type. Without one they are published to their topic.
        gather_seconds: How long a measurement waits for others to be sent with, at most; 0 sends each at once.
        limits: What is sent at once when it is crossed or recovers, such as ``temperature>35/33,humidity<20/25``: the
            limit, and where it recovers.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    app: str
    context: str
    kind: str
    template: str
    renew_after_days: Annotated[float, Field(gt=0)]
    ingest: dict[str, str] = {}
    gather_seconds: Annotated[float, Field(ge=0, le=LONGEST_GATHERING)] = 0
    limits: str = ""

    @field_validator("ingest", mode="before")
    @classmethod
    def _parse(cls, value: object) -> object:
        """Read ``type=rule,type=rule``: a provisioning template has text values only."""
        if not isinstance(value, str):
            return value
        return dict(part.split("=", 1) for part in value.split(",") if part)

    @field_validator("limits")
    @classmethod
    def _are_limits(cls, text: str) -> str:
        read_limits(text)
        return text

    def topics(self) -> TopicSpace:
        """Return the topics of the application."""
        return TopicSpace(self.app)

    def telemetry_topic(self, thing: str, kind: str) -> str:
        """Return where a message of a type is published."""
        topic = self.topics().telemetry(self.context, thing, kind)
        rule = self.ingest.get(kind) or self.ingest.get("*")
        return f"$aws/rules/{rule}/{topic}" if rule else topic
