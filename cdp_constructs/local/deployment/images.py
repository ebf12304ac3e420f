"""Makes a stack's container images, and lets the embedded cloud know them under the names that its template has."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cdp_constructs.assembly import ImageAsset, StackArtifact
from cdp_constructs.local.clients import servers
from cdp_constructs.local.clients.administration import Administration
from cdp_constructs.local.containers.dockerfile import DockerfileError
from cdp_constructs.local.containers.engines import Engine, last_line, tag_of
from cdp_constructs.local.deployment.image_building import Build, make
from cdp_constructs.local.errors import DeploymentError

__all__ = ["publish", "refuse_unknown"]


def _build(image: ImageAsset) -> Build:
    if image.source is None:
        raise DockerfileError("it is a finished image, or a command makes it; the embedded cloud builds from a folder")
    return Build(image.source, image.dockerfile, image.arguments)


def refuse_unknown(administration: Administration, stacks: Sequence[StackArtifact]) -> None:
    """Read every Dockerfile before anything is created; a container engine reads them itself.

    Raises:
        DeploymentError: images cannot be made here; all of them are listed, with the lines.
    """
    engine = _engine(administration, stacks)
    problems = []
    for stack in stacks:
        for image in stack.images:
            try:
                build = _build(image)
                if engine is None:
                    build.recipe()
            except DockerfileError as error:
                problems.append(f"{stack.label}: {image.label}: {error}")
    if problems:
        raise DeploymentError(f"the embedded cloud cannot make these container images: {'; '.join(problems)}")


def publish(administration: Administration, stack: StackArtifact) -> None:
    """Make the images of a stack unless they are kept from an earlier time.

    Raises:
        DeploymentError: a package could not be installed, or the container engine could not build one.
    """
    engine = _engine(administration, [stack])
    for image in stack.images:
        try:
            made: Mapping[str, Any] = _built(engine, image) if engine else {"folder": str(make(_build(image)))}
        except DockerfileError as error:
            raise DeploymentError(
                f"{stack.label}: the container image {image.label} could not be made: {error}"
            ) from error
        for name in image.names:
            administration.request("POST", "/_cdp/images", json={"name": name, **made})


def _engine(administration: Administration, stacks: Iterable[StackArtifact]) -> Engine | None:
    """Return what builds images; None when the embedded cloud makes them itself, or there are none."""
    described = servers.container_engine(administration) if any(stack.images for stack in stacks) else None
    return Engine(**described) if described else None


def _built(engine: Engine, image: ImageAsset) -> dict[str, Any]:
    """Build an image and return its tag and what names its content; the engine keeps what has not changed."""
    build, tag = _build(image), tag_of(image.names[0])
    options = [word for name, value in (build.arguments or {}).items() for word in ("--build-arg", f"{name}={value}")]
    file = str(build.folder / build.dockerfile)
    ended = engine.call("build", "--tag", tag, "--file", file, *options, str(build.folder), seconds=None)
    if ended.returncode:
        raise DockerfileError(last_line(ended.stderr))
    identified = engine.call("image", "inspect", "--format", "{{.Id}}", tag)
    digest = identified.stdout.strip()
    if identified.returncode or not digest:
        raise DockerfileError(last_line(identified.stderr))
    return {
        "tag": tag,
        "digest": digest if ":" in digest else f"sha256:{digest}",
        "authorities": _authorities(build),
    }


def _authorities(build: Build) -> list[str]:
    """Return where an image has the certificate authorities of Amazon RDS, as far as its Dockerfile is understood."""
    try:
        return build.recipe().authorities
    except DockerfileError:
        return []
