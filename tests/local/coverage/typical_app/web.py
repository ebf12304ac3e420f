"""APIs, users and websites."""

from pathlib import Path

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_appsync as appsync
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as route53_targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from aws_cdk import aws_s3_notifications as notifications

from tests.local.coverage.typical_app.common import function, vpc


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
