"""Athena and Firehose: SQL reads the data of its tables, and no file of the machine."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

REGION = "ap-northeast-1"
SECRET = "only-in-a-file-of-the-machine"  # not one

# What `{file}` and `{folder}` of the machine are tried with.
ATTEMPTS = {
    "read a text": "SELECT * FROM read_text('{file}')",
    "read a table of text": "SELECT * FROM read_csv('{file}', header = false)",
    "read binary": "SELECT * FROM read_blob('{file}')",
    "read JSON": "SELECT * FROM read_json_auto('{file}')",
    "list": "SELECT * FROM glob('{folder}/*')",
    "read beside a table": "SELECT * FROM shop.orders, read_text('{file}')",
    "read the environment": "SELECT * FROM read_blob('/proc/self/environ')",
    "read objects as files": "SELECT * FROM read_text('s3://../../..{file}')",
    "write": "COPY (SELECT 1) TO '{folder}/written'",
    "export": "EXPORT DATABASE '{folder}/written'",
    "attach": "ATTACH '{folder}/written' AS other",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "load a library": "LOAD '{folder}/written'",
    "fetch": "SELECT * FROM read_text('http://127.0.0.1:1/')",
    "allow files again": "SET enable_external_access = true",
    "allow a folder": "SET allowed_directories = ['{folder}']",
    "several": "SELECT 1; COPY (SELECT 1) TO '{folder}/written'",
}

Query = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def query(cloud: LocalCloud, eventually: Callable[..., Any]) -> Query:
    """Return what runs SQL and returns the execution, with the rows when it succeeded."""
    pytest.importorskip("duckdb", reason="needs the extra `analytics`")
    s3, glue, athena = (cloud.client(service, REGION) for service in ("s3", "glue", "athena"))
    s3.create_bucket(Bucket="shop-data", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="shop-data", Key="orders/1.csv", Body=b"1,tea\n2,rice\n")
    s3.put_object(Bucket="shop-data", Key="visits/1.json", Body=b'{"page": "home"}\n')
    glue.create_database(DatabaseInput={"Name": "shop"})
    columns = [{"Name": "id", "Type": "int"}, {"Name": "item", "Type": "string"}]
    formats: dict[str, tuple[list[dict[str, str]], str]] = {
        "orders": (columns, "org.apache.hadoop.hive.serde2.OpenCSVSerde"),
        "visits": ([{"Name": "page", "Type": "string"}], "org.openx.data.jsonserde.JsonSerDe"),
    }
    for name, (described, library) in formats.items():
        storage = {
            "Columns": described,
            "Location": f"s3://shop-data/{name}/",
            "SerdeInfo": {"SerializationLibrary": library},
        }
        glue.create_table(DatabaseName="shop", TableInput={"Name": name, "StorageDescriptor": storage})

    def run(sql: str) -> dict[str, Any]:
        started = athena.start_query_execution(
            QueryString=sql, ResultConfiguration={"OutputLocation": "s3://shop-data/results/"}
        )["QueryExecutionId"]

        def ended() -> dict[str, Any] | None:
            execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]
            return execution if execution["Status"]["State"] in ("SUCCEEDED", "FAILED") else None

        execution: dict[str, Any] = eventually(ended, within=20)
        if execution["Status"]["State"] == "FAILED":
            return execution
        rows = athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
        return execution | {"rows": [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows]}

    return run


def test_a_query_reads_its_tables(query: Query) -> None:
    assert query("SELECT id, item FROM shop.orders ORDER BY id")["rows"] == [
        ["id", "item"],
        ["1", "tea"],
        ["2", "rice"],
    ]
    joined = query("SELECT item, page FROM shop.orders CROSS JOIN shop.visits WHERE id = 1")
    assert joined["rows"][1:] == [["tea", "home"]]


@pytest.mark.parametrize("sql", ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_query_reaches_no_file_of_the_machine(cloud: LocalCloud, query: Query, tmp_path: Path, sql: str) -> None:
    file = tmp_path / "secret.txt"
    file.write_text(SECRET)
    execution = query(sql.format(file=file, folder=tmp_path))
    assert execution["Status"]["State"] == "FAILED"
    assert execution["Status"]["StateChangeReason"].startswith("NOT_SUPPORTED: Queries of this type are not supported")
    assert SECRET not in json.dumps(execution, default=str)
    assert list(tmp_path.iterdir()) == [file]
    assert cloud.log_file is not None
    assert SECRET not in cloud.log_file.read_text()


def test_a_query_does_not_tell_where_the_server_and_its_user_have_their_files(cloud: LocalCloud, query: Query) -> None:
    assert cloud.log_file is not None
    settings = json.dumps(query("SELECT name, value FROM duckdb_settings()")["rows"])
    assert "allowed_directories" in settings
    assert str(cloud.log_file.parent) not in settings
    assert str(Path.home()) not in settings


@pytest.mark.parametrize(
    "column",
    ["a\", (SELECT content FROM read_text('{file}')) AS \"b", "a\" VARCHAR); COPY (SELECT 1) TO '{folder}/x'; --"],
)
def test_names_of_columns_reach_no_file_either(
    cloud: LocalCloud, query: Query, eventually: Callable[..., Any], tmp_path: Path, column: str
) -> None:
    # The conversion to Parquet puts the names of Glue's columns into SQL.
    assert query("SELECT 1")["rows"]
    name = f"parquet-{uuid.uuid4().hex[:8]}"
    assert cloud.log_file is not None
    # Beside the files that the conversion itself writes.
    file = (cloud.log_file.parent / "tmp").resolve() / name
    file.write_text(SECRET)
    columns = [{"Name": column.format(file=file, folder=tmp_path), "Type": "string"}]
    cloud.client("glue", REGION).create_table(
        DatabaseName="shop", TableInput={"Name": name, "StorageDescriptor": {"Columns": columns}}
    )
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "firehose.amazonaws.com"}}
    iam = cloud.client("iam", REGION)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": ["s3:*", "glue:*"], "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps({"Statement": [allowed]}))
    firehose = cloud.client("firehose", REGION)
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "RoleARN": role,
            "BucketARN": "arn:aws:s3:::shop-data",
            "Prefix": f"{name}/",
            "ErrorOutputPrefix": f"{name}-failed/",
            "BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 64},
            "DataFormatConversionConfiguration": {
                "SchemaConfiguration": {"DatabaseName": "shop", "TableName": name, "Region": REGION, "RoleARN": role},
                "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
                "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
            },
        },
    )
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b'{"a": "1"}\n'})
    cloud.flush_delivery_stream(name, REGION)
    s3 = cloud.client("s3", REGION)

    def delivered() -> list[str]:
        found = s3.list_objects_v2(Bucket="shop-data", Prefix=name).get("Contents", [])
        return [item["Key"] for item in found]

    keys = eventually(delivered, within=20)
    assert all(key.startswith(f"{name}-failed/") for key in keys)
    assert all(SECRET.encode() not in s3.get_object(Bucket="shop-data", Key=key)["Body"].read() for key in keys)
    assert list(tmp_path.iterdir()) == []
