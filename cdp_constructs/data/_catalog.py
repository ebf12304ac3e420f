"""Tables of the Glue catalog over what Firehose files in S3: partitions are computed, so that no crawler is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdp_constructs.core.paths import stack_of

__all__ = ["JSON_LINES", "PARQUET", "Format", "Partition", "add_catalog_table", "glue_arns", "name_of"]

_names: WeakKeyDictionary[glue.CfnTable, str] = WeakKeyDictionary()
"""Names of tables that are made here: a table tells its own only with all columns, each a question to Node."""


@dataclass(frozen=True)
class Format:
    """How objects are read."""

    classification: str
    input_format: str
    output_format: str
    library: str


PARQUET = Format(
    "parquet",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
)
# https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html
JSON_LINES = Format(
    "json",
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "org.openx.data.jsonserde.JsonSerDe",
)


@dataclass(frozen=True)
class Partition:
    """A part of the names of objects that queries choose by.

    Args:
        name: The column, and the part's name in front of ``=``.
        comment: What its values are.
        projection: Which values there are: properties of Athena behind ``projection.<name>.``.
    """

    name: str
    comment: str
    projection: Mapping[str, str]


def add_catalog_table(
    scope: Construct,
    *,
    bucket: s3.IBucket,
    prefix: str,
    database_name: str,
    table_name: str,
    columns: Mapping[str, str],
    partitions: tuple[Partition, ...],
    data_format: Format,
) -> glue.CfnTable:
    """Add a database and a table.

    Args:
        scope: The pattern.
        bucket: Holds the records.
        prefix: Below which they are.
        database_name: Lower case.
        table_name: Lower case.
        columns: Types by name.
        partitions: As they follow each other in the names of objects.
        data_format: How objects are read.
    """
    stack = stack_of(scope)
    database = glue.CfnDatabase(
        scope,
        "Database",
        catalog_id=stack.account,
        database_input=glue.CfnDatabase.DatabaseInputProperty(name=database_name),
    )
    location = f"s3://{bucket.bucket_name}/{prefix}"
    column = glue.CfnTable.ColumnProperty
    table = glue.CfnTable(
        scope,
        "Table",
        catalog_id=stack.account,
        database_name=database_name,
        table_input=glue.CfnTable.TableInputProperty(
            name=table_name,
            table_type="EXTERNAL_TABLE",
            partition_keys=[column(name=each.name, type="string", comment=each.comment) for each in partitions],
            parameters={
                "classification": data_format.classification,
                "projection.enabled": "true",
                **{
                    f"projection.{each.name}.{name}": value
                    for each in partitions
                    for name, value in each.projection.items()
                },
                "storage.location.template": location
                + "".join(f"{each.name}=${{{each.name}}}/" for each in partitions),
            },
            storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                columns=[column(name=name, type=kind) for name, kind in columns.items()],
                location=location,
                input_format=data_format.input_format,
                output_format=data_format.output_format,
                serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=data_format.library),
            ),
        ),
    )
    table.node.add_dependency(database)
    _names[table] = table_name
    return table


def glue_arns(scope: Construct, table: glue.CfnTable) -> list[str]:
    """Return what a reader of the table needs to be allowed: the catalog, the database, and the table."""
    stack = stack_of(scope)
    name = f"{table.database_name}/{_names[table]}"
    return [
        stack.format_arn(service="glue", resource="catalog"),
        stack.format_arn(service="glue", resource="database", resource_name=table.database_name),
        stack.format_arn(service="glue", resource="table", resource_name=name),
    ]


def name_of(table: glue.CfnTable) -> str:
    """Return the name of a table that was made here."""
    return _names[table]
