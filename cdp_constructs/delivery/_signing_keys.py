"""The key pairs that sign URLs and cookies of one distribution, what rotates them, and the function that signs."""

from aws_cdk import Aws, CustomResource, Duration, Fn, RemovalPolicy, Token
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import sns
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minutes

# A rotation keeps the previous key trusted, so a function may sign with what it read minutes ago.
_SECRET_CACHE = Duration.minutes(5)
_SECRET_ACTIONS = ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
_CLOUDFRONT_ACTIONS = (
    "CreateKeyGroup",
    "CreatePublicKey",
    "DeleteKeyGroup",
    "DeletePublicKey",
    "GetKeyGroup",
    "GetPublicKey",
    "ListKeyGroups",
    "ListPublicKeys",
    "UpdateKeyGroup",
)


class SigningKeys(Construct):
    """A secret with the private key, a key group with the current and the previous public key, and what rotates them.

    One function owns public keys and key group, at deployment as a custom resource and later as the rotation function,
    so that a deployment never puts back keys that a rotation replaced.

    Args:
        scope: The distribution's pattern.
        construct_id: Id inside ``scope``.
        rotate_every_days: Days between rotations, 1 to 1,000.
        alarm_topic: Receives an alarm when keys could not be made or rotated.
        log_retention: How long the function's logs are kept.
        removal_policy: What happens to the log group when the stack is deleted. Secret and keys are deleted with it.
    """

    secret: secretsmanager.ISecret
    key_group: cloudfront.IKeyGroup
    rotation_function: lambda_.Function

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        rotate_every_days: int,
        alarm_topic: "sns.ITopic | None",
        log_retention: logs.RetentionDays,
        removal_policy: RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        where = path_of(scope)
        self.secret = secretsmanager.Secret(
            self, "Secret", description=f"{where}: private key that signs CloudFront URLs and cookies"
        )
        function = add_function(
            self,
            "RotationFunction",
            handler="delivery/key_rotation",
            description="Makes, rotates and deletes the key pairs that sign CloudFront URLs and cookies",
            invocation=Invocation.REQUEST,
            timeout=minutes(1),
            memory_size=512,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        self.rotation_function = function
        policy = self._add_permissions(function)
        keys = CustomResource(
            self,
            "Keys",
            resource_type="Custom::CloudFrontSigningKeys",
            service_token=function.function_arn,
            service_timeout=minutes(3),
            properties={"SecretId": self.secret.secret_arn},
        )
        # The group's name, as the function makes it of the custom resource's event: a rotation finds the group by it
        # when the secret has lost its key.
        made_for = stack_of(self).get_logical_id(keys.node.default_child)[-40:]  # type: ignore[arg-type]  # its L1
        deployment = Fn.select(2, Fn.split("/", Aws.STACK_ID))
        function.add_environment("KEY_GROUP_NAME", Fn.join("-", [made_for, deployment]))
        # The permissions come before the first key and go after the last one.
        keys.node.add_dependency(policy)
        self.key_group = cloudfront.KeyGroup.from_key_group_id(self, "KeyGroup", keys.ref)

        # Not Secret.add_rotation_schedule(), which also grants secretsmanager:GetRandomPassword on *.
        rotation = secretsmanager.CfnRotationSchedule(
            self,
            "Rotation",
            secret_id=self.secret.secret_arn,
            rotation_lambda_arn=function.function_arn,
            rotate_immediately_on_update=False,
            rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(
                automatically_after_days=rotate_every_days
            ),
        )
        rotation.node.add_dependency(keys, function.node.find_child("InvokedByRotation"))
        add_alarm(
            self,
            "RotationAlarm",
            function.metric_errors(period=minutes(5), statistic="sum"),
            alarm_topic=alarm_topic,
            description=f"{where}: the signing key could not be rotated; the current key still signs. Read "
            "the log of the rotation function, fix the cause, and rotate the secret again.",
        )

    def _add_permissions(self, function: lambda_.Function) -> iam.Policy:
        function.add_permission(
            "InvokedByRotation",
            principal=iam.ServicePrincipal("secretsmanager.amazonaws.com"),
            source_account=Aws.ACCOUNT_ID,
        )
        policy = iam.Policy(
            self,
            "KeyManagement",
            statements=[
                iam.PolicyStatement(
                    actions=[f"secretsmanager:{action}" for action in _SECRET_ACTIONS],
                    resources=[self.secret.secret_arn],
                ),
                iam.PolicyStatement(
                    actions=[f"cloudfront:{action}" for action in _CLOUDFRONT_ACTIONS], resources=["*"]
                ),
            ],
        )
        function.role.attach_inline_policy(policy)  # type: ignore[union-attr]  # our functions always have a role
        acknowledge(
            policy,
            "AwsSolutions-IAM5[Resource::*]",
            "Public keys and key groups have no ARNs: these actions accept only * (service authorization reference of "
            "CloudFront).",
        )
        return policy


def add_signing_function(
    scope: Construct,
    secret: secretsmanager.ISecret,
    *,
    domain_name: str,
    user_prefix: str,
    own_name: bool,
    log_retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
) -> lambda_.Function:
    """Add the function that signs with the private key; its id inside ``scope`` is ``SigningFunction``.

    Args:
        scope: The distribution's pattern.
        secret: Holds the private key.
        domain_name: Host name of the signed URLs.
        user_prefix: Paths that a user may see.
        own_name: Whether the host is one of the user's domain, which an API of the same domain can set cookies for.
        log_retention: How long its logs are kept.
        removal_policy: What happens to its log group when the stack is deleted.
    """
    environment = {
        "DOMAIN_NAME": domain_name,
        "SIGNING_SECRET": secret.secret_arn,
        "USER_PREFIX": user_prefix,
        "POWERTOOLS_PARAMETERS_MAX_AGE": str(_SECRET_CACHE.to_seconds()),
    }
    if own_name and not Token.is_unresolved(domain_name):
        # files.example.com gets cookies that api.example.com sets for example.com.
        environment["COOKIE_DOMAIN"] = domain_name.partition(".")[2]
    function = add_function(
        scope,
        "SigningFunction",
        handler="delivery/url_signing",
        description="Signs CloudFront URLs and cookies for those who may see the objects",
        invocation=Invocation.REQUEST,
        environment=environment,
        memory_size=512,
        log_retention=log_retention,
        removal_policy=removal_policy,
    )
    secret.grant_read(function)
    return function
