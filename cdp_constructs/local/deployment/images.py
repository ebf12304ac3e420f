"""Makes a stack's container images, and lets the embedded cloud know them under the names that its template has."""

from collections.abc import Iterable

from cdp_constructs.assembly import ImageAsset, StackArtifact
from cdp_constructs.local.clients.administration import Administration
from cdp_constructs.local.containers.dockerfile import DockerfileError
from cdp_constructs.local.deployment.image_building import Build, make
from cdp_constructs.local.errors import DeploymentError

__all__ = ["publish", "refuse_unknown"]


def _build(image: ImageAsset) -> Build:
    if image.source is None:
        raise DockerfileError("it is a finished image, or a command makes it; the embedded cloud builds from a folder")
    return Build(image.source, image.dockerfile, image.arguments)


def refuse_unknown(stacks: Iterable[StackArtifact]) -> None:
    """Read every Dockerfile before anything is created.

    Raises:
        DeploymentError: images cannot be made here; all of them are listed, with the lines.
    """
    problems = []
    for stack in stacks:
        for image in stack.images:
            try:
                _build(image).recipe()
            except DockerfileError as error:
                problems.append(f"{stack.label}: {image.label}: {error}")
    if problems:
        raise DeploymentError(f"the embedded cloud cannot make these container images: {'; '.join(problems)}")


def publish(administration: Administration, stack: StackArtifact) -> None:
    """Make the images of a stack unless they are kept from an earlier time.

    Raises:
        DeploymentError: a package could not be installed.
    """
    for image in stack.images:
        try:
            folder = make(_build(image))
        except DockerfileError as error:
            raise DeploymentError(
                f"{stack.label}: the container image {image.label} could not be made: {error}"
            ) from error
        for name in image.names:
            administration.request("POST", "/_cdp/images", json={"name": name, "folder": str(folder)})
