"""What both layers read of a record is the same: in the speed layer's handler, and in what Firehose stores."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_constructs.data._records import ABOUT
from cdp_constructs.data.handlers.gathered_records.messages import MOST_MEASUREMENTS, in_lower_case, records_of
from cdp_constructs.data.handlers.gathered_records.rows import line_of
from cdp_constructs.data.handlers.speed_layer.records import Reading, UnreadableRecordError, read, read_all
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.services.firehose.conversion import convert
from cdp_device import gathering

duckdb = pytest.importorskip("duckdb", reason="needs the extra `analytics`")

NOON = 1_800_000_000_000
MEASURES = {"temperature": "double", "count": "bigint"}
COLUMNS = {**ABOUT, **MEASURES}
CONVERSION = {
    "SchemaConfiguration": {"DatabaseName": "layers", "TableName": "telemetry"},
    "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
}

_glue: Any = ministack.module("services.glue")

texts = st.text(max_size=12)
numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 21.5, 21.0, 2**53 + 1, 1e300]),
)
anything = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    texts,
    st.sampled_from(["21.5", "70 °F", ["21.5"], {"value": 21.5, "unit": "C"}]),
)
mostly = {
    "thing": st.sampled_from(["desk-7", "desk-8", "Desk-7"]),
    "at": st.integers(NOON - 3_600_000, NOON),
    "message_id": texts,
    "context": texts,
    "type": texts,
    "temperature": numbers,
    "count": st.integers(-(2**63), 2**63 - 1),
}
extra = st.dictionaries(
    st.sampled_from(["unit", "temperature_unit", "Temperature.unit", "hour", "trace_id", "ünit", "battery"]) | texts,
    anything,
    max_size=3,
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A record as devices send it: names in any case, usual and unusual values, and fields that nobody asked for."""
    document = draw(extra)
    for name, usual in mostly.items():
        if name in ("thing", "at") or draw(st.booleans()):
            spelt = draw(st.sampled_from([name, name.upper(), name.title(), name[0] + name[1:].upper()]))
            document[spelt] = draw(usual if draw(st.integers(0, 9)) else anything)
    return document


@pytest.fixture(scope="module", autouse=True)
def schema() -> None:
    columns = [{"Name": name, "Type": kind} for name, kind in COLUMNS.items()]
    _glue._tables["layers/telemetry"] = {"StorageDescriptor": {"Columns": columns}}


def speed_reads(data: bytes, number: int) -> Reading | None:
    kinesis = {
        "sequenceNumber": str(number),
        "approximateArrivalTimestamp": NOON / 1000,
        "data": base64.b64encode(data).decode(),
    }
    try:
        return read({"kinesis": kinesis}, MEASURES)
    except UnreadableRecordError:
        return None


def batch_reads(group: list[bytes], file: Any) -> list[dict[str, Any] | None]:
    """Return the row of each record, None for those that do not fit the table."""
    parquet, bad = convert(CONVERSION, group)
    rows: list[dict[str, Any]] = []
    if parquet is not None:
        file.write_bytes(parquet)
        found = duckdb.sql(f"SELECT * FROM read_parquet('{file}')")  # noqa: S608 - our own file
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    left = list(bad)
    following = iter(rows)
    answers: list[dict[str, Any] | None] = []
    for data in group:
        if left and left[0] == data:
            answers.append(None)
            left.pop(0)
        else:
            answers.append(next(following))
    assert next(following, None) is None
    return answers


@settings(max_examples=150, deadline=None)
@given(st.lists(documents(), min_size=1, max_size=4))
def test_both_layers_read_the_same_of_a_record(tmp_path_factory: Any, sent: list[dict[str, Any]]) -> None:
    group = [json.dumps(document).encode() for document in sent]
    rows = batch_reads(group, tmp_path_factory.mktemp("parquet") / "rows.parquet")
    for number, (data, row) in enumerate(zip(group, rows, strict=True)):
        reading = speed_reads(data, number)
        if reading is None or row is None:
            continue
        assert (reading.thing, reading.at_ms) == (row["thing"], row["at"])
        assert (reading.context, reading.kind) == (row["context"] or "", row["type"] or "")
        assert reading.message_id == (row["message_id"] or str(number))
        temperature = reading.fields.get("temperature")
        assert (None if temperature is None else float(temperature)) == row["temperature"]
        assert reading.fields.get("count") == row["count"]


def test_a_device_gathers_at_most_what_the_layers_take() -> None:
    assert gathering.MOST_MEASUREMENTS == MOST_MEASUREMENTS


@pytest.mark.parametrize("spelling", ["temperature", "Temperature", "TEMPERATURE"])
def test_a_usual_record_is_read_by_both_layers_whatever_the_case_and_with_extra_fields(
    tmp_path_factory: Any, spelling: str
) -> None:
    document = {"thing": "desk-7", "AT": NOON, "Message_Id": "m1", spelling: 21.5, "Unit": "C", "count": 3.0}
    data = json.dumps(document).encode()
    reading = speed_reads(data, 1)
    [row] = batch_reads([data], tmp_path_factory.mktemp("parquet") / "rows.parquet")
    assert reading is not None
    assert row is not None
    assert (reading.message_id, reading.fields["temperature"], reading.fields["count"]) == ("m1", 21.5, 3)
    assert (row["message_id"], row["temperature"], row["count"]) == ("m1", 21.5, 3)


def test_a_fraction_in_a_column_of_integers_does_not_fit_and_is_not_rounded(tmp_path_factory: Any) -> None:
    group = [json.dumps({"thing": "desk-7", "at": NOON, "count": count}).encode() for count in (2, 2.5, 2**53 + 1)]
    rows = batch_reads(group, tmp_path_factory.mktemp("parquet") / "rows.parquet")
    assert [row and row["count"] for row in rows] == [2, None, 2**53 + 1]


@settings(max_examples=100, deadline=None)
@given(st.lists(documents(), min_size=1, max_size=4))
def test_both_layers_read_the_same_of_a_gathered_record(tmp_path_factory: Any, sent: list[dict[str, Any]]) -> None:
    gathered = {"Measurements": sent, "thing": "desk-7", "context": "tokyo", "type": "climate"}
    data = json.dumps(gathered).encode()
    record = {
        "sequenceNumber": "1",
        "approximateArrivalTimestamp": NOON / 1000,
        "data": base64.b64encode(data).decode(),
    }
    readings, _ = read_all({"kinesis": record}, MEASURES)
    by_time = [
        (reading.at_ms, None if (value := reading.fields.get("temperature")) is None else float(value))
        for reading in readings
    ]
    lines = []
    for found in records_of(in_lower_case(json.loads(data))):
        if not isinstance(found, UnreadableRecordError):
            try:
                lines.append(line_of(found, COLUMNS))
            except UnreadableRecordError:
                continue
    # What is let through is converted, line by line and as one record.
    rows = batch_reads(lines, tmp_path_factory.mktemp("parquet") / "rows.parquet") if lines else []
    assert None not in rows
    if lines:
        together, bad = convert(CONVERSION, [b"".join(lines)])
        assert (together is not None, bad) == (True, [])
    stored = [row for row in rows if row is not None]
    assert {(row["thing"], row["context"], row["type"]) for row in stored} <= {("desk-7", "tokyo", "climate")}
    rows_by_time = [(row["at"], row["temperature"]) for row in stored]
    # A measurement that is good for both is read the same by both; a layer may refuse what the other takes.
    times = {at for at, _ in by_time} & {at for at, _ in rows_by_time}
    assert {at for at, _ in {*by_time} & {*rows_by_time}} == times
