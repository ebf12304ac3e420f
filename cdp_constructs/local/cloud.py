"""The embedded cloud's interface for tests and tools."""

import os
import weakref
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from cdp_constructs.assembly import DEFAULT_ACCOUNT, DEFAULT_REGION
from cdp_constructs.local.clients import calls, devices, faults, notices, routing, schedules, servers, viewers
from cdp_constructs.local.clients.administration import Administration
from cdp_constructs.local.clients.aws import Clients, Credentials
from cdp_constructs.local.clients.deliveries import Deliveries
from cdp_constructs.local.clients.devices import MqttEndpoint
from cdp_constructs.local.clients.metrics import MetricsClock
from cdp_constructs.local.clients.web_push import PushService
from cdp_constructs.local.deployment.deployer import Deployment, Progress, deploy
from cdp_constructs.local.errors import StartError
from cdp_constructs.local.process import container_engines, launcher, root_keys
from cdp_constructs.local.root import RootKey

__all__ = ["LocalCloud"]


def _stop_own(server: launcher.ServerProcess, owner: int) -> None:
    if os.getpid() == owner:  # a fork of the process inherits the object, but not the server
        launcher.stop(server)


class LocalCloud:
    """An AWS on the loopback address of this machine: MiniStack with IAM evaluation, and our extensions.

    Make one with `start` or `attach`. It is a context manager; leaving it stops what `start` started.

    Attributes:
        endpoint: Base URL, for example `http://127.0.0.1:41234`.
        root: The root key, made anew for each server; who has it may do everything.
        mqtt_port: Port of the MQTT listener (mutual TLS); None when attached.
        log_file: The server's log; None when attached.
        deliveries: The retries of SNS, and their clock: `cloud.deliveries.advance(days=24)`.
        metrics: The clock of metrics and alarms, for example `cloud.metrics.advance(minutes=15)`.
    """

    def __init__(self, endpoint: str, root: RootKey, server: launcher.ServerProcess | None = None) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.root = root
        self.mqtt_port = server.mqtt_port if server else None
        self.log_file = server.log_file if server else None
        self._clients = Clients(self.endpoint, root)
        self._administration = Administration(self.endpoint, root)
        self.deliveries = Deliveries(self._administration)
        self.metrics = MetricsClock(self._administration)
        # Runs at stop(), when the object is collected, and at the end of the process, whichever comes first.
        self._stop = weakref.finalize(self, _stop_own, server, os.getpid()) if server else None

    @classmethod
    def start(
        cls, *, port: int = 0, timeout: float = 30.0, containers: Literal["processes", "docker"] = "processes"
    ) -> Self:
        """Start a server; it ends at `stop`, or with this process, however that ends.

        Args:
            port: Port of the gateway, 1 to 65535; 0 takes a free one.
            timeout: Seconds until a server that is not ready counts as failed.
            containers: What runs the containers of tasks: processes of this machine, or Docker or Podman.

        Raises:
            StartError: no Python environment has what the server needs (`cdp local install` makes one), the port is
                taken, no container engine answers, or the server did not become ready; the message has the end of its
                log.
        """
        engine = container_engines.find() if containers == "docker" else None
        server = launcher.launch(port=port, timeout=timeout, engine=engine)
        return cls(server.endpoint, root_keys.find(server.endpoint), server)

    @classmethod
    def attach(cls, endpoint: str, *, credentials: tuple[str, str] | None = None) -> Self:
        """Use a running server, for example one of `cdp local up --keep`; `stop` leaves it running.

        Args:
            endpoint: Base URL, for example `http://127.0.0.1:4566`.
            credentials: Access key id and secret of its root user. By default those that the server's process has
                stored for this user; without them the environment's, when its `AWS_ENDPOINT_URL` is the endpoint.

        Raises:
            StartError: no embedded cloud answers there, or its root key is not known here.
        """
        endpoint = endpoint.rstrip("/")
        if not launcher.is_ready(endpoint):
            raise StartError(f"no embedded cloud answers at {endpoint}; start one with `cdp local up CDK_OUT --keep`")
        cloud = cls(endpoint, RootKey(*credentials) if credentials else root_keys.find(endpoint))
        if not cloud._administration.accepts():
            raise StartError(
                f"the embedded cloud at {endpoint} has another root key; use what it printed when it started"
            )
        return cloud

    @property
    def containers(self) -> Literal["processes", "docker"]:
        """What runs the containers of tasks, as `start` takes it."""
        return "docker" if servers.container_engine(self._administration) else "processes"

    def client(
        self,
        service: str,
        region: str = DEFAULT_REGION,
        credentials: Credentials | None = None,
        *,
        account: str = DEFAULT_ACCOUNT,
    ) -> Any:
        """Return a boto3 client; the same one for the same arguments, usable from several threads.

        Args:
            service: Name of the service in boto3, for example `"s3"`.
            region: Region that requests are signed for.
            credentials: Another principal: what STS, IAM or Cognito identity pools answer, or a tuple of access key,
                secret key and, for temporary ones, session token. Root of the account when not given.
            account: Account of the root principal, 12 digits; stacks that name no account are in `000000000000`.
        """
        return self._clients.get(service, region=region, credentials=credentials, account=account)

    def http_api_url(self, api_id: str, region: str = DEFAULT_REGION) -> str:
        """Return the base URL of the `$default` stage of an HTTP API, without a slash at its end.

        Args:
            api_id: Id of the API, for example the physical id of its resource.
            region: Region of the API. The gateway finds an API by its id alone, in every Region.
        """
        del region
        return f"{self.endpoint}/_aws/execute-api/{api_id}/$default"

    def fire_schedule(self, name: str, region: str) -> None:
        """Do now what the next occurrence of an EventBridge rule or a Scheduler schedule would do.

        Args:
            name: Name of the rule or schedule; its expression is a rate or cron.
            region: Its Region.

        Raises:
            httpx.HTTPStatusError: there is no such rule or schedule, or it is disabled.
        """
        schedules.fire_schedule(self._administration, name, region)

    def sent_mails(self, region: str = DEFAULT_REGION) -> list[notices.SentMail]:
        """Return the mails that SES sent in a Region, oldest first; none of them left the machine."""
        return notices.sent_mails(self._administration, region)

    def pushes(self, region: str = DEFAULT_REGION) -> list[notices.Push]:
        """Return what SNS pushed to mobile devices in a Region, oldest first; no platform was called."""
        return notices.pushes(self._administration, region)

    def api_calls(self) -> Counter[calls.Call]:
        """Return how many signed requests each operation has had since the server started.

        The difference of two answers is what a piece of work costs in calls; functions' own calls are among them.
        """
        return calls.calls(self._administration)

    @property
    def push_service(self) -> PushService:
        """The push service for browsers: it makes subscriptions, and lists what was sent to them."""
        return PushService(self._administration)

    def flush_delivery_stream(self, name: str, region: str) -> int:
        """Let a Firehose delivery stream deliver what it has buffered, and return how many records that is.

        They are in S3 a moment later.

        Args:
            name: Name of the delivery stream.
            region: Its Region.

        Raises:
            httpx.HTTPStatusError: the endpoint is not an embedded cloud of this library.
        """
        return schedules.flush_delivery_stream(self._administration, name, region)

    def hold_deployments(self) -> AbstractContextManager[None]:
        """Let deployments of CodeDeploy wait inside the block, where their minutes otherwise last a second each.

        `metrics.advance(minutes=5)` moves them on, together with the alarms that stop them.
        """
        return faults.hold_deployments(self._administration)

    def suspend_replication(self, region: str) -> AbstractContextManager[None]:
        """Suspend replication of global tables to and from a Region inside a `with` block; it catches up afterwards.

        Args:
            region: The Region that is cut off; its tables keep answering.
        """
        return faults.suspend_replication(self._administration, region)

    def cut_off(self, region: str) -> AbstractContextManager[None]:
        """Isolate a Region from the outside inside a `with` block; see `clients.faults.cut_off`.

        Args:
            region: The Region that is lost for its users and for the other Regions.
        """
        return faults.cut_off(self._administration, region)

    def crash_function(self, name: str, region: str) -> int:
        """Kill the processes that run a function, in the middle of their work, and return how many there were."""
        return faults.crash_function(self._administration, name, region)

    def deploy(
        self,
        assembly: str | os.PathLike[str],
        *,
        stacks: Sequence[str] | None = None,
        parameters: Mapping[str, str] | None = None,
        progress: Progress = lambda _stack, _status: None,
        allow_assets_outside: bool = False,
        bootstrap_qualifiers: Collection[str] = (),
    ) -> Deployment:
        """Deploy a cloud assembly, or update what is deployed.

        Stacks are deployed in dependency order, each in its own Region (`us-east-1` when it names none); independent
        ones in parallel.

        Args:
            assembly: What `cdk synth` wrote, usually `cdk.out`.
            stacks: Names or paths of stacks, `*` and `?` allowed; what they depend on is deployed too. All by default.
            parameters: Values for template parameters, by name; a stack takes those that its template declares.
            progress: Called from several threads with a stack and what happens to it.
            allow_assets_outside: Also deploys files that the assembly names and does not contain, which may be any that
                you can read. Needed for assemblies that were synthesised without staging. Default: they are refused.
            bootstrap_qualifiers: Bootstraps the environments with these qualifiers beside the CDK's own, `hnb659fds`.
                Default: a stack with another one is refused, unless `cdk bootstrap --qualifier` was run on this cloud.

        Raises:
            LocalCloudError: the assembly cannot be read, names files outside of it, or lacks a stack that is named.
            DeploymentError: a stack failed (with the events that say why), or nothing was created because the assembly
                has resource types or container images that the embedded cloud cannot take (all of them listed).
        """
        return deploy(
            self._clients,
            self._administration,
            Path(assembly),
            stacks=stacks,
            parameters=parameters,
            progress=progress,
            allow_assets_outside=allow_assets_outside,
            bootstrap_qualifiers=bootstrap_qualifiers,
        )

    def distribution_url(self, domain_name: str) -> str:
        """Return the base URL at which a CloudFront distribution answers, without a slash at its end.

        Args:
            domain_name: Domain name or alias of the distribution, for example `d111111abcdef8.cloudfront.net`.
        """
        return viewers.distribution_url(self.endpoint, domain_name)

    def viewer_url(self, url: str) -> str:
        """Return the local URL for a distribution's URL, signed or not: `https://<domain>/<path>?<query>`."""
        return viewers.viewer_url(self.endpoint, url)

    def browser_url(self, url: str) -> str:
        """Return the local URL, for a browser, of a site, an API or a service.

        Args:
            url: For example `https://d111111abcdef8.cloudfront.net/rooms/7`, `wss://…`, or one of an own domain name.
        """
        return viewers.browser_url(self.endpoint, url)

    def mqtt(self) -> MqttEndpoint:
        """Return the endpoint for devices: MQTT over TLS with client certificates, and the CA of the server.

        Raises:
            httpx.HTTPStatusError: an attached endpoint is a MiniStack without the extensions of this package.
        """
        return devices.mqtt_endpoint(self._administration)

    def inject_fault(
        self,
        service: str,
        region: str,
        *,
        error: str = "InternalServerError",
        status: int | None = None,
        operation: str | None = None,
    ) -> AbstractContextManager[None]:
        """Make requests to one service of one Region fail inside a `with` block; see `clients.faults.inject_fault`."""
        return faults.inject_fault(
            self._administration, service, region, error=error, status=status, operation=operation
        )

    def inject_delay(
        self, service: str, region: str, seconds: float, *, caller_region: str | None = None
    ) -> AbstractContextManager[None]:
        """Make one service of one Region answer later inside a `with` block; see `clients.faults.inject_delay`."""
        return faults.inject_delay(self._administration, service, region, seconds, caller_region=caller_region)

    def deliver_twice(self, function: str, region: str) -> AbstractContextManager[None]:
        """Deliver each asynchronous invocation of a function twice inside a `with` block, as Lambda rarely does."""
        return faults.deliver_twice(self._administration, function, region)

    def age_events(self, *, hours: float = 0, seconds: float = 0) -> None:
        """Make asynchronous invocations that wait older; see `clients.faults.age_events`."""
        faults.age_events(self._administration, hours=hours, seconds=seconds)

    def resolve(self, name: str, place: str = DEFAULT_REGION, *, account: str = DEFAULT_ACCOUNT) -> routing.Host:
        """Return where Route 53 leads users of a place to: the nearest healthy Region, or what else the records say.

        Args:
            name: A name with an A record in a public hosted zone, for example `api.example.com`.
            place: The Region that is next to the users, for example `ap-northeast-1`.
            account: Account that holds the zone.

        Raises:
            LocalCloudError: the place is unknown, no zone holds the name, or nothing answers for it.
        """
        return routing.resolve(
            self.client("route53", account=account), self._administration, self.endpoint, name, place
        )

    def check_health(self, times: int = 3) -> dict[str, bool]:
        """Make every Route 53 health check at once, and return how each stands, by its id.

        Args:
            times: 1 to 10 times, one after the other; the failure threshold of a check, 3 by default, says how many
                change its status.
        """
        return routing.check_health(self._administration, times)

    def kill_task(self, task: str) -> int:
        """Kill the processes of an ECS task, by its ARN, as a crash does, and return how many containers it had."""
        return servers.kill_task(self._administration, task)

    def listener_url(self, listener: str) -> str:
        """Return where clients reach a listener of a load balancer, for example `http://127.160.12.2:80`."""
        return servers.listener_url(self._administration, listener)

    def balancer_certificate_authority(self) -> str:
        """Return the certificate, as PEM, of the CA that signed those of load balancers."""
        return servers.balancer_certificate_authority(self._administration)

    def cache_certificate_authority(self) -> str:
        """Return the certificate of the CA of caches, as PEM: one of Amazon's public ones on AWS."""
        return servers.cache_certificate_authority(self._administration)

    def database_certificate_authority(self) -> str:
        """Return the certificate of the CA of database servers, as PEM: the bundle of Amazon RDS on AWS."""
        return servers.database_certificate_authority(self._administration)

    def kill_cache(self, address: str) -> None:
        """Kill the primary server of an ElastiCache cache, by its primary address, as a crash does."""
        servers.kill_cache(self._administration, address)

    def kill_database(self, instance: str) -> None:
        """Kill the server of an RDS instance, by its ARN, as a crash does."""
        servers.kill_database(self._administration, instance)

    def lose_zone(self, zone: str) -> dict[str, int]:
        """Take an Availability Zone away, and return how many `tasks`, `databases` and `cacheNodes` died in it.

        Services start their tasks in other zones, and databases and caches fail over, as after a crash.

        Args:
            zone: For example `eu-west-1a`; lost until `restore_zone`.
        """
        return servers.lose_zone(self._administration, zone)

    def restore_zone(self, zone: str) -> None:
        """Give an Availability Zone back; what had no other one starts again."""
        servers.restore_zone(self._administration, zone)

    def open_databases(self) -> AbstractContextManager[Any]:
        """Let this machine's own clients connect to databases and caches, until a `with` block of it ends, if any.

        They are outside of every VPC, so that rules of security groups keep them out as on AWS; tasks and functions are
        still checked.
        """
        return servers.open_databases(self._administration)

    def fail_over(self, name: str, region: str = DEFAULT_REGION) -> None:
        """Let another server be the writer of a DB cluster, or the primary of an instance or a cache.

        Args:
            name: Identifier of a DB cluster, a Multi-AZ DB instance, or a replication group with automatic failover,
                with a reader, standby or replica that runs.
            region: Its Region.
        """
        servers.fail_over(self.client("rds", region), self._administration, name, region)

    def check_targets(self, times: int = 1) -> dict[str, str]:
        """Make the health checks of load balancers' targets at once, and return how each stands.

        Args:
            times: 1 to 10 times, one after the other; the thresholds of the target group say how many change a status.
        """
        return servers.check_targets(self._administration, times)

    def stop(self) -> None:
        """Stop the server that `start` started and remove everything it wrote; a second call does nothing."""
        if self._stop is not None:
            self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
