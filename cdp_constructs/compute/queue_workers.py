"""Queue Workers: containers that work off queues, as many as there is work for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdp_constructs.compute._backlog_scaling import (
    MOST_QUEUES,
    backlog,
    running_tasks,
    scale_on_backlog,
    without_tasks,
)
from cdp_constructs.compute._tasks import add_cluster, add_service, add_task_definition, subnets_of_tasks
from cdp_constructs.compute._worker_service import add_worker_vpc, allow_work, dead_letter_queue_of
from cdp_constructs.compute.service_container import ServiceContainer
from cdp_constructs.compute.work_queue import WorkQueue
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.log_groups import add_log_group
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.places import check_region
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue, metric_oldest_message
from cdp_constructs.core.validation import InvalidOptionError, check_exclusive, check_no_repetition, check_range

__all__ = ["QueueWorkers"]

_SERVICES = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"
_PARAMETERS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html"
_MOST_TASKS = 5000
_MOST_JOBS = 100
_SCALING = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_CustomizedMetricSpecification.html"
_MINUTES_WITHOUT_TASK = 10


@checks_options
class QueueWorkers(Construct):
    """Runs containers that work off queues: as many as the backlog needs, and none when there is nothing to do.

    CDP: Queuing Chain / キューイングチェーン パターン, with Job Observer / ジョブオブザーバー and Priority Queue.

    Jobs that fail again and again move to a dead-letter queue. The module ``queue_worker`` takes jobs by the weights of
    their queues, keeps them while they run, and finishes or returns them when a task is stopped::

        image = image_from_folder(self, "Image", folder="resizer", modules=["queue_worker"])
        queues = [WorkQueue("Urgent", weight=4), WorkQueue("Bulk")]
        container = ServiceContainer(image, stop_timeout=Duration.seconds(120))
        workers = QueueWorkers(self, "Images", container=container, queues=queues, alarm_topic=operators)
        workers.grant_send(upload, queue="Bulk")
    """

    cluster: ecs.ICluster
    """The cluster."""
    vpc: ec2.IVpc
    """The cluster's network."""
    service: ecs.FargateService
    """The service."""
    task_definition: ecs.FargateTaskDefinition
    """What a task is; its role may be granted more."""
    connections: ec2.Connections
    """Of the tasks, for databases and caches that let them in."""
    queues: Mapping[str, sqs.IQueue]
    """The queues by name."""
    dead_letter_queues: Mapping[str, sqs.IQueue]
    """Where jobs go that failed too often, by name; of an existing queue only where it is known."""
    encryption_key: kms.IKey | None
    """The given customer-managed key; None where keys of AWS encrypt."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        container: ServiceContainer,
        queues: Sequence[WorkQueue] | None = None,
        concurrency: int = 1,
        cluster: ecs.ICluster | None = None,
        vpc: ec2.IVpc | None = None,
        min_tasks: int = 0,
        max_tasks: int = 10,
        backlog_per_task: int = 10,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Make the workers.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            container: What works; its port is not used. Its ``stop_timeout`` is how long running jobs may go on after
                SIGTERM before they are returned.
            queues: What is worked off, 1 to 4 queues. Default: one, ``WorkQueue("Work")``.
            concurrency: Jobs of a task at a time, 1 to 100. Default: 1.
            cluster: An existing cluster with Container Insights, which count its tasks. Default: a new one.
            vpc: An existing network for the new cluster, with private or isolated subnets that reach SQS, ECR and
                CloudWatch Logs. Default: a new one with interface endpoints for them, flow logs, and no NAT.
            min_tasks: Tasks at least, 0 to 5,000. Default: 0, none when there is nothing to do.
            max_tasks: Tasks at most, 1 to 5,000
                (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html). Default: 10.
            backlog_per_task: Jobs, waiting and worked on, for which there is one task, 1 to 100,000: how long a job may
                wait, divided by how long one takes. Default: 10.
            encryption_key: A customer-managed key for new queues and logs. Default: keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long logs of the tasks and flow logs are kept. Default: 3 months.
            removal_policy: What happens to the logs when the stack is deleted. Default: they are kept.

        Raises:
            InvalidOptionError: for numbers out of range, queues of one name, a queue of this app without a dead-letter
                queue, or resources of another Region.
        """
        super().__init__(scope, construct_id)
        given = list(queues) if queues is not None else [WorkQueue("Work")]
        self._check(container, given)
        check_range(self, "concurrency", concurrency, low=1, high=_MOST_JOBS, unit="jobs", source=_PARAMETERS)
        check_range(self, "max_tasks", max_tasks, low=1, high=_MOST_TASKS, unit="tasks", source=_SERVICES)
        check_range(self, "min_tasks", min_tasks, low=0, high=max_tasks, unit="tasks", source=_SERVICES)
        check_range(self, "backlog_per_task", backlog_per_task, low=1, high=100_000, unit="jobs", source=_SCALING)
        check_exclusive(self, {"cluster": cluster}, {"vpc": vpc})
        self.encryption_key = encryption_key
        self._alarm_topic = alarm_topic
        made = [self._add_queue(work) for work in given]
        self.queues = {work.name: queue for work, (queue, _) in zip(given, made, strict=True)}
        self.dead_letter_queues = {
            work.name: failed for work, (_, failed) in zip(given, made, strict=True) if failed is not None
        }
        self.cluster = cluster or self._add_cluster(vpc, log_retention, removal_policy)
        self.vpc = self.cluster.vpc
        log_group = add_log_group(
            self, "Logs", log_retention=log_retention, removal_policy=removal_policy, encryption_key=encryption_key
        )
        all_queues = list(self.queues.values())
        keys = [queue.encryption_master_key for queue in all_queues]
        environment = {**container.environment, **self._environment(container, given, concurrency)}
        self.task_definition = add_task_definition(
            self, replace(container, environment=environment), log_group, listens=False
        )
        allow_work(self.task_definition, self.cluster, all_queues, list(dict.fromkeys(filter(None, keys))))
        self.service = add_service(
            self,
            cluster=self.cluster,
            definition=self.task_definition,
            vpc_subnets=subnets_of_tasks(self, self.vpc, option="vpc" if cluster is None else "cluster"),
            # Scaling knows the number; a deployment that named one would set it back.
            desired_count=None,
            min_healthy_percent=100,
            max_healthy_percent=200,
        )
        self.connections = self.service.connections
        scale_on_backlog(
            self, self.service, all_queues, fewest=min_tasks, most=max_tasks, backlog_per_task=backlog_per_task
        )
        add_alarm(
            self,
            "NoTaskAlarm",
            without_tasks(all_queues, self.service),
            alarm_topic=alarm_topic,
            evaluation_periods=_MINUTES_WITHOUT_TASK,
            description=f"{path_of(self)}: jobs have waited for {_MINUTES_WITHOUT_TASK} minutes and no task runs. The "
            "events of the service say why none starts.",
        )

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms for operators; none without ``alarm_topic``. The one that starts the first task is no part."""
        return alarms_of(self)

    def grant_send(self, grantee: iam.IGrantable, *, queue: str | None = None) -> iam.Grant:
        """Let a role or a function send jobs.

        Args:
            grantee: Anything with a role.
            queue: The name of the queue. Default: all of them.

        Raises:
            InvalidOptionError: for a queue that is not worked off here.
        """
        chosen = list(self.queues.values()) if queue is None else [self._queue(queue)]
        for key in dict.fromkeys(one.encryption_master_key for one in chosen):
            if key is not None:
                # Not grant_send_messages(): it would grant kms:GenerateDataKey*, of which SQS needs one action.
                key.grant(grantee, *USE_KEY)
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"],
            resource_arns=[one.queue_arn for one in chosen],
        )

    def metric_lag(self, *, queue: str | None = None, period: Duration | None = None) -> cloudwatch.Metric:
        """Age in seconds of the oldest job of a queue, the first one by default. Maximum per minute by default."""
        return metric_oldest_message(self._queue(queue or next(iter(self.queues))), period=period)

    def metric_backlog(self, *, period: Duration | None = None) -> cloudwatch.IMetric:
        """Jobs of all queues, waiting and worked on. Per minute by default."""
        found = backlog(list(self.queues.values()))
        return found if period is None else found.with_(period=period)

    def metric_running_tasks(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Tasks that run. Average per minute by default."""
        found = running_tasks(self.service)
        return found if period is None else found.with_(period=period)

    def _queue(self, name: str) -> sqs.IQueue:
        if name not in self.queues:
            raise InvalidOptionError(self, "queue", f"is {name!r}", f"Use one of {', '.join(self.queues)}")
        return self.queues[name]

    def _add_queue(self, work: WorkQueue) -> tuple[sqs.IQueue, sqs.IQueue | None]:
        """Return a queue and its dead-letter queue, with their alarms."""
        failed: sqs.IQueue | None
        queue = work.queue
        if queue is None:
            failed = add_dead_letter_queue(
                self,
                f"{work.name}-DeadLetterQueue",
                alarm_topic=self._alarm_topic,
                holds="jobs that failed too often",
                encryption_key=self.encryption_key,
            )
            queue = add_work_queue(
                self,
                f"{work.name}Queue",
                dead_letter_queue=failed,
                visibility_timeout=work.visibility_timeout,
                max_receive_count=work.max_receive_count,
                encryption_key=self.encryption_key,
            )
        else:
            check_region(self, "queues", queue, of_type="aws_sqs.IQueue")
            failed = dead_letter_queue_of(self, queue)
        add_alarm(
            self,
            f"{work.name}-LateAlarm",
            metric_oldest_message(queue),
            alarm_topic=self._alarm_topic,
            threshold=work.max_age.to_seconds(),
            evaluation_periods=3,
            description=f"{path_of(self)}: a job of {work.name} has waited for {work.max_age.to_human_string()}.",
        )
        return queue, failed

    def _add_cluster(
        self, vpc: ec2.IVpc | None, log_retention: logs.RetentionDays, removal_policy: RemovalPolicy
    ) -> ecs.Cluster:
        network = vpc or add_worker_vpc(
            self,
            encryption_key=self.encryption_key,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        return add_cluster(self, network)

    def _environment(
        self, container: ServiceContainer, given: Sequence[WorkQueue], concurrency: int
    ) -> Mapping[str, str]:
        described = [
            {
                "name": work.name,
                "url": self.queues[work.name].queue_url,
                "weight": work.weight,
                "visibility_seconds": work.visibility_timeout.to_seconds(),
            }
            for work in given
        ]
        return {
            "WORK_QUEUES": stack_of(self).to_json_string(described),
            "WORK_CONCURRENCY": str(concurrency),
            "WORK_STOP_SECONDS": str(int(container.stop_timeout.to_seconds())),
        }

    def _check(self, container: ServiceContainer, queues: Sequence[WorkQueue]) -> None:
        if reserved := [name for name in container.environment if name.startswith("WORK_")]:
            fix = "Use another name: variables that begin with WORK_ tell the worker its queues"
            raise InvalidOptionError(self, "container", f"contains {reserved[0]!r} in its environment", fix)
        if not 1 <= len(queues) <= MOST_QUEUES:
            fix = f"Give 1 to {MOST_QUEUES}: a scaling policy takes 10 metrics ({_SCALING})"
            raise InvalidOptionError(self, "queues", f"has {len(queues)} queues", fix)
        check_no_repetition(self, "queues", [work.name for work in queues])
