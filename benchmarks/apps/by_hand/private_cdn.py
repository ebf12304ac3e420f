"""Files of a private bucket, through CloudFront, for those who have a signature; keys are rotated."""

from aws_cdk import CustomResource, Duration, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from benchmarks.apps.by_hand.functions import add_function
from benchmarks.apps.by_hand.parts import access_logs, add_alarm, add_bucket

_CLOUDFRONT_ACTIONS = [
    f"cloudfront:{verb}{thing}" for thing in ("KeyGroup", "PublicKey") for verb in ("Create", "Delete", "Get")
] + ["cloudfront:ListKeyGroups", "cloudfront:ListPublicKeys", "cloudfront:UpdateKeyGroup"]


def build(stack: Stack, name: str, operators: sns.ITopic) -> None:
    """Add the distribution and its bucket."""
    add_private_cdn(stack, name, operators)


def add_private_cdn(
    stack: Stack,
    name: str,
    operators: sns.ITopic,
    *,
    bucket: s3.IBucket | None = None,
    origin_path: str | None = None,
) -> lambda_.Function:
    """Add the distribution, and return the function that signs."""
    scope = Construct(stack, name)
    if bucket is None:
        bucket = add_bucket(scope, "Bucket")
    secret = secretsmanager.Secret(scope, "Secret", description="Private key that signs URLs and cookies")
    keys = _add_keys(scope, secret, operators)
    distribution = cloudfront.Distribution(
        scope,
        "Distribution",
        comment=name,
        http_version=cloudfront.HttpVersion.HTTP2_AND_3,
        enable_logging=True,
        log_bucket=access_logs(stack),
        log_file_prefix=f"cloudfront/{name}/",
        default_behavior=cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(bucket, origin_path=origin_path),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            compress=True,
            response_headers_policy=_add_headers(scope),
            trusted_key_groups=[cloudfront.KeyGroup.from_key_group_id(scope, "KeyGroup", keys.ref)],
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        ),
    )
    function = add_function(
        scope,
        "SigningFunction",
        "delivery/url_signing",
        "Signs URLs and cookies",
        environment={
            "DOMAIN_NAME": distribution.domain_name,
            "POWERTOOLS_PARAMETERS_MAX_AGE": "300",
            "SIGNING_SECRET": secret.secret_arn,
            "USER_PREFIX": "{sub}/",
        },
        memory_size=512,
    )
    secret.grant_read(function)
    # The CDK leaves out the dimension Region, without which CloudFront publishes nothing.
    errors = distribution.metric5xx_error_rate(
        dimensions_map={"DistributionId": distribution.distribution_id, "Region": "Global"},
        period=Duration.minutes(5),
        region="us-east-1",
    )
    add_alarm(scope, "ServerErrorsAlarm", errors, operators, "Answers 5xx", threshold=5, evaluation_periods=2)
    return function


def _add_keys(scope: Construct, secret: secretsmanager.Secret, operators: sns.ITopic) -> CustomResource:
    function = add_function(
        scope,
        "RotationFunction",
        "delivery/key_rotation",
        "Makes and rotates key pairs",
        environment={"KEY_GROUP_NAME": scope.node.id},
        memory_size=512,
        timeout=Duration.minutes(1),
    )
    permission = lambda_.CfnPermission(
        scope,
        "InvokedByRotation",
        action="lambda:InvokeFunction",
        function_name=function.function_arn,
        principal="secretsmanager.amazonaws.com",
        source_account=Stack.of(scope).account,
    )
    policy = iam.Policy(
        scope,
        "KeyManagement",
        roles=[function.role],  # type: ignore[list-item]  # it was given one
        statements=[
            iam.PolicyStatement(
                actions=[
                    "secretsmanager:DescribeSecret",
                    "secretsmanager:GetSecretValue",
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:UpdateSecretVersionStage",
                ],
                resources=[secret.secret_arn],
            ),
            iam.PolicyStatement(actions=_CLOUDFRONT_ACTIONS, resources=["*"]),
        ],
    )
    keys = CustomResource(
        scope,
        "Keys",
        resource_type="Custom::CloudFrontSigningKeys",
        service_token=function.function_arn,
        service_timeout=Duration.minutes(3),
        properties={"SecretId": secret.secret_arn},
    )
    keys.node.add_dependency(policy)
    rotation = secretsmanager.CfnRotationSchedule(
        scope,
        "Rotation",
        secret_id=secret.secret_arn,
        rotation_lambda_arn=function.function_arn,
        rotate_immediately_on_update=False,
        rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(automatically_after_days=90),
    )
    rotation.node.add_dependency(keys, permission)
    errors = function.metric_errors(period=Duration.minutes(5), statistic="sum")
    add_alarm(scope, "RotationAlarm", errors, operators, "The signing key could not be rotated")
    return keys


def _add_headers(scope: Construct) -> cloudfront.ResponseHeadersPolicy:
    return cloudfront.ResponseHeadersPolicy(
        scope,
        "SecurityHeaders",
        security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
            strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                access_control_max_age=Duration.days(365), include_subdomains=True, override=True
            ),
            content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
            frame_options=cloudfront.ResponseHeadersFrameOptions(
                frame_option=cloudfront.HeadersFrameOption.DENY, override=True
            ),
            referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
            ),
            content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                content_security_policy="default-src 'none'; img-src 'self'; sandbox", override=True
            ),
        ),
    )
