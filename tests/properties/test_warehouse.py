"""The load of the warehouse: an event that asks for no hours reaches neither S3 nor Redshift."""

import json
import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.aws import World
from tests.properties.inputs import TEXTS, VALUES, altered, examples
from tests.properties.running import Subject, running

COPY = re.compile(
    r"COPY loaded FROM 's3://records/telemetry/hour=[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}/' "
    r"IAM_ROLE 'arn:aws:iam::111122223333:role/copy' FORMAT AS PARQUET"
)
LOAD = Subject(
    package="cdp_constructs.data.handlers.warehouse_load",
    environment={
        "WORKGROUP": "warehouse",
        "DATABASE": "telemetry",
        "TABLE": "telemetry",
        "COLUMNS": json.dumps({"message_id": "string", "at": "bigint", "temperature": "double"}),
        "BUCKET": "records",
        "PREFIX": "telemetry/",
        "COPY_ROLE": "arn:aws:iam::111122223333:role/copy",
    },
    world=lambda: World(
        answers={"s3.ListObjectsV2": {"KeyCount": 1}, "redshift-data.BatchExecuteStatement": {"Id": "statement"}}
    ),
)
ASKED = {"hours": ["2027-01-15-06", "2027-01-15-07"]}


def test_an_event_is_loaded_whole_or_refused_before_anything_is_asked() -> None:
    with running(LOAD) as run:

        @examples(50)
        @given(event=altered(ASKED) | VALUES | st.lists(VALUES, max_size=3).map(lambda hours: {"hours": hours}))
        def holds(event: Any) -> None:
            try:
                answer = run.call(event)
            except ValueError:
                assert run.world.calls == []
                return
            (sqls,) = (asked["Sqls"] for name, asked in run.world.calls if name.startswith("redshift-data."))
            copies = [sql for sql in sqls if sql.startswith("COPY")]
            assert len(copies) == len(answer["hours"]) > 0
            assert all(COPY.fullmatch(sql) for sql in copies)
            assert len(sqls) <= 40

        holds = example(event={"source": "aws.redshift-data"})(holds)
        for text in ("2027-01-15-06'", "2027-01-15-06/../../x", *TEXTS):
            holds = example(event={"hours": ["2027-01-15-06", text]})(holds)
        holds()
