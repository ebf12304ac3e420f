"""The key pairs that sign URLs and cookies of one distribution: made, kept, rotated and deleted in the account."""

from typing import TYPE_CHECKING

from aws_cdk import Aws, CustomResource
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

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
    """

    secret: secretsmanager.ISecret
    key_group: cloudfront.IKeyGroup
    rotation_function: lambda_.IFunction

    def __init__(
        self, scope: Construct, construct_id: str, *, rotate_every_days: int, alarm_topic: "sns.ITopic | None"
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
            "the log of the rotation function, mend the cause, and rotate the secret again.",
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
