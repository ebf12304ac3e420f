"""The events. A version 1.x may add fields with defaults; what an old reader could not read is a new type, ``….v2``."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Data",
    "OrderCancelled",
    "OrderConfirmed",
    "OrderPlaced",
    "PaymentCaptured",
    "PaymentRefunded",
    "PaymentRefused",
    "ShipmentPrepared",
    "ShipmentRefused",
    "model_of",
]


class Data(BaseModel):
    """What happened. A reader ignores fields that it does not know."""

    # What a message says stays out of logs.
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    TYPE: ClassVar[str] = ""
    VERSION: ClassVar[str] = "1.0"

    order: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")

    @classmethod
    def service(cls) -> str:
        """Return the service that publishes it."""
        return cls.TYPE.partition(".")[0]


class _Goods(Data):
    sku: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")
    quantity: int = Field(ge=1, le=1000)
    total: int = Field(ge=0, le=10**9)
    """In cents."""


class OrderPlaced(_Goods):
    """A customer ordered something."""

    TYPE: ClassVar[str] = "orders.order-placed.v1"
    VERSION: ClassVar[str] = "1.1"

    customer: str = Field(min_length=1, max_length=64)
    note: str = Field(default="", max_length=200)
    """Since 1.1: what the customer wrote for the warehouse."""


class PaymentCaptured(_Goods):
    """The order was paid. It says what is to be shipped: shipping asks nobody."""

    TYPE: ClassVar[str] = "billing.payment-captured.v1"


class PaymentRefused(Data):
    """The order cannot be paid."""

    TYPE: ClassVar[str] = "billing.payment-refused.v1"
    reason: str = Field(max_length=200)


class PaymentRefunded(Data):
    """What was paid was given back."""

    TYPE: ClassVar[str] = "billing.payment-refunded.v1"
    reason: str = Field(max_length=200)


class ShipmentPrepared(Data):
    """The goods are taken from the stock."""

    TYPE: ClassVar[str] = "shipping.shipment-prepared.v1"


class ShipmentRefused(Data):
    """There are not enough goods."""

    TYPE: ClassVar[str] = "shipping.shipment-refused.v1"
    reason: str = Field(max_length=200)


class OrderConfirmed(Data):
    """The order is paid and on its way."""

    TYPE: ClassVar[str] = "orders.order-confirmed.v1"


class OrderCancelled(Data):
    """The order came to nothing, and nothing of it is left."""

    TYPE: ClassVar[str] = "orders.order-cancelled.v1"
    reason: str = Field(max_length=200)


_MODELS: dict[str, type[Data]] = {
    model.TYPE: model
    for model in (
        OrderPlaced,
        OrderConfirmed,
        OrderCancelled,
        PaymentCaptured,
        PaymentRefused,
        PaymentRefunded,
        ShipmentPrepared,
        ShipmentRefused,
    )
}


def model_of(event_type: str) -> type[Data] | None:
    """Return the model of a type of events, None for one that this version of the contracts does not know."""
    return _MODELS.get(event_type)
