"""Calls what the examples of the documentation leave out, so that its options are tried as well."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aws_cdk import Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_certificatemanager as certificatemanager
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from aws_cdk import aws_stepfunctions_tasks as tasks

import cdp_constructs
from cdp_constructs import (
    AlarmTopic,
    BatchLayer,
    CacheDistribution,
    DeepHealthCheck,
    DeviceFleet,
    DirectHosting,
    DirectIntegrationApi,
    HumanApproval,
    IdempotentFunction,
    IdentityProvider,
    LogAggregation,
    MonitoringIntegration,
    PrivateCacheDistribution,
    RealtimeChannels,
    RegionMesh,
    ReleasedFunction,
    ReplicatedDatabase,
    RollbackAlarm,
    ScaleOutService,
    SelfHealingSite,
    ServiceFront,
    ServiceRoute,
    SharedFiles,
    SignInUserPool,
    SpeedLayer,
    StackContents,
    Stamp,
    StateSharing,
    TableCapacity,
    TokenIssuer,
    TopicRule,
    TrafficShift,
    UserIdentityPool,
    WebApplicationFirewall,
    WebhookSource,
    WebSocketChannels,
    WeightedRecords,
    WeightedTransition,
    Workflow,
)
from tests.options.probe import Probe
from tests.options.signatures import functions_of_the_library

__all__ = ["call_functions", "call_remaining", "call_rest"]

ROOT = Path(__file__).parents[2]
WEB_ACL = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/given/1"
CERTIFICATE_ARN = "arn:aws:acm:us-east-1:111122223333:certificate/given"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
REGIONAL_WEB_ACL = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/given/1"


def call_remaining(stack: Stack, made: list[Any]) -> None:
    """Call on the objects of the library that were made what was not called on them."""
    reader = iam.Role(stack, "OtherReader", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    for pattern in list(made):
        for name in ("grant_read", "grant_publish", "grant_issue", "grant_put", "grant_command", "grant_sign"):
            if hasattr(type(pattern), name):
                groups = {"groups": ["group"]} if isinstance(pattern, StateSharing) else {}
                getattr(pattern, name)(reader, **groups)
        _call(pattern, reader)
        _call_identities(pattern)
        if isinstance(pattern, Workflow | HumanApproval):
            _call_workflow(pattern, reader)
        if isinstance(pattern, ScaleOutService | Stamp):
            _call_server(pattern)
        if type(pattern) in _BY_TYPE:
            _BY_TYPE[type(pattern)](pattern)
    for pattern in list(made):
        for name in [name for name in dir(type(pattern)) if name.startswith("metric_")]:
            channel = ["mail"] if name == "metric_sent" else []
            getattr(pattern, name)(*channel, period=Duration.minutes(5))


def _add_service_routes(api: DirectIntegrationApi) -> None:
    body = {"type": "object", "additionalProperties": False}
    limits = apigatewayv2.ThrottleSettings(rate_limit=5, burst_limit=10)
    api.attach_web_acl(REGIONAL_WEB_ACL)
    passing = stepfunctions.DefinitionBody.from_chainable(stepfunctions.Pass(api, "GivenState"))
    machine = stepfunctions.StateMachine(api, "GivenMachine", definition_body=passing)
    bus = events.EventBus(api, "GivenBus")
    api.add_queue_route("/given/queue", sqs.Queue(api, "GivenQueue"), schema=body, throttle=limits)
    api.add_event_bus_route("/given/bus", bus, source="shop", detail_type="given", schema=body, throttle=limits)
    api.add_stream_route("/given/stream", kinesis.Stream(api, "GivenStream"), schema=body, throttle=limits)
    api.add_workflow_route("/given/workflow", machine, schema=body, throttle=limits)


def _call(construct: Any, reader: iam.IRole) -> None:
    """Call what only one pattern has."""
    inner = isinstance(construct, CacheDistribution) and isinstance(construct.node.scope, DirectHosting)
    if isinstance(construct, CacheDistribution | DirectHosting) and not inner:
        construct.add_uploads(s3.Bucket(construct, "GivenUploads"))
        site = construct.cache if isinstance(construct, DirectHosting) else construct
        given = origins.HttpOrigin("given.example.com")
        headers = cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS
        site.add_behavior("/given/headers/*", given, response_headers_policy=headers)
        site.add_uncached_behavior("/given/*", given)
    if isinstance(construct, CacheDistribution | DirectHosting | PrivateCacheDistribution) and not inner:
        # An example of a firewall has attached one.
        if not any(isinstance(other, WebApplicationFirewall) for other in Stack.of(construct).node.children):
            construct.attach_web_acl(WEB_ACL)
    elif isinstance(construct, MonitoringIntegration):
        construct.watch(construct.alarms[0])
    elif isinstance(construct, DeepHealthCheck):
        construct.add_bucket(s3.Bucket(construct, "GivenBucket"), name="files")
        construct.add_topic(sns.Topic(construct, "GivenTopic"), name="news")
        construct.add_http("https://www.example.com/health", name="partner")
    elif isinstance(construct, DeviceFleet):
        construct.add_certificate_authority("Vendor", certificate=CERTIFICATE)
        construct.add_endpoint("Endpoint")
        construct.add_security_profile("Profile")
        too_hot = cdp_constructs.Threshold(name="Hot", measure="temperature", limit=35, above=True, recovers_at=33)
        construct.gather(Duration.minutes(10), thresholds=[too_hot])
        construct.grant_create_claim(reader)
    elif isinstance(construct, RealtimeChannels | WebSocketChannels):
        table = dynamodb.TableV2(construct, "GivenTable", partition_key=_text("pk"), sort_key=_text("sk"))
        construct.add_publisher("LatePublisher", lag_table=table, max_lag=Duration.seconds(5))
    elif isinstance(construct, SpeedLayer | BatchLayer):
        rule = TopicRule(construct, "GivenRule", sql="SELECT * FROM 'a/b'", description="Telemetry")
        construct.add_rule(rule)
    elif isinstance(construct, cdp_constructs.WebhookAutomation):
        construct.grant_replay(reader)


def _call_identities(construct: Any) -> None:
    """Call what pools of users and of identities have; roles are found by groups, or by claims."""
    if isinstance(construct, SignInUserPool):
        construct.attach_web_acl(REGIONAL_WEB_ACL)
    elif isinstance(construct, SelfHealingSite):
        construct.grant_pause(
            iam.Role(construct, "Pausing", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        )
    elif isinstance(construct, UserIdentityPool):
        construct.add_group("GivenGroup", name="given", precedence=7)
        issuer = SignInUserPool(construct, "Users").issuer
        by_claims = UserIdentityPool(Stack.of(construct), "GivenIdentities", issuer=issuer)
        by_claims.add_role("GivenRole", claim="custom:plan", value="gold")


def _call_workflow(construct: Workflow | HumanApproval, reader: iam.IRole) -> None:
    """Call what workflows have."""
    if isinstance(construct, HumanApproval):
        construct.grant_answer(reader)
    else:
        nightly = scheduler.ScheduleExpression.cron(hour="2", minute="0")
        construct.start_on_schedule("GivenNightly", schedule=nightly, payload={"items": [1]})
        construct.start_on_message("GivenMessages", max_concurrency=5)
        construct.grant_start(reader)
        construct.grant_operate(reader)


def _check_release(release: ReleasedFunction) -> None:
    code = lambda_.Code.from_inline("def handler(event, context): ...")
    runtime = lambda_.Runtime.PYTHON_3_14
    check = lambda_.Function(release, "GivenCheck", code=code, handler="index.handler", runtime=runtime)
    release.attach_after_traffic_hook(check)


def _collect_logs(aggregation: LogAggregation) -> None:
    # The owner of log groups is outside of the aggregation, whose own are left out.
    stack = Stack.of(aggregation)
    service = Stack(stack, "GivenService")
    logs.LogGroup(service, "Log")
    aggregation.add_log_groups(service, service="given")
    some = logs.FilterPattern.any_term("ERROR")
    aggregation.add_log_group(logs.LogGroup(stack, "GivenLog"), service="given", filter_pattern=some)


def _mount_files(files: SharedFiles) -> None:
    folder = files.add_folder("Given", path="/given")
    files.mount_to_service(_service(files, files.vpc), folder, path="/mnt/given")


def _call_function(function: IdempotentFunction) -> None:
    """Call what functions have."""
    function.add_stream_source("GivenSource", stream=kinesis.Stream(function, "GivenStream"))
    function.add_stream_source(
        "LateSource",
        table=dynamodb.TableV2(
            function,
            "GivenTable",
            partition_key=_text("pk"),
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
        ),
        batch_size=10,
        retry_attempts=1,
        max_record_age=Duration.hours(1),
        parallelization_factor=2,
    )
    function.add_log_metric("GivenLines", pattern=logs.FilterPattern.any_term("refused"))
    version = function.function.current_version
    function.add_alias(lambda_.Alias(function, "GivenAlias", alias_name="live", version=version))


def _call_server(server: ScaleOutService | Stamp) -> None:
    """Call what servers have."""
    given = certificatemanager.Certificate.from_certificate_arn(server, "GivenCertificate", CERTIFICATE_ARN)
    vpc = server.cluster.vpc
    front = ServiceFront(server, "GivenFront", vpc=vpc, domain_name="a.example.com", certificate=given)
    server.add_route("GivenRoute", front=front, route=ServiceRoute(priority=77, path_patterns=["/given"]))
    server.add_size("GivenSize", cpu=512, memory_limit_mib=1024)


def _service(scope: Any, vpc: ec2.IVpc) -> ecs.FargateService:
    definition = ecs.FargateTaskDefinition(scope, "GivenTask")
    image = ecs.ContainerImage.from_registry("111122223333.dkr.ecr.us-east-1.amazonaws.com/given:1")
    definition.add_container("given", image=image)
    cluster = ecs.Cluster(scope, "GivenCluster", vpc=vpc)
    return ecs.FargateService(scope, "GivenService", cluster=cluster, task_definition=definition)


_BY_TYPE: Mapping[type, Callable[[Any], None]] = {
    DirectIntegrationApi: _add_service_routes,
    IdempotentFunction: _call_function,
    LogAggregation: _collect_logs,
    ReleasedFunction: _check_release,
    SharedFiles: _mount_files,
}


def call_functions(stack: Stack, probe: Probe) -> None:
    """Try what is no method of an object: each with options that it accepts, and each of them wrong in turn."""
    topic, bucket = sns.Topic(stack, "Operators"), s3.Bucket(stack, "LogsOfTheStack")
    alarm = cloudwatch.Alarm(
        stack,
        "OrdersAlarm",
        metric=cloudwatch.Metric(namespace="Shop", metric_name="Orders"),
        threshold=1,
        evaluation_periods=1,
    )
    scoped = {"scope": stack, "construct_id": "Given"}
    contents = {**scoped, "contents": StackContents(stack)}
    folder = {**scoped, "folder": "."}
    regions = {"replica_regions": ["eu-west-1"]}
    mail = {"topic": topic, "email": "operators@example.com", "alarm_topic": topic, "holds": "mails"}
    step = tasks.CallAwsService(stack, "GivenStep", service="sqs", action="listQueues", iam_resources=["*"])
    given: dict[str, dict[str, Any]] = {
        "add_retry": {
            "step": step,
            "max_attempts": 4,
            "interval": Duration.seconds(2),
            "max_delay": Duration.minutes(1),
        },
        "add_saga": {**scoped, "steps": [cdp_constructs.SagaStep(do=step)]},
        "for_each": {
            **scoped,
            "step": stepfunctions.Pass(stack, "GivenItem"),
            "item_selector": {"item": stepfunctions.JsonPath.object_at("$$.Map.Item.Value")},
        },
        "add_composite_alarm": {**scoped, "alarms": [alarm], "alarm_topic": topic, "what": "the shop"},
        "add_dashboard": {**contents, "rows": [], "beside_queues": []},
        "add_growth_alarms": {**contents, "alarm_topic": topic},
        "add_log_queries": contents,
        "add_mail": {**scoped, **mail, "filter_policy": None},
        "image_from_folder": {
            **scoped,
            "folder": str(ROOT / "docs/examples/image_resizer"),
            "modules": ["queue_worker"],
        },
        "use_access_log_bucket": {"scope": stack, "bucket": bucket},
        "warn_without_receiver": {"scope": stack, "option": "alarm_topic"},
        "ImageThumbnails.layer_from_folder": folder,
        "WebPush.layer_from_folder": folder,
        "StorageIndex.global_table": {**scoped, **regions, "removal_policy": RemovalPolicy.RETAIN},
    }
    for function in functions_of_the_library():
        probe.seen.add(function.__qualname__)
        probe.try_all(function, None, dict(given[function.__qualname__]))


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def call_rest(stack: Stack) -> None:
    """Make what no example makes."""
    held = secretsmanager.Secret(stack, "GivenSecret")
    IdentityProvider.facebook(client_id="given", client_secret=held)
    IdentityProvider.amazon(client_id="given", client_secret=held)
    IdentityProvider.apple(services_id="given", team_id="ABCDE12345", key_id="ABCDE12345", private_key=held)
    IdentityProvider.saml(name="Given", metadata_url="https://given.example.com/metadata")
    WebhookSource.standard_webhooks()
    WebhookSource.shared_token()
    WebhookSource.secret_in_address()
    WebhookSource.hmac_sha256()
    TrafficShift.linear(20, interval=Duration.minutes(2), max_errors=5)
    TrafficShift.all_at_once()
    capacity = TableCapacity(min_writes=10, max_writes=40, min_reads=2, max_reads=8)
    SpeedLayer(stack, "LargeSpeed", measures=["temperature"], windows=False, shards=2, table_capacity=capacity)
    TokenIssuer.of_user_pool(cognito.UserPool.from_user_pool_id(stack, "Pool", "us-east-1_Example"))
    AlarmTopic(stack, "AllAlarms", email="operators@example.com")
    RollbackAlarm("order-desk", wait=Duration.minutes(15))
    region = Environment(account="111122223333", region="eu-west-1")
    there = Stack(stack.node.root, "ReplicaRegion", env=region)  # type: ignore[arg-type]  # the app
    database = ReplicatedDatabase(stack, "GlobalDatabase", global_database=True)
    replica = database.add_replica_region(there, "GlobalDatabase")
    replica.grant_connect(_service(there, replica.vpc), user="report")
    replica.metric_replica_lag(period=Duration.minutes(5))
    StackContents(stack).alarm("AllAlarms/MailFailuresAlarm")
    rule = TopicRule(stack, "Everything", sql="SELECT * FROM 'a/b'", description="Telemetry")
    delivery = firehose.DeliveryStream.from_delivery_stream_arn(
        stack, "Delivery", f"arn:aws:firehose:{stack.region}:{stack.account}:deliverystream/d"
    )
    rule.add_delivery_stream(delivery)
    arn = f"arn:aws:lambda:{stack.region}:{stack.account}:function:f"
    rule.add_function(
        lambda_.Function.from_function_attributes(stack, "Consumer", function_arn=arn, same_environment=True)
    )
    rule.basic_ingest_topic("a/b")
    rule.add_action(
        iot.CfnTopicRule.ActionProperty(
            cloudwatch_logs=iot.CfnTopicRule.CloudwatchLogsActionProperty(
                log_group_name="given", role_arn=rule.role.role_arn
            )
        ),
        allow=iam.PolicyStatement(actions=["logs:PutLogEvents"], resources=["*"]),
    )
    given = route53.HostedZone.from_hosted_zone_attributes(
        stack, "GivenZone", hosted_zone_id="Z1", zone_name="example.com"
    )
    records = WeightedRecords(
        zone=given,
        domain_name="shop.example.com",
        current=route53.RecordTarget.from_ip_addresses("203.0.113.7"),
        replacement=route53.RecordTarget.from_ip_addresses("203.0.113.8"),
        record_types=["A", "AAAA"],
        ttl=Duration.seconds(30),
    )
    metric = cloudwatch.Metric(namespace="Shop", metric_name="Orders")
    orders = cloudwatch.Alarm(stack, "OrdersOfNew", metric=metric, threshold=1, evaluation_periods=1)
    move = WeightedTransition(stack, "GivenMove", target=records, alarms=[orders])
    move.grant_start(iam.Role(stack, "Mover", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))
    vpc = ec2.Vpc(stack, "MeshVpc", max_azs=2, ip_addresses=ec2.IpAddresses.cidr("10.77.0.0/16"))
    mesh = RegionMesh(stack, "GivenMesh", vpc=vpc)
    mesh.metric_unrouted_packets(period=Duration.minutes(5))
    mesh.metric_blackhole_packets(period=Duration.minutes(5))
