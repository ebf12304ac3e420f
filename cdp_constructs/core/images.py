"""Container images from a folder, with modules of this library beside the program that imports them."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import Stage
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from cdp_constructs.core.assets import module_folder
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.validation import InvalidOptionError, check_no_repetition

if TYPE_CHECKING:
    from aws_cdk.aws_ecr_assets import Platform

__all__ = ["image_from_folder"]

_MODULES = {
    "cache_aside": "cache/cache_aside",
    "queue_worker": "compute/queue_worker",
    "replicated_database": "database/replicated_database",
}
_LEFT_OUT = ("__pycache__", "*.pyc", ".venv", ".git")


@checks_options
def image_from_folder(
    scope: Construct, construct_id: str, *, folder: str, modules: Sequence[str] = (), arm: bool = False
) -> ecs.ContainerImage:
    """Return a container image of a folder with a Dockerfile, with run-time modules of this library in it.

    The modules are folders beside the Dockerfile when the image is made; ``COPY . .`` takes them, and a program in the
    same folder imports them. What they need is installed by the Dockerfile: ``boto3``, ``psycopg[binary,pool]`` for
    ``replicated_database``, ``valkey`` for ``cache_aside``::

        image = image_from_folder(stack, "Image", folder="resizer", modules=["queue_worker"])

    Args:
        scope: The stack or construct that uses the image.
        construct_id: Id of the image asset inside ``scope``.
        folder: The build context, with its Dockerfile; it is not changed.
        modules: Of ``cache_aside``, ``queue_worker`` and ``replicated_database``.
        arm: Whether the image is for ARM64 instead of X86_64, as the task definition says.

    Raises:
        InvalidOptionError: for a folder without Dockerfile, a module that does not exist, or one that the folder has.
    """
    source = Path(folder)
    if not (source / "Dockerfile").is_file():
        fix = "Give a folder that has one"
        raise InvalidOptionError(scope, "folder", f"is {folder!r}, where no Dockerfile is", fix)
    check_no_repetition(scope, "modules", modules)
    for module in modules:
        if module not in _MODULES:
            raise InvalidOptionError(scope, "modules", f"contains {module!r}", f"Use {', '.join(sorted(_MODULES))}")
        if (source / module).exists():
            fix = "Leave it out of modules, or rename the folder's own"
            raise InvalidOptionError(scope, "modules", f"contains {module!r}, which {folder} has itself", fix)
    from aws_cdk import aws_ecr_assets as ecr_assets

    owner = Construct(scope, construct_id)
    asset = ecr_assets.DockerImageAsset(
        owner, "Image", directory=str(_staged(owner, source, modules)), platform=_platform(arm=arm)
    )
    return ecs.ContainerImage.from_docker_image_asset(asset)


def _platform(*, arm: bool) -> "Platform":
    from aws_cdk import aws_ecr_assets as ecr_assets

    # Named, so that an image that is built on a Mac runs on Fargate.
    return ecr_assets.Platform.LINUX_ARM64 if arm else ecr_assets.Platform.LINUX_AMD64


def _staged(owner: Construct, source: Path, modules: Sequence[str]) -> Path:
    """Return a copy of the folder with the modules, in the app's output folder: it is there when the CLI builds."""
    stage = Stage.of(owner)
    place = Path(stage.asset_outdir if stage is not None else "cdk.out") / f"context.{owner.node.addr}"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, place, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    for module in modules:
        shutil.copytree(module_folder(_MODULES[module]), place / module, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    return place
