"""The stack of one Region of the chat."""

from typing import TYPE_CHECKING, Any

from aws_cdk import Annotations, CfnOutput, Stack
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from cdp_constructs import DeepHealthCheck, MultiRegionLatencyRouting, StateSharing
from cdp_constructs.core.runbooks import use_runbooks
from stacks.alarms import add_alarms
from stacks.chat.api import Api
from stacks.chat.attachments import Attachments
from stacks.chat.edge_stack import hosted_zone
from stacks.chat.live import Live
from stacks.chat.messages import Messages
from stacks.chat.notices import Notices
from stacks.chat.operations import RUNBOOKS, add_operations
from stacks.unsubscribe import UNSUBSCRIBE_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stacks.chat.config import ChatConfiguration
    from stacks.chat.global_stack import GlobalStack


class RegionalStack(Stack):
    """One Region of the chat: it serves its users with its own replica, whatever happens to the other Regions.

    Attributes:
        table: This Region's replica.
        alarms: Where this Region's alarms go.
        messages: Fan-out of what happens in rooms, and archive of messages.
        live: Live channels and their publisher.
        state: Presence and typing.
        notices: Mail and push for members who are away; None without the key ``notices``.
        attachments: Uploads and downloads.
        api: The HTTP API.
        health: The deep health check of the Region.
        routing: Routes users here when it is their nearest healthy Region; None without ``latency_routing``.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        configuration: "ChatConfiguration",
        shared: "GlobalStack",
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, description="Chat: one Region", termination_protection=True, **kwargs)
        use_runbooks(self, configuration.runbook_base_url or RUNBOOKS)
        self.table = self._replica("Table", shared.table_name)
        self._issuer = shared.issuer
        self.alarms = add_alarms(self, configuration.alarm_email, option="chat.alarm_email")
        self.messages = Messages(self, "Messages", table=self.table, alarm_topic=self.alarms.topic)
        self.attachments = Attachments(
            self,
            "Attachments",
            table=self.table,
            index_table=self._replica("AttachmentIndex", shared.attachment_index_name),
            allowed_origins=configuration.origins,
            alarm_topic=self.alarms.topic,
        )
        self.api = Api(
            self,
            "Chat",
            allowed_origins=configuration.origins,
            issuer=shared.issuer,
            limits=configuration.limits,
            max_delivery_lag=configuration.max_delivery_lag,
            typing_notices=configuration.typing_notices,
            silence_minutes=configuration.silence_minutes,
            alarm_topic=self.alarms.topic,
        )
        self.api.use_table(self.table, configuration.log_regions)
        self.live = Live(
            self,
            "Live",
            table=self.table,
            fanout=self.messages.fanout,
            issuer=shared.issuer,
            max_delivery_lag=configuration.max_delivery_lag,
            alarm_topic=self.alarms.topic,
        )
        self.api.use_live(self.live.channels)
        self.state = StateSharing(self, "State", table=self.table, alarm_topic=self.alarms.topic)
        self.api.use_state(self.state)
        self.notices = self._add_notices(configuration, shared)
        self.health = self._add_health_check()
        self.routing = self._add_routing(configuration)
        CfnOutput(self, "ApiUrl", value=self.api.api.api_endpoint)
        CfnOutput(self, "TableName", value=self.table.table_name)
        CfnOutput(self, "DeliveryDomain", value=self.attachments.delivery.domain_name)

    def connect(self, regions: "Mapping[str, RegionalStack]") -> None:
        """Let this Region's API deliver the attachments of every Region, and complete the stack.

        Args:
            regions: All Regions' stacks by Region, this one included.
        """
        signing_functions = {region: stack.attachments.signing_function_name for region, stack in regions.items()}
        self.api.use_attachments(self.attachments.upload, signing_functions)
        self.api.use_index(self.attachments.index)
        add_operations(
            self,
            alarm_topic=self.alarms.topic,
            api=self.api.authorized,
            channels=self.live.channels,
            messages=self.messages,
            attachments=self.attachments,
            health=self.health,
            table_name=self.table.table_name,
            other_regions=[region for region in regions if region != self.region],
            issuer=self._issuer,
            notifications=self.notices.notifications if self.notices is not None else None,
        )

    def _replica(self, construct_id: str, table_name: str) -> dynamodb.ITableV2:
        """Return this Region's replica of a global table."""
        arn = self.format_arn(service="dynamodb", resource="table", resource_name=table_name)
        Annotations.of(self).acknowledge_warning(
            "cdp-constructs:ImportedTable", "ChatGlobal defines the tables with the keys and indexes of the patterns."
        )
        return dynamodb.TableV2.from_table_arn(self, construct_id, arn)

    def _add_notices(self, configuration: "ChatConfiguration", shared: "GlobalStack") -> Notices | None:
        if configuration.notices is None:
            return None
        address = f"https://{configuration.domain_name}" if configuration.domain_name else self.api.api.api_endpoint
        notices = Notices(
            self,
            "Notices",
            configuration=configuration.notices,
            # Where the web client is: a notice links to its room.
            web_address=str(configuration.web_address),
            unsubscribe_url=f"{address}{UNSUBSCRIBE_PATH}",
            issuer=shared.issuer,
            vapid_keys=shared.vapid_keys,
            table=self.table,
            state=self.state,
            fanout=self.messages.fanout,
            alarm_topic=self.alarms.topic,
        )
        self.api.use_notices(notices.notifications)
        return notices

    def _add_health_check(self) -> DeepHealthCheck:
        health = DeepHealthCheck(self, "Health", api=self.api.api, alarm_topic=self.alarms.topic)
        # Without its table a Region cannot serve; without the others, messages can still be posted and read.
        health.add_table(self.table)
        health.add_topic(self.messages.fanout.topic, hard=False)
        health.add_bucket(self.attachments.upload.bucket, hard=False)
        return health

    def _add_routing(self, configuration: "ChatConfiguration") -> MultiRegionLatencyRouting | None:
        if not configuration.latency_routing:
            return None
        zone = hosted_zone(self, configuration)
        return MultiRegionLatencyRouting(
            self,
            "Routing",
            zone=zone,
            domain_name=str(configuration.domain_name),
            api=self.api.api,
            health_check_path=self.health.path,
        )
