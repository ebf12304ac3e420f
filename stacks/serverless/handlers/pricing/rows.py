"""The form of a price list: each row is read by itself, so that a bad one costs only itself."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = ["PART", "NoRowError", "PriceList", "Row", "divided"]

PART = 250
"""Rows that one function writes."""
_SHOWN = 10

Supplier = Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")]
Version = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,80}$")]


class NoRowError(ValueError):
    """A list without a single row that could be read."""


class Row(BaseModel):
    """One article."""

    model_config = ConfigDict(extra="ignore")

    sku: str = Field(pattern="^[A-Za-z0-9._-]{1,40}$")
    name: str = Field(min_length=1, max_length=200)
    cents: int = Field(ge=1, le=100_000_000, strict=True)


class PriceList(BaseModel):
    """What a supplier sends."""

    model_config = ConfigDict(extra="ignore")

    supplier: Supplier
    rows: list[Any] = Field(min_length=1, max_length=50_000)
    traceparent: Any = None

    def read(self) -> tuple[list[Row], list[str]]:
        """Return the rows, and what is wrong with those that are none.

        Raises:
            NoRowError: when there is no row.
        """
        rows: dict[str, Row] = {}
        wrong: list[str] = []
        for number, given in enumerate(self.rows, start=1):
            try:
                row = Row.model_validate(given)
            except ValidationError as error:
                fields = sorted({str(one["loc"][0]) if one["loc"] else "all of it" for one in error.errors()})
                # Names of fields are the model's own; what a supplier made up is not repeated.
                wrong.append(f"row {number}: {', '.join(field for field in fields if field in _FIELDS) or 'all of it'}")
                continue
            if row.sku in rows:
                wrong.append(f"row {number}: sku is there twice")
            else:
                rows[row.sku] = row
        if not rows:
            raise NoRowError(f"none of {len(self.rows)} rows can be read; {'; '.join(wrong[:_SHOWN])}")
        return list(rows.values()), wrong


_FIELDS = frozenset(Row.model_fields)


def divided(count: int) -> Sequence[dict[str, int]]:
    """Return the parts of a list with so many rows."""
    return [{"from": start, "until": min(start + PART, count)} for start in range(0, count, PART)]
