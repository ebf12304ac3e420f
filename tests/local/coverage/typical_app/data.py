"""Databases, tables and streams."""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_backup as backup
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_efs as efs
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

from tests.local.coverage.typical_app.common import function, vpc


def databases(stack: Stack) -> None:
    network = vpc(stack)
    aurora = rds.DatabaseCluster(
        stack,
        "Aurora",
        vpc=network,
        engine=rds.DatabaseClusterEngine.aurora_postgres(version=rds.AuroraPostgresEngineVersion.VER_16_6),
        writer=rds.ClusterInstance.serverless_v2("writer"),
        readers=[rds.ClusterInstance.serverless_v2("reader", scale_with_writer=True)],
        removal_policy=RemovalPolicy.DESTROY,
    )
    aurora.add_proxy("Proxy", vpc=network, secrets=[aurora.secret], require_tls=True)  # type: ignore[list-item]  # a generated secret
    rds.DatabaseInstance(
        stack,
        "Postgres",
        vpc=network,
        engine=rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_16_6),
        removal_policy=RemovalPolicy.DESTROY,
        parameters={"log_statement": "all"},
    )
    subnets = elasticache.CfnSubnetGroup(
        stack, "CacheSubnets", description="cache", subnet_ids=[subnet.subnet_id for subnet in network.private_subnets]
    )
    elasticache.CfnReplicationGroup(
        stack,
        "Redis",
        replication_group_description="cache",
        engine="redis",
        cache_node_type="cache.t4g.micro",
        num_cache_clusters=2,
        automatic_failover_enabled=True,
        cache_subnet_group_name=subnets.ref,
        transit_encryption_enabled=True,
    )
    elasticache.CfnServerlessCache(stack, "Serverless", engine="valkey", serverless_cache_name="specimen")
    files = efs.FileSystem(stack, "Files", vpc=network, removal_policy=RemovalPolicy.DESTROY)
    files.add_access_point("Access", path="/data")
    plan = backup.BackupPlan.daily35_day_retention(stack, "Plan")
    plan.add_selection("Selection", resources=[backup.BackupResource.from_rds_database_cluster(aurora)])


def tables(stack: Stack) -> None:
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PROVISIONED,
        stream=dynamodb.StreamViewType.NEW_IMAGE,
        time_to_live_attribute="expires",
        removal_policy=RemovalPolicy.DESTROY,
    )
    table.auto_scale_read_capacity(min_capacity=1, max_capacity=10).scale_on_utilization(target_utilization_percent=70)
    table.add_global_secondary_index(
        index_name="by-owner", partition_key=dynamodb.Attribute(name="owner", type=dynamodb.AttributeType.STRING)
    )
    function(stack, "Changes").add_event_source(
        sources.DynamoEventSource(
            table,
            starting_position=lambda_.StartingPosition.LATEST,
            bisect_batch_on_error=True,
            on_failure=sources.SqsDlq(sqs.Queue(stack, "Failed")),
        )
    )
    dynamodb.TableV2(
        stack,
        "Global",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
        removal_policy=RemovalPolicy.DESTROY,
    )


def streams(stack: Stack) -> None:
    stream = kinesis.Stream(stack, "Stream", removal_policy=RemovalPolicy.DESTROY)
    bucket = s3.Bucket(stack, "Lake", removal_policy=RemovalPolicy.DESTROY, auto_delete_objects=True)
    firehose.DeliveryStream(
        stack, "Delivery", source=firehose.KinesisStreamSource(stream), destination=firehose.S3Bucket(bucket)
    )
    function(stack, "Reader").add_event_source(
        sources.KinesisEventSource(stream, starting_position=lambda_.StartingPosition.TRIM_HORIZON)
    )
    kinesis.CfnStreamConsumer(stack, "Consumer", consumer_name="fan-out", stream_arn=stream.stream_arn)
    database = glue.CfnDatabase(
        stack,
        "Database",
        catalog_id=stack.account,
        database_input=glue.CfnDatabase.DatabaseInputProperty(name="specimen_lake"),
    )
    glue.CfnTable(
        stack,
        "Events",
        catalog_id=stack.account,
        database_name=database.ref,
        table_input=glue.CfnTable.TableInputProperty(name="events", table_type="EXTERNAL_TABLE"),
    )
    group = athena.CfnWorkGroup(stack, "Queries", name="specimen", recursive_delete_option=True)
    athena.CfnNamedQuery(
        stack, "All", database=database.ref, query_string="SELECT * FROM events", work_group=group.name
    )
