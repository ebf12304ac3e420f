"""Events as CloudEvents 1.0 in JSON (https://github.com/cloudevents/spec), checked when they are written and read."""

from datetime import UTC, datetime
from typing import Literal, Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from .events import Data, model_of

__all__ = ["Envelope", "UnknownEventError"]


class UnknownEventError(ValueError):
    """The event is of a type that this service has no model of."""


class _Attributes(BaseModel):
    """What every event has; a reader ignores what it does not know."""

    # What a message says stays out of logs.
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=200)
    type: str = Field(min_length=1, max_length=200)
    subject: str = Field(min_length=1, max_length=200)
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    """Names the version that wrote it, such as ``urn:events:orders.order-placed:1.1``."""
    traceparent: str | None = None
    """The extension for distributed tracing."""


class _AnyEvent(_Attributes):
    data: dict[str, object]


class Envelope(_Attributes):
    """An event with its data."""

    data: Data

    @classmethod
    def of(cls, data: Data, *, subject: str, traceparent: str | None = None) -> Self:
        """Return a new event.

        Args:
            data: What happened.
            subject: The order that it is about.
            traceparent: Of what caused it.
        """
        return cls(
            id=str(uuid4()),
            source=f"/{data.service()}",
            type=data.TYPE,
            subject=subject,
            time=datetime.now(UTC),
            dataschema=f"urn:events:{data.TYPE.rpartition('.v')[0]}:{data.VERSION}",
            traceparent=traceparent,
            data=data,
        )

    @classmethod
    def read(cls, body: str) -> Self:
        """Return the event of a message. Its data may have been written by an older or a newer version.

        Raises:
            UnknownEventError: for a type without a model.
            pydantic.ValidationError: for what is no event.
        """
        found = _AnyEvent.model_validate_json(body)
        model = model_of(found.type)
        if model is None:
            raise UnknownEventError(found.type[:100])
        attributes = found.model_dump(exclude={"data"})
        return cls(**attributes, data=model.model_validate(found.data))

    def to_json(self) -> str:
        """Return the message."""
        document = self.model_dump(mode="json", exclude={"data"}, exclude_none=True)
        # As its own class has it: the field knows the base class only.
        return _AnyEvent(**document, data=self.data.model_dump(mode="json")).model_dump_json(exclude_none=True)

    @property
    def identity(self) -> str:
        """What names the event everywhere: two with the same source and id are one (CloudEvents 1.0)."""
        return f"{self.source}/{self.id}"
