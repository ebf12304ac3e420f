"""Notices by mail and push, as each user chose: that a picture is ready."""

from typing import TYPE_CHECKING

from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_ses as ses
from constructs import Construct

from cdp_constructs import AuthorizedApi, Notifications, QueueConsumer, SnsSqsFanout
from cdp_constructs.core.functions import Invocation, add_function
from cdp_constructs.core.periods import seconds
from stacks.mobile import HANDLERS
from stacks.unsubscribe import UNSUBSCRIBE_PATH, add_unsubscribe_routes

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from stacks.mobile.config import MobileConfiguration


class Notices(Construct):
    """Who is notified of what, and where users choose it.

    Attributes:
        notifications: Sends, at once or as a digest.
        subscriber: The subscriber of the fan-out of pictures that notifies their owners.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        configuration: "MobileConfiguration",
        api: AuthorizedApi,
        made: SnsSqsFanout,
        alarm_topic: "sns.ITopic",
    ) -> None:
        super().__init__(scope, construct_id)
        name = configuration.domain_name
        address = api.api.api_endpoint if name is None else f"https://{name}/api"
        self.notifications = Notifications(
            self,
            "Notifications",
            identity=ses.EmailIdentity.from_email_identity_name(self, "Identity", configuration.notices.identity),
            sender=configuration.notices.sender,
            unsubscribe_url=f"{address}{UNSUBSCRIBE_PATH}",
            issuer=api.issuer,
            platform_applications=configuration.notices.platform_applications,
            alarm_topic=alarm_topic,
        )
        settings = add_function(
            self,
            "Settings",
            handler=HANDLERS / "notice_settings",
            description="Keeps what users choose about notices, and their devices",
            invocation=Invocation.REQUEST,
            correlates=True,
        )
        self.notifications.share_with(settings)
        limits = apigatewayv2.ThrottleSettings(rate_limit=100, burst_limit=50)
        api.add_routes(["GET /notices", "PUT /notices", "POST /devices"], settings, throttle=limits)
        add_unsubscribe_routes(api.api, self.notifications)
        notifier = add_function(
            self,
            "PictureNotices",
            handler=HANDLERS / "picture_notices",
            description="Notifies owners of pictures that have a thumbnail",
            invocation=Invocation.EVENT_SOURCE,
            correlates=True,
            environment={"NOTICES_QUEUE": self.notifications.queue.queue_url, "WEB_ADDRESS": _web(name)},
            timeout=seconds(30),
        )
        self.notifications.grant_notify(notifier)
        self.subscriber = made.add_subscriber("Notices", consumer=QueueConsumer(notifier))


def _web(name: str | None) -> str:
    """Return where a notice leads: the application opens links of its own name, and of its own scheme without one."""
    return f"https://{name}" if name is not None else "https://www.example.com"
