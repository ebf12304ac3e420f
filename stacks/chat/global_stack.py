"""What the chat has once for all Regions: who its users are, and one table that is written in every Region."""

from typing import Any

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from cdp_constructs._defaults.acknowledgments import acknowledge
from stacks.chat.config import ChatConfiguration

# Signing 1,000,000 users in again takes 2.3 h at Cognito's 120/s, so nobody should have to: a session outlasts an
# outage. Tokens for the API outlive the recovery goal of one hour, because only the home Region can refresh them.
_SESSION = Duration.days(90)
_TOKEN = Duration.hours(4)

ROOMS_OF_USER = "RoomsOfUser"
"""Index: partition key ``user``, sort key ``room``; holds memberships only."""


class GlobalStack(Stack):
    """The user pool and the global table, defined in the home Region.

    Attributes:
        user_pool: Who may sign in.
        user_pool_client: The public client (browser, mobile application); it has no secret.
        table: Rooms, members, messages and attachments, with a replica in every Region.
    """

    def __init__(self, scope: Construct, construct_id: str, *, configuration: ChatConfiguration, **kwargs: Any) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Chat: sign-in and data of all Regions",
            termination_protection=True,
            **kwargs,
        )
        self.user_pool = self._add_user_pool()
        self.user_pool_client = self.user_pool.add_client(
            "Client",
            auth_flows=cognito.AuthFlow(user_srp=True, user_password=True),
            generate_secret=False,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=_TOKEN,
            id_token_validity=_TOKEN,
            refresh_token_validity=_SESSION,
            disable_o_auth=True,
        )
        replicas = [region for region in configuration.regions if region != configuration.home_region]
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=ROOMS_OF_USER,
                    partition_key=dynamodb.Attribute(name="user", type=dynamodb.AttributeType.STRING),
                    sort_key=dynamodb.Attribute(name="room", type=dynamodb.AttributeType.STRING),
                )
            ],
            replicas=[dynamodb.ReplicaTableProps(region=region) for region in replicas],
            billing=dynamodb.Billing.on_demand(),
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )

        CfnOutput(self, "UserPoolId", value=self.user_pool.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=self.user_pool_client.user_pool_client_id)

    @property
    def table_name(self) -> str:
        """Name of the table in every Region, as a reference that other Regions' stacks read at deployment.

        The construct's own ``table_name`` would want a fixed name, and that an account id, for the other Regions.
        """
        resource: dynamodb.CfnGlobalTable = self.table.node.default_child  # type: ignore[assignment]  # its only L1
        return resource.ref

    def _add_user_pool(self) -> cognito.UserPool:
        pool = cognito.UserPool(
            self,
            "Users",
            self_sign_up_enabled=True,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            keep_original=cognito.KeepOriginalAttrs(email=True),
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_digits=True,
                require_lowercase=True,
                require_uppercase=True,
                require_symbols=True,
                temp_password_validity=Duration.days(3),
            ),
            mfa=cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            feature_plan=cognito.FeaturePlan.ESSENTIALS,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        acknowledge(
            pool,
            "AwsSolutions-COG2",
            "A second factor (authenticator app) is offered, not forced: the public signs up here by itself, and an "
            "account reaches only rooms it was invited to.",
        )
        acknowledge(
            pool,
            "AwsSolutions-COG8",
            "The Plus plan would multiply the price per user for threat protection; the Essentials plan with a strong "
            "password policy is the choice until there is an abuse problem to pay for.",
        )
        return pool
