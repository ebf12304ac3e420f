"""VapidKeys: the key pair by which push services recognise an application."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, CustomResource, Fn, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.cdk import kms
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.meanings import check_replica_regions
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minute, minutes

__all__ = ["VapidKeys"]


@checks_options
class VapidKeys(Construct):
    """The key pair by which push services recognise an application (VAPID, RFC 8292); it is made at deployment.

    The private key exists in a secret only. Browsers subscribe to the public key and take messages that are signed with
    the private one, so the pair is the same in all Regions and is never replaced: with another one every browser would
    have to subscribe again::

        keys = VapidKeys(shared, "VapidKeys", replica_regions=["us-west-2"])
    """

    secret: "secretsmanager.ISecret"
    """JSON with ``private_key`` (PEM) and ``public_key``."""
    public_key: str
    """What browsers subscribe to (``applicationServerKey``), in base64url; known at deployment."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        replica_regions: Sequence[str] | None = None,
        encryption_key: "kms.IKey | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Create the secret, and the function that makes the pair.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            replica_regions: Other Regions that get a replica of the secret. Default: none.
            encryption_key: A customer-managed key for secret and log of this Region. Default: each service encrypts
                with a key of its own, as replicas always do.
            log_retention: How long the function's log is kept. Default: 3 months.
            removal_policy: What happens to the secret and the log group when the stack is deleted. Default: kept.

        Raises:
            InvalidOptionError: when the key is in another Region.
        """
        super().__init__(scope, construct_id)
        check_replica_regions(self, replica_regions or ())
        where = path_of(self)
        secret = secretsmanager.Secret(
            self,
            "Secret",
            description=f"{where}: private key with which messages of Web Push are signed",
            encryption_key=encryption_key,
            replica_regions=[secretsmanager.ReplicaRegion(region=region) for region in replica_regions or ()],
            removal_policy=removal_policy,
        )
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "Browsers subscribe to the public key: a rotation would end the subscription of every one of them.",
        )
        self.secret = secret
        function = add_function(
            self,
            "Function",
            handler="messaging/vapid_keys",
            description="Makes the key pair with which messages of Web Push are signed",
            invocation=Invocation.REQUEST,
            timeout=minute(),
            log_retention=log_retention,
            log_encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        policy = iam.Policy(
            self,
            "KeyManagement",
            statements=[
                iam.PolicyStatement(
                    actions=["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
                    resources=[secret.secret_arn],
                )
            ],
        )
        function.role.attach_inline_policy(policy)  # type: ignore[union-attr]  # our functions always have a role
        if encryption_key is not None:
            encryption_key.grant(policy, "kms:Decrypt", "kms:GenerateDataKey")
        made = CustomResource(
            self,
            "Pair",
            resource_type="Custom::VapidKeys",
            service_token=function.function_arn,
            service_timeout=minutes(3),
            properties={"SecretId": secret.secret_arn},
        )
        made.node.add_dependency(policy)
        self.public_key = made.get_att_string("PublicKey")

    def secret_arn_in(self, stack: Stack) -> str:
        """Return the ARN of the secret, or of its replica, in the Region of a stack."""
        own = stack_of(self)
        if stack is own or (stack.region == own.region and not Token.is_unresolved(stack.region)):
            return self.secret.secret_arn
        # A replica has the name of the secret, with the same end.
        resource: secretsmanager.CfnSecret = self.secret.node.default_child  # type: ignore[assignment]  # its only L1
        # The construct's own ARN would want a fixed name for stacks of other Regions.
        name = Fn.select(1, Fn.split(":secret:", resource.ref))
        return stack.format_arn(
            service="secretsmanager", resource="secret", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
