"""The commands `cdp local up CDK_OUT` and `cdp local down`."""

import contextlib
import signal
from collections.abc import Iterator, Mapping
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cdp_constructs.assembly import AssemblyError, read_assembly, select
from cdp_constructs.cli import report
from cdp_constructs.cli.endpoints import endpoints
from cdp_constructs.local.cloud import LocalCloud
from cdp_constructs.local.deployment.deployer import Deployment
from cdp_constructs.local.errors import DeploymentError, InstallError, LocalCloudError, StartError
from cdp_constructs.local.kit.node_sdk import COMMAND as NODE_SDK_COMMAND
from cdp_constructs.local.process import container_engines, environments, installation, kept, launcher, node_sdk

__all__ = ["ExitCode", "local"]


class ExitCode(IntEnum):
    """What the commands exit with."""

    OK = 0
    DEPLOYMENT_FAILED = 1
    USAGE = 2
    NOT_STARTED = 3
    NOT_INSTALLED = 4
    INTERRUPTED = 130


class _Containers(StrEnum):
    """What runs the containers of tasks."""

    PROCESSES = "processes"
    DOCKER = "docker"


_EXIT_CODES = (
    "Exit codes: 0 done (Ctrl-C after the deployment included), 1 the deployment failed, 2 wrong usage or no cloud "
    "assembly, 3 the embedded cloud could not be started or reached, 130 interrupted before the deployment was done."
)

local = typer.Typer(help="Run a cloud assembly on this machine.", no_args_is_help=True)

_log = Console(stderr=True, highlight=False)
"""Progress and errors; standard output has the result only."""


