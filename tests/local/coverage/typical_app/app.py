"""An application as users of the CDK write them: one small stack for each family of services.

Run as a program with the output directory as its argument. Nothing here is about this library: it is the
specimen by which "any application deploys" is judged.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Size, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_appsync as appsync
from aws_cdk import aws_athena as athena
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_backup as backup
from aws_cdk import aws_batch as batch
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as pipeline_actions
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_config as config
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_efs as efs
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_elasticloadbalancingv2_targets as elbv2_targets
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_logs_destinations as log_destinations
from aws_cdk import aws_opensearchserverless as opensearch
from aws_cdk import aws_pipes as pipes
from aws_cdk import aws_rds as rds
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as route53_targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_servicediscovery as servicediscovery
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from aws_cdk import aws_synthetics as synthetics
from aws_cdk import aws_wafv2 as wafv2
from aws_cdk import aws_xray as xray

HANDLER = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'hello'}\n"


def function(stack: Stack, name: str, **options: object) -> lambda_.Function:
    return lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline(HANDLER),
        **options,  # type: ignore[arg-type]  # options of the test only
    )


def vpc(stack: Stack) -> ec2.Vpc:
    return ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=1)


def network(stack: Stack) -> None:
    network = vpc(stack)
    network.add_flow_log("FlowLog")
    network.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    network.add_interface_endpoint("Sqs", service=ec2.InterfaceVpcEndpointAwsService.SQS)
    group = ec2.SecurityGroup(stack, "Group", vpc=network, allow_all_outbound=False)
    group.add_ingress_rule(ec2.Peer.ipv4("10.0.0.0/8"), ec2.Port.tcp(443))
    other = ec2.SecurityGroup(stack, "Other", vpc=network)
    group.connections.allow_to(other, ec2.Port.tcp(5432))
    ec2.NetworkAcl(stack, "Acl", vpc=network).add_entry(
        "Https",
        rule_number=100,
        cidr=ec2.AclCidr.any_ipv4(),
        traffic=ec2.AclTraffic.tcp_port(443),
    )
    instance = ec2.Instance(
        stack,
        "Bastion",
        vpc=network,
        instance_type=ec2.InstanceType("t4g.nano"),
        machine_image=ec2.MachineImage.generic_linux({stack.region: "ami-12345678"})
        if stack.region == "us-east-1"
        else ec2.MachineImage.latest_amazon_linux2023(),
        role=iam.Role(stack, "BastionRole", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com")),
    )
    CfnOutput(stack, "BastionAddress", value=instance.instance_private_ip)
    ec2.CfnEIP(stack, "Address", instance_id=instance.instance_id)


def balanced_containers(stack: Stack) -> None:
    network = vpc(stack)
    cluster = ecs.Cluster(stack, "Cluster", vpc=network, container_insights_v2=ecs.ContainerInsights.ENABLED)
    cluster.add_default_cloud_map_namespace(name="internal.test")
    service = ecs_patterns.ApplicationLoadBalancedFargateService(
        stack,
        "Web",
        cluster=cluster,
        task_image_options=ecs_patterns.ApplicationLoadBalancedTaskImageOptions(
            image=ecs.ContainerImage.from_registry("public.ecr.aws/nginx/nginx"),
            secrets={"TOKEN": ecs.Secret.from_secrets_manager(secretsmanager.Secret(stack, "Token"))},
        ),
        cloud_map_options=ecs.CloudMapOptions(name="web"),
        circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
    )
    service.service.auto_scale_task_count(max_capacity=4).scale_on_cpu_utilization("Cpu", target_utilization_percent=60)
    acl = wafv2.CfnWebACL(
        stack,
        "Acl",
        scope="REGIONAL",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        visibility_config=wafv2.CfnWebACL.VisibilityConfigProperty(
            cloud_watch_metrics_enabled=True, metric_name="acl", sampled_requests_enabled=True
        ),
        rules=[
            wafv2.CfnWebACL.RuleProperty(
                name="blocked",
                priority=0,
                action=wafv2.CfnWebACL.RuleActionProperty(block={}),
                statement=wafv2.CfnWebACL.StatementProperty(
                    ip_set_reference_statement={
                        "arn": wafv2.CfnIPSet(
                            stack, "Blocked", scope="REGIONAL", ip_address_version="IPV4", addresses=["192.0.2.0/24"]
                        ).attr_arn
                    }
                ),
                visibility_config=wafv2.CfnWebACL.VisibilityConfigProperty(
                    cloud_watch_metrics_enabled=True, metric_name="blocked", sampled_requests_enabled=True
                ),
            )
        ],
    )
    balancer = service.load_balancer.load_balancer_arn
    wafv2.CfnWebACLAssociation(stack, "Guard", resource_arn=balancer, web_acl_arn=acl.attr_arn)
    ecs_patterns.QueueProcessingFargateService(
        stack, "Worker", cluster=cluster, image=ecs.ContainerImage.from_registry("public.ecr.aws/nginx/nginx")
    )
    ecr.Repository(stack, "Images", empty_on_delete=True, removal_policy=RemovalPolicy.DESTROY)


def balanced_functions(stack: Stack) -> None:
    network = vpc(stack)
    balancer = elbv2.ApplicationLoadBalancer(stack, "Balancer", vpc=network, internet_facing=True)
    balancer.add_listener("Http", port=80).add_targets(
        "Function", targets=[elbv2_targets.LambdaTarget(function(stack, "Handler"))]
    )
    CfnOutput(stack, "BalancerName", value=balancer.load_balancer_dns_name)
    elbv2.NetworkLoadBalancer(stack, "Tcp", vpc=network).add_listener("Tcp", port=443).add_targets("None", port=443)


def scaled_instances(stack: Stack) -> None:
    group = autoscaling.AutoScalingGroup(
        stack,
        "Group",
        vpc=vpc(stack),
        instance_type=ec2.InstanceType("t4g.small"),
        machine_image=ec2.MachineImage.latest_amazon_linux2023(cpu_type=ec2.AmazonLinuxCpuType.ARM_64),
        max_capacity=3,
        require_imdsv2=True,
        notifications=[autoscaling.NotificationConfiguration(topic=sns.Topic(stack, "Scaled"))],
    )
    group.scale_on_cpu_utilization("Cpu", target_utilization_percent=50)
    group.scale_on_schedule("Night", schedule=autoscaling.Schedule.cron(hour="1", minute="0"), desired_capacity=1)
    group.add_lifecycle_hook("Drain", lifecycle_transition=autoscaling.LifecycleTransition.INSTANCE_TERMINATING)


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


def messages(stack: Stack) -> None:
    key = kms.Key(stack, "Key", enable_key_rotation=True, alias="specimen/messages")
    dead = sqs.Queue(stack, "Dead", enforce_ssl=True)
    queue = sqs.Queue(
        stack,
        "Queue",
        encryption_master_key=key,
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=3),
    )
    topic = sns.Topic(stack, "Topic", master_key=key, enforce_ssl=True)
    topic.add_subscription(
        subscriptions.SqsSubscription(
            queue,
            raw_message_delivery=True,
            filter_policy={"kind": sns.SubscriptionFilter.string_filter(allowlist=["a"])},
        )
    )
    topic.add_subscription(subscriptions.EmailSubscription("ops@example.com"))
    fifo = sns.Topic(stack, "Fifo", fifo=True, content_based_deduplication=True)
    fifo.add_subscription(subscriptions.SqsSubscription(sqs.Queue(stack, "FifoQueue", fifo=True)))
    handler = function(stack, "Consumer", tracing=lambda_.Tracing.ACTIVE, dead_letter_queue=dead)
    handler.add_event_source(sources.SqsEventSource(queue, report_batch_item_failures=True, max_concurrency=2))


def events_and_workflows(stack: Stack) -> None:
    bus = events.EventBus(stack, "Bus")
    bus.archive("Archive", event_pattern=events.EventPattern(source=["shop"]), retention=Duration.days(7))
    wait = sfn.Wait(stack, "Wait", time=sfn.WaitTime.duration(Duration.seconds(1)))
    invoke = tasks.LambdaInvoke(stack, "Invoke", lambda_function=function(stack, "Step"))
    invoke.add_retry(errors=["TimeoutError"], max_attempts=2)
    machine = sfn.StateMachine(
        stack,
        "Machine",
        definition_body=sfn.DefinitionBody.from_chainable(wait.next(invoke).next(sfn.Succeed(stack, "Done"))),
        logs=sfn.LogOptions(destination=logs.LogGroup(stack, "MachineLog"), level=sfn.LogLevel.ALL),
        tracing_enabled=True,
    )
    dead = sqs.Queue(stack, "Dead")
    rule = events.Rule(stack, "Ordered", event_bus=bus, event_pattern=events.EventPattern(source=["shop"]))
    rule.add_target(targets.SfnStateMachine(machine, dead_letter_queue=dead, retry_attempts=2))
    rule.add_target(targets.CloudWatchLogGroup(logs.LogGroup(stack, "OrderLog")))
    events.Rule(stack, "Hourly", schedule=events.Schedule.rate(Duration.hours(1))).add_target(
        targets.LambdaFunction(function(stack, "Hour"))
    )
    connection = events.Connection(
        stack,
        "Connection",
        authorization=events.Authorization.api_key("x-key", secretsmanager.Secret(stack, "ApiKey").secret_value),
    )
    destination = events.ApiDestination(
        stack, "Destination", connection=connection, endpoint="https://example.com/hook"
    )
    rule.add_target(targets.ApiDestination(destination))
    scheduler.Schedule(
        stack,
        "Nightly",
        schedule=scheduler.ScheduleExpression.cron(hour="2", minute="0"),
        target=scheduler_targets.SqsSendMessage(dead, input=scheduler.ScheduleTargetInput.from_text("night")),
    )
    source, target = sqs.Queue(stack, "PipeSource"), sqs.Queue(stack, "PipeTarget")
    role = iam.Role(stack, "PipeRole", assumed_by=iam.ServicePrincipal("pipes.amazonaws.com"))
    source.grant_consume_messages(role)
    target.grant_send_messages(role)
    pipes.CfnPipe(stack, "Pipe", role_arn=role.role_arn, source=source.queue_arn, target=target.queue_arn)


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


def users(stack: Stack) -> None:
    pool = cognito.UserPool(
        stack,
        "Users",
        self_sign_up_enabled=True,
        mfa=cognito.Mfa.OPTIONAL,
        lambda_triggers=cognito.UserPoolTriggers(pre_sign_up=function(stack, "PreSignUp")),
        removal_policy=RemovalPolicy.DESTROY,
    )
    pool.add_domain("Domain", cognito_domain=cognito.CognitoDomainOptions(domain_prefix="specimen"))
    scope = cognito.ResourceServerScope(scope_name="read", scope_description="read")
    server = pool.add_resource_server("Server", identifier="api", scopes=[scope])
    cognito.UserPoolIdentityProviderOidc(
        stack,
        "Oidc",
        user_pool=pool,
        client_id="id",
        client_secret="secret",
        issuer_url="https://id.example.com",
    )
    client = pool.add_client(
        "Client",
        o_auth=cognito.OAuthSettings(scopes=[cognito.OAuthScope.resource_server(server, scope)]),
        generate_secret=True,
    )
    pool.add_group("Admins", group_name="admins")
    cognito.CfnUserPoolUser(stack, "Admin", user_pool_id=pool.user_pool_id, username="admin")
    cognito.CfnIdentityPool(
        stack,
        "Identities",
        allow_unauthenticated_identities=False,
        cognito_identity_providers=[
            cognito.CfnIdentityPool.CognitoIdentityProviderProperty(
                client_id=client.user_pool_client_id, provider_name=pool.user_pool_provider_name
            )
        ],
    )


def apis(stack: Stack) -> None:
    handler = function(stack, "Handler")
    rest = apigateway.RestApi(
        stack,
        "Rest",
        deploy_options=apigateway.StageOptions(tracing_enabled=True, throttling_rate_limit=10),
        default_cors_preflight_options=apigateway.CorsOptions(allow_origins=["https://app.example.com"]),
    )
    items = rest.root.add_resource("items")
    items.add_method(
        "POST",
        apigateway.LambdaIntegration(handler),
        request_validator=rest.add_request_validator("Validator", validate_request_body=True),
        request_models={
            "application/json": rest.add_model(
                "Item", schema=apigateway.JsonSchema(type=apigateway.JsonSchemaType.OBJECT)
            )
        },
        api_key_required=True,
        authorizer=apigateway.TokenAuthorizer(stack, "Token", handler=function(stack, "RestAuthorizer")),
    )
    plan = rest.add_usage_plan("Plan", throttle=apigateway.ThrottleSettings(rate_limit=5, burst_limit=10))
    plan.add_api_key(rest.add_api_key("Key"))
    plan.add_api_stage(stage=rest.deployment_stage)
    rest.add_gateway_response("Denied", type=apigateway.ResponseType.ACCESS_DENIED)
    pool = cognito.UserPool(stack, "Users", removal_policy=RemovalPolicy.DESTROY)
    http = apigatewayv2.HttpApi(
        stack,
        "Http",
        cors_preflight=apigatewayv2.CorsPreflightOptions(allow_origins=["https://app.example.com"]),
    )
    http.add_routes(
        path="/items",
        methods=[apigatewayv2.HttpMethod.GET],
        integration=integrations.HttpLambdaIntegration("Items", handler),
        authorizer=authorizers.HttpUserPoolAuthorizer("Users", pool, user_pool_clients=[pool.add_client("Client")]),
    )
    network = vpc(stack)
    balancer = elbv2.ApplicationLoadBalancer(stack, "Internal", vpc=network)
    listener = balancer.add_listener("Http", port=80, default_action=elbv2.ListenerAction.fixed_response(200))
    http.add_routes(
        path="/internal",
        integration=integrations.HttpAlbIntegration(
            "Internal", listener, vpc_link=apigatewayv2.VpcLink(stack, "Link", vpc=network)
        ),
    )
    socket = apigatewayv2.WebSocketApi(
        stack,
        "Socket",
        connect_route_options=apigatewayv2.WebSocketRouteOptions(
            integration=integrations.WebSocketLambdaIntegration("Connect", handler),
            authorizer=authorizers.WebSocketLambdaAuthorizer("Authorizer", function(stack, "SocketAuthorizer")),
        ),
    )
    socket.add_route("say", integration=integrations.WebSocketLambdaIntegration("Say", handler), return_response=True)
    stage = apigatewayv2.WebSocketStage(stack, "Stage", web_socket_api=socket, stage_name="live", auto_deploy=True)
    CfnOutput(stack, "SocketUrl", value=stage.url)
    handler.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM)


def graph_and_events(stack: Stack) -> None:
    schema = Path(__file__).with_name("schema.graphql")
    api = appsync.GraphqlApi(
        stack,
        "Graph",
        name="graph",
        definition=appsync.Definition.from_file(str(schema)),
        authorization_config=appsync.AuthorizationConfig(
            default_authorization=appsync.AuthorizationMode(authorization_type=appsync.AuthorizationType.API_KEY),
            additional_authorization_modes=[
                appsync.AuthorizationMode(authorization_type=appsync.AuthorizationType.IAM)
            ],
        ),
        xray_enabled=True,
    )
    api.add_lambda_data_source("Functions", function(stack, "Resolver")).create_resolver(
        "Hello", type_name="Query", field_name="hello"
    )
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
        removal_policy=RemovalPolicy.DESTROY,
    )
    api.add_dynamo_db_data_source("Items", table)
    live = appsync.EventApi(stack, "Live", api_name="live")
    live.add_channel_namespace("rooms")
    CfnOutput(stack, "Realtime", value=live.realtime_dns)


def website(stack: Stack) -> None:
    bucket = s3.Bucket(
        stack,
        "Site",
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        removal_policy=RemovalPolicy.DESTROY,
        auto_delete_objects=True,
        server_access_logs_bucket=s3.Bucket(
            stack, "Logs", removal_policy=RemovalPolicy.DESTROY, auto_delete_objects=True
        ),
        lifecycle_rules=[s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(1))],
        event_bridge_enabled=True,
    )
    bucket.add_event_notification(
        s3.EventType.OBJECT_CREATED, notifications.LambdaDestination(function(stack, "Uploaded"))
    )
    rewrite = cloudfront.Function(
        stack, "Rewrite", code=cloudfront.FunctionCode.from_inline("function handler(event) { return event.request; }")
    )
    distribution = cloudfront.Distribution(
        stack,
        "Distribution",
        default_root_object="index.html",
        default_behavior=cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(bucket),
            response_headers_policy=cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS,
            function_associations=[
                cloudfront.FunctionAssociation(function=rewrite, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST)
            ],
        ),
    )
    deployment.BucketDeployment(
        stack,
        "Deployment",
        sources=[deployment.Source.data("index.html", "<h1>hello</h1>")],
        destination_bucket=bucket,
        distribution=distribution,
    )
    zone = route53.PublicHostedZone(stack, "Zone", zone_name="example.test")
    route53.ARecord(
        stack,
        "Record",
        zone=zone,
        target=route53.RecordTarget.from_alias(route53_targets.CloudFrontTarget(distribution)),
    )
    route53.TxtRecord(stack, "Text", zone=zone, record_name="_x", values=["v=1"])
    route53.HealthCheck(
        stack, "Health", type=route53.HealthCheckType.HTTPS, fqdn="example.test", resource_path="/health"
    )
    route53.PrivateHostedZone(stack, "Private", zone_name="internal.test", vpc=vpc(stack))


def releases(stack: Stack) -> None:
    handler = function(stack, "Handler")
    alias = lambda_.Alias(stack, "Live", alias_name="live", version=handler.current_version)
    alias.add_auto_scaling(max_capacity=5, min_capacity=1).scale_on_utilization(utilization_target=0.7)
    alarm = alias.metric_errors().create_alarm(stack, "Errors", threshold=1, evaluation_periods=1)
    codedeploy.LambdaDeploymentGroup(
        stack,
        "Canary",
        alias=alias,
        deployment_config=codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES,
        alarms=[alarm],
    )
    layer = lambda_.LayerVersion.from_layer_version_arn(
        stack,
        "Tools",
        f"arn:aws:lambda:{stack.region}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python313-x86_64:1",
    )
    handler.add_layers(layer)
    bucket = s3.Bucket(stack, "Source", versioned=True, removal_policy=RemovalPolicy.DESTROY, auto_delete_objects=True)
    source, built = codepipeline.Artifact("source"), codepipeline.Artifact("built")
    project = codebuild.PipelineProject(stack, "Build")
    codepipeline.Pipeline(
        stack,
        "Pipeline",
        pipeline_type=codepipeline.PipelineType.V2,
        artifact_bucket=bucket,
        stages=[
            codepipeline.StageProps(
                stage_name="Source",
                actions=[
                    pipeline_actions.S3SourceAction(
                        action_name="Get", bucket=bucket, bucket_key="source.zip", output=source
                    )
                ],
            ),
            codepipeline.StageProps(
                stage_name="Build",
                actions=[
                    pipeline_actions.CodeBuildAction(
                        action_name="Build", project=project, input=source, outputs=[built]
                    )
                ],
            ),
        ],
    )


def operations(stack: Stack) -> None:
    topic = sns.Topic(stack, "Alarms")
    log = logs.LogGroup(stack, "Log", retention=logs.RetentionDays.ONE_WEEK, removal_policy=RemovalPolicy.DESTROY)
    metric = log.add_metric_filter(
        "Errors", filter_pattern=logs.FilterPattern.literal("ERROR"), metric_name="Errors", metric_namespace="specimen"
    ).metric()
    alarm = metric.create_alarm(stack, "Errors", threshold=1, evaluation_periods=1)
    composite = cloudwatch.CompositeAlarm(
        stack, "Any", alarm_rule=cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM)
    )
    CfnOutput(stack, "CompositeArn", value=composite.alarm_arn)
    cloudwatch.Dashboard(stack, "Dashboard", widgets=[[cloudwatch.GraphWidget(left=[metric])]])
    cloudwatch.AnomalyDetectionAlarm(stack, "Unusual", metric=metric, evaluation_periods=2)
    cloudwatch.CfnInsightRule(stack, "Insight", rule_body="{}", rule_name="specimen", rule_state="ENABLED")
    logs.QueryDefinition(
        stack, "Query", query_definition_name="errors", query_string=logs.QueryString(fields=["@message"])
    )
    log.add_subscription_filter(
        "Subscription",
        destination=log_destinations.LambdaDestination(function(stack, "Shipped")),
        filter_pattern=logs.FilterPattern.all_events(),
    )
    xray.CfnGroup(stack, "Traces", group_name="specimen", filter_expression="fault")
    xray.CfnSamplingRule(stack, "Sampling")
    budgets.CfnBudget(
        stack,
        "Budget",
        budget=budgets.CfnBudget.BudgetDataProperty(
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budgets.CfnBudget.SpendProperty(amount=10, unit="USD"),
        ),
        notifications_with_subscribers=[
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN", notification_type="ACTUAL", threshold=80
                ),
                subscribers=[budgets.CfnBudget.SubscriberProperty(address=topic.topic_arn, subscription_type="SNS")],
            )
        ],
    )
    cloudtrail.Trail(stack, "Trail")
    config.ManagedRule(
        stack, "Encrypted", identifier=config.ManagedRuleIdentifiers.S3_BUCKET_SERVER_SIDE_ENCRYPTION_ENABLED
    )
    synthetics.Canary(
        stack,
        "Canary",
        runtime=synthetics.Runtime.SYNTHETICS_PYTHON_SELENIUM_5_1,
        test=synthetics.Test.custom(code=synthetics.Code.from_inline(HANDLER), handler="index.handler"),
    )
    ssm.StringParameter(stack, "Parameter", string_value="value", parameter_name="/specimen/parameter")
    secret = secretsmanager.Secret(stack, "Secret", removal_policy=RemovalPolicy.DESTROY)
    secret.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["secretsmanager:GetSecretValue"],
            principals=[iam.AccountRootPrincipal()],
            resources=["*"],
        )
    )
    servicediscovery.HttpNamespace(stack, "Names", name="specimen")
    ses.EmailIdentity(stack, "Sender", identity=ses.Identity.email("noreply@example.com"))
    ses.CfnTemplate(
        stack,
        "Welcome",
        template=ses.CfnTemplate.TemplateProperty(template_name="specimen", subject_part="Hi", text_part="Hello"),
    )


def people(stack: Stack) -> None:
    group = iam.Group(
        stack, "Group", managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("ReadOnlyAccess")]
    )
    user = iam.User(stack, "User", groups=[group])
    user.add_to_group(iam.Group(stack, "Second"))
    CfnOutput(stack, "KeyId", value=iam.AccessKey(stack, "AccessKey", user=user).access_key_id)
    provider = iam.OidcProviderNative(
        stack, "GitHub", url="https://token.actions.githubusercontent.com", client_ids=["sts.amazonaws.com"]
    )
    role = iam.Role(stack, "Deploy", assumed_by=iam.WebIdentityPrincipal(provider.oidc_provider_arn))
    role.add_to_policy(iam.PolicyStatement(actions=["s3:ListAllMyBuckets"], resources=["*"]))
    iam.ManagedPolicy(stack, "Managed", statements=[iam.PolicyStatement(actions=["sqs:ListQueues"], resources=["*"])])


def devices(stack: Stack) -> None:
    policy = iot.CfnPolicy(
        stack,
        "Policy",
        policy_document={
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
        },
    )
    kind = iot.CfnThingType(stack, "Kind", thing_type_name="sensor")
    thing = iot.CfnThing(stack, "Thing", thing_name="sensor-1")
    thing.add_dependency(kind)
    iot.CfnThingGroup(stack, "Group", thing_group_name="sensors")
    bucket = s3.Bucket(stack, "Telemetry", removal_policy=RemovalPolicy.DESTROY, auto_delete_objects=True)
    role = iam.Role(stack, "RuleRole", assumed_by=iam.ServicePrincipal("iot.amazonaws.com"))
    bucket.grant_put(role)
    queue = sqs.Queue(stack, "Queue")
    queue.grant_send_messages(role)
    iot.CfnTopicRule(
        stack,
        "Rule",
        topic_rule_payload=iot.CfnTopicRule.TopicRulePayloadProperty(
            sql="SELECT * FROM 'dt/+/telemetry'",
            actions=[
                iot.CfnTopicRule.ActionProperty(
                    s3=iot.CfnTopicRule.S3ActionProperty(
                        bucket_name=bucket.bucket_name, key="${topic(2)}/${timestamp()}", role_arn=role.role_arn
                    )
                ),
                iot.CfnTopicRule.ActionProperty(
                    sqs=iot.CfnTopicRule.SqsActionProperty(queue_url=queue.queue_url, role_arn=role.role_arn)
                ),
            ],
        ),
    )
    iot.CfnRoleAlias(stack, "Alias", role_arn=role.role_arn)
    CfnOutput(stack, "PolicyArn", value=policy.attr_arn)


def searches_and_batches(stack: Stack) -> None:
    opensearch.CfnSecurityPolicy(stack, "Policy", name="specimen", type="encryption", policy="{}")
    collection = opensearch.CfnCollection(stack, "Collection", name="specimen", type="SEARCH")
    CfnOutput(stack, "CollectionEndpoint", value=collection.attr_collection_endpoint)
    environment = batch.FargateComputeEnvironment(stack, "Environment", vpc=vpc(stack))
    batch.JobQueue(
        stack,
        "Jobs",
        compute_environments=[batch.OrderedComputeEnvironment(compute_environment=environment, order=1)],
    )
    batch.EcsJobDefinition(
        stack,
        "Job",
        container=batch.EcsFargateContainerDefinition(
            stack,
            "Container",
            image=ecs.ContainerImage.from_registry("public.ecr.aws/docker/library/busybox"),
            cpu=0.25,
            memory=Size.mebibytes(512),
        ),
    )
    scaling.CfnScalableTarget(
        stack,
        "Target",
        max_capacity=2,
        min_capacity=1,
        resource_id="service/x/y",
        scalable_dimension="ecs:service:DesiredCount",
        service_namespace="ecs",
    )


FAMILIES: dict[str, Callable[[Stack], None]] = {
    "Network": network,
    "BalancedContainers": balanced_containers,
    "BalancedFunctions": balanced_functions,
    "ScaledInstances": scaled_instances,
    "Databases": databases,
    "Tables": tables,
    "Messages": messages,
    "EventsAndWorkflows": events_and_workflows,
    "Streams": streams,
    "Users": users,
    "Apis": apis,
    "GraphAndEvents": graph_and_events,
    "Website": website,
    "Releases": releases,
    "Operations": operations,
    "People": people,
    "Devices": devices,
    "SearchesAndBatches": searches_and_batches,
}


def main(output: str) -> None:
    app = App(outdir=output)
    for name, family in FAMILIES.items():
        family(Stack(app, name))
    app.synth()


if __name__ == "__main__":
    main(sys.argv[1])
