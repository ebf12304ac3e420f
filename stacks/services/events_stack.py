"""What the services share: a topic for the events of each, and who is told when something fails."""

from aws_cdk import Environment, Stack
from constructs import Construct

from cdp_constructs import SnsSqsFanout
from cdp_constructs.core.keys import add_key
from cdp_constructs.core.runbooks import use_runbooks
from stacks.alarms import add_alarms
from stacks.services import RUNBOOKS
from stacks.services.config import ServicesConfiguration

__all__ = ["CopyStack", "EventsStack"]


class EventsStack(Stack):
    """A topic for each service, to which it alone publishes. The services' stacks refer to this one, never to another.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Where the services run.
        configuration: What the operator decides.
        services: Their names.

    Attributes:
        alarms: Receives the alarms of all services.
        fanouts: By service, where its events are published.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        env: Environment,
        configuration: ServicesConfiguration,
        services: list[str],
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Services: the topics of their events")
        use_runbooks(self, RUNBOOKS)
        self.alarms = add_alarms(self, configuration.alarm_email, option="services.alarm_email")
        key = add_key(self, "EncryptionKey", description="Encrypts the events of the services")
        self.fanouts = {
            name: SnsSqsFanout(self, name.capitalize(), encryption_key=key, alarm_topic=self.alarms.topic)
            for name in services
        }


class CopyStack(Stack):
    """A queue of another Region for each topic: every event, for 14 days, whatever becomes of the services' Region.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: The other Region.
        configuration: What the operator decides.
        events: Their topics.

    Attributes:
        copies: By service, the subscriber that keeps its events.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        env: Environment,
        configuration: ServicesConfiguration,
        events: EventsStack,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Services: copies of their events")
        use_runbooks(self, RUNBOOKS)
        alarms = add_alarms(self, configuration.alarm_email, option="services.alarm_email")
        self.copies = {
            name: fanout.add_remote_subscriber(self, f"{name.capitalize()}Copies", alarm_topic=alarms.topic)
            for name, fanout in events.fanouts.items()
        }