@contextlib.contextmanager
def _explained(*, as_json: bool) -> Iterator[None]:
    """Turn the errors of the embedded cloud into a message and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        _log.print("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except (AssemblyError, LocalCloudError) as error:
        _log.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        if as_json:
            report.print_json(report.failure(error))
        if isinstance(error, StartError):
            raise typer.Exit(ExitCode.NOT_STARTED) from None
        if isinstance(error, InstallError):
            raise typer.Exit(ExitCode.NOT_INSTALLED) from None
        raise typer.Exit(ExitCode.DEPLOYMENT_FAILED if isinstance(error, DeploymentError) else ExitCode.USAGE) from None


def _parameters(texts: list[str]) -> Mapping[str, str]:
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--parameter")
        pairs[name] = value
    return pairs


def _deploy(
    cloud: LocalCloud,
    assembly: Path,
    stacks: list[str] | None,
    parameters: Mapping[str, str],
    *,
    allow_assets_outside: bool,
    bootstrap_qualifiers: list[str],
) -> Deployment:
    total = len(select(read_assembly(assembly), stacks))
    with report.StackProgress(_log, total) as progress:
        return cloud.deploy(
            assembly,
            stacks=stacks,
            parameters=parameters,
            progress=progress.update,
            allow_assets_outside=allow_assets_outside,
            bootstrap_qualifiers=bootstrap_qualifiers,
        )


def _kept_cloud(containers: _Containers | None) -> LocalCloud:
    """Return the cloud that is kept, which runs containers as it was started to; it is started when there is none."""
    engine = None
    if containers is _Containers.DOCKER and kept.find() is None:
        engine = container_engines.find()
    cloud = LocalCloud.attach(kept.find_or_start(engine).endpoint)
    if containers and cloud.containers != containers.value:
        raise typer.BadParameter(
            f"the cloud kept at {cloud.endpoint} was started with {cloud.containers}; `cdp local down` ends it",
            param_hint="--containers",
        )
    return cloud


def _hold() -> None:
    _log.print("Press Ctrl-C to stop it and remove everything.")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def _say_what_is_missing(deployment: Deployment) -> None:
    """Say what can be installed, in one line each."""
    if deployment.has_node_functions and not node_sdk.is_installed():
        _log.print(
            "Functions on Node.js find no AWS SDK that they do not include; "
            f"`{NODE_SDK_COMMAND}` downloads once what Lambda's runtimes have."
        )
    for line in deployment.missing:
        _log.print(f"Described only: {line}", soft_wrap=True)


@local.command(epilog=_EXIT_CODES)
def up(
    assembly: Annotated[
        Path,
        typer.Argument(
            metavar="CDK_OUT", help="What `cdk synth` wrote, usually cdk.out.", exists=True, file_okay=False
        ),
    ],
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running when the command ends.")] = False,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Deploy to an embedded cloud that runs already.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
    stack: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Deploy this stack and what it depends on; * and ? allowed. Repeatable."),
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Value of a template parameter. Repeatable.")
    ] = None,
    allow_assets_outside: Annotated[
        bool,
        typer.Option("--allow-assets-outside", help="Also deploy files that the assembly names and does not contain."),
    ] = False,
    bootstrap_qualifier: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Bootstrap with this qualifier, beside the CDK's own, for stacks that ask. Repeatable."
        ),
    ] = None,
    open_databases: Annotated[
        bool,
        typer.Option("--open-databases", help="Let clients of this machine connect to databases and caches in VPCs."),
    ] = False,
    containers: Annotated[
        _Containers | None,
        typer.Option("--containers", help="Run tasks as processes (the default), or in Docker or Podman (`docker`)."),
    ] = None,
) -> None:
    """Deploy a cloud assembly to an embedded cloud on this machine, and hold it until Ctrl-C.

    A cloud that was kept (--keep) is used again and updated with the assembly; the command then ends
    without stopping it. Progress goes to standard error, the result to standard output.
    """
    if keep and endpoint:
        raise typer.BadParameter("--keep is for a cloud that this command starts; leave it out", param_hint="--keep")
    if containers and endpoint:
        raise typer.BadParameter("the cloud at the endpoint has been started already", param_hint="--containers")
    parameters = _parameters(parameter or [])
    with _explained(as_json=as_json), contextlib.ExitStack() as ending:
        select(read_assembly(assembly), stack)  # what is wrong with it is said before anything starts
        if endpoint:
            cloud = LocalCloud.attach(endpoint)
        elif keep or kept.find():
            cloud = _kept_cloud(containers)
        else:
            cloud = ending.enter_context(LocalCloud.start(containers=(containers or _Containers.PROCESSES).value))
        held = cloud.log_file is not None
        if open_databases:
            cloud.open_databases()
        if not (keep or endpoint or held):
            _log.print(f"deploying into the embedded cloud that was kept at {cloud.endpoint}; `cdp local down` ends it")
        deployment = _deploy(
            cloud,
            assembly,
            stack,
            parameters,
            allow_assets_outside=allow_assets_outside,
            bootstrap_qualifiers=bootstrap_qualifier or [],
        )
        addresses = endpoints(cloud, deployment)
        if as_json:
            report.print_json(report.success(cloud, deployment, addresses, is_kept=not held))
        else:
            report.print_tables(Console(), cloud, deployment, addresses)
        _say_what_is_missing(deployment)
        if held:
            _hold()
        else:
            _log.print(f"{cloud.endpoint} stays up" + ("." if endpoint else "; `cdp local down` stops it."))


@local.command(epilog="Exit codes: 0 done, or it was there, 2 wrong usage, 4 the packages could not be installed.")
def install(
    extras: Annotated[
        str, typer.Argument(metavar="EXTRAS", help=f"Separated by commas: {', '.join(environments.extras())}.")
    ] = "",
    *,
    force: Annotated[bool, typer.Option("--force", help="Make it again although it is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
) -> None:
    """Make the Python environment that the embedded cloud's server runs from, once per user and version.

    Nothing is installed into the environment of this command. What was installed with earlier extras stays.
    """
    wanted = [name.strip() for name in extras.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in environments.extras()]:
        raise typer.BadParameter(f"there is no {unknown[0]!r}; there is {', '.join(environments.extras())}")
    with _explained(as_json=as_json):
        folder = environments.installation_folder()
        with _log.status(f"installing into {folder}"):
            changed = installation.install(wanted, force=force)
        names = sorted(installation.installed_extras(folder) or ())
        if as_json:
            report.print_json({"folder": str(folder), "extras": names, "changed": changed})
        _log.print(f"{'installed' if changed else 'already there'}: {folder}", soft_wrap=True, markup=False)


@local.command(epilog="Exit codes: 0 done, or it was there, 4 npm could not download it.")
def install_node_sdk(
    *,
    force: Annotated[bool, typer.Option("--force", help="Download it again although it is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
) -> None:
    """Download the AWS SDK for JavaScript that Lambda's Node.js runtimes bring, once per user and version.

    Functions on Node.js find it without a restart of the embedded cloud. npm downloads it: version 3 for the services
    of the embedded cloud, and version 2 for runtimes up to Node.js 16.
    """
    with _explained(as_json=as_json):
        folder = node_sdk.sdk_folder()
        with _log.status(f"downloading into {folder}"):
            changed = node_sdk.install(force=force)
        if as_json:
            report.print_json({"folder": str(folder), "changed": changed})
        _log.print(f"{'installed' if changed else 'already there'}: {folder}", soft_wrap=True, markup=False)


@local.command(epilog="Exit codes: 0 done, or nothing was running.")
def down(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False
) -> None:
    """Stop the embedded cloud that `up --keep` left running, and remove everything that it wrote."""
    with kept.locked():
        server = kept.find()
        if server is not None:
            launcher.stop(server)
        kept.forget()
    if as_json:
        report.print_json({"stopped": server.endpoint if server else None})
    _log.print(f"stopped {server.endpoint}" if server else "nothing was running")
