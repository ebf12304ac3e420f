"""ServiceContainer: the program that a service runs, its size, its settings, and how long it may take to stop."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

from aws_cdk import Duration, Token
from aws_cdk import aws_ecs as ecs

from cdp_constructs.compute._fargate_sizes import check_size
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import seconds
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_no_repetition, check_range

__all__ = ["ServiceContainer"]

_PARAMETERS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html"


@checks_options
@dataclass(frozen=True)
class ServiceContainer:
    """An image and how it runs on AWS Fargate; checked when it is made.

    Its root file system is read-only. It has to end by itself after SIGTERM, within ``stop_timeout``::

        ServiceContainer(ecs.ContainerImage.from_asset("shop"), cpu=512, memory_limit_mib=1024)

    Raises:
        InvalidOptionError: for a size that AWS Fargate does not have, and values that Amazon ECS would refuse.
    """

    image: ecs.ContainerImage
    """The image: ``ContainerImage.from_asset``, or ``from_ecr_repository`` for an existing repository."""

    _: KW_ONLY

    port: int = 8080
    """The port on which the program listens, 1 to 65,535. Below 1,024 only root may listen."""

    cpu: int = 256
    """CPU units of a task, 256 to 16,384; 1,024 are a virtual CPU."""

    memory_limit_mib: int = 512
    """Memory of a task in MiB, within what AWS Fargate has for ``cpu``."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that are no secrets."""

    secrets: Mapping[str, ecs.Secret] = field(default_factory=dict)
    """Variables from Secrets Manager and from parameters of Systems Manager, read whenever a task starts."""

    command: Sequence[str] | None = None
    """What runs instead of the image's own command. Default: the image's."""

    stop_timeout: Duration = seconds(30)  # noqa: RUF009 - never changed
    """How long the program may take to end after SIGTERM, 2 to 120 seconds; then it is killed."""

    writable_paths: Sequence[str] = ("/tmp",)  # noqa: S108 - a path in the container
    """Folders that the program may write to; each is an empty volume that ends with the task."""

    cpu_architecture: ecs.CpuArchitecture | None = None
    """What the image is built for. Default: x86-64; ``CpuArchitecture.ARM64`` costs a fifth less."""

    def __post_init__(self) -> None:
        """Check what does not depend on the service."""
        path = "ServiceContainer"
        check_range(path, "port", self.port, low=1, high=65_535, unit="", source="TCP")
        check_size(path, self.cpu, self.memory_limit_mib)
        check_duration(path, "stop_timeout", self.stop_timeout, low=seconds(2), high=seconds(120), source=_PARAMETERS)
        for folder in self.writable_paths:
            if not folder.startswith("/") or folder.strip("/") == "" or Token.is_unresolved(folder):
                fix = "Give absolute paths of folders, such as /tmp"
                raise InvalidOptionError(path, "writable_paths", f"contains {folder!r}", fix)
        check_no_repetition(path, "writable_paths", self.writable_paths)
        if self.command is not None and not self.command:
            raise InvalidOptionError(path, "command", "is []", "Give the words of the command, or leave it out")
        both = sorted(set(self.environment) & set(self.secrets))
        if both:
            fix = "Give it in one of them"
            raise InvalidOptionError(path, "secrets", f"contains {both[0]!r}, which is in environment, too", fix)
