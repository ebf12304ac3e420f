"""Board D6, Anonymous: messages go to a FIFO queue first, and workers store them in order."""

from aws_cdk import Environment, Stack
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs import (
    DirectObjectUpload,
    QueueWorkers,
    ReplicatedDatabase,
    ScaleOutService,
    ServiceFront,
    ServiceNetwork,
    SnsSqsFanout,
    WorkQueue,
)
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.files import add_files, allow_files, settings_of_files
from stacks.dojo.parts import add_alarm_topic, add_front, add_outputs, add_session_key, chat_container
from stacks.dojo.servers import add_database, add_servers, outputs_of, settings_of

__all__ = ["AnonymousStack"]

_DELIVERIES = 20


class AnonymousStack(Stack):
    """A message is accepted by the queue, whatever the database does; workers store it in order, and once.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Where it runs.
        configuration: What the operator decides.
        min_workers: Workers at least; with 0, the first message after a pause waits for a minute or two.
    """

    front: ServiceFront
    """The load balancer."""
    servers: ScaleOutService
    """They accept messages, and answer readers."""
    workers: QueueWorkers
    """They store messages."""
    database: ReplicatedDatabase
    """Writer and standby."""
    queue: sqs.Queue
    """Messages that are accepted, in order for each room."""
    dead_letter_queue: sqs.Queue
    """Messages that nobody can read, or that failed too often."""
    files: DirectObjectUpload
    """Where browsers upload to."""
    notices: SnsSqsFanout
    """Notices to people who are away."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        env: Environment,
        configuration: DojoConfiguration,
        min_workers: int = 2,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Anonymous: a chat that accepts messages first")
        alarm_topic = add_alarm_topic(self, configuration)
        name = configuration.domain_name("anonymous")
        # A NAT gateway in each zone: the way to SQS that servers of a zone have is lost with that zone only.
        network = ServiceNetwork(self, "Network", nat_gateways=True, alarm_topic=alarm_topic)
        self.database = add_database(self, network, alarm_topic)
        self.dead_letter_queue = add_dead_letter_queue(
            self, "MessageDeadLetterQueue", alarm_topic=alarm_topic, holds="messages that nobody can store", fifo=True
        )
        self.queue = add_work_queue(
            self,
            "Messages",
            dead_letter_queue=self.dead_letter_queue,
            visibility_timeout=minutes(1),
            max_receive_count=_DELIVERIES,
            fifo=True,
        )
        self.files = add_files(self, origin=f"https://{name}", alarm_topic=alarm_topic)
        self.notices = SnsSqsFanout(self, "Notices", alarm_topic=alarm_topic)
        settings = {
            **settings_of(self.database, self.notices, name),
            "database_reader_host": self.database.cluster.attr_read_endpoint_address,
            "intake": "queue",
            "queue_url": self.queue.queue_url,
            "dead_letter_queue_url": self.dead_letter_queue.queue_url,
        }
        secrets = {"session_key": add_session_key(self)}
        self.front = add_front(self, configuration, "anonymous", network, alarm_topic)
        container = chat_container({**settings, **settings_of_files(self.files)}, secrets=secrets)
        self.servers = add_servers(self, container, front=self.front, network=network, alarm_topic=alarm_topic, most=8)
        allow_files(self.servers.task_role, self.files)
        self.notices.grant_publish(self.servers.task_role)
        self.workers = QueueWorkers(
            self,
            "Workers",
            container=chat_container(
                settings,
                secrets=secrets,
                command=["python", "-m", "stacks.dojo.app.worker"],
                stop_timeout=seconds(60),
            ),
            queues=[WorkQueue("Messages", queue=self.queue, max_age=minutes(5))],
            cluster=self.servers.cluster,
            min_tasks=min_workers,
            max_tasks=6,
            backlog_per_task=100,
            alarm_topic=alarm_topic,
        )
        self.workers.grant_send(self.servers.task_role)
        # The worker itself sends there what nobody can read, with the reason.
        self.dead_letter_queue.grant(self.workers.task_definition.task_role, "sqs:SendMessage")
        for service in (self.servers.service, self.workers.service):
            self.database.grant_connect(service)
        add_outputs(
            self,
            **outputs_of(name, self.front, self.servers, self.database, self.notices),
            WorkerServiceName=self.workers.service.service_name,
            QueueUrl=self.queue.queue_url,
            DeadLetterQueueUrl=self.dead_letter_queue.queue_url,
        )
