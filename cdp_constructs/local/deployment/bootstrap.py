"""The bootstrap of environments: made with the CDK's own qualifier; a stack that asks for another one is refused.

https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html
"""

import re
from collections.abc import Collection, Iterator, Sequence

from cdp_constructs.assembly import StackArtifact
from cdp_constructs.local.clients.aws import Clients
from cdp_constructs.local.deployment.assets import ensure_bucket
from cdp_constructs.local.errors import DeploymentError

__all__ = ["bootstrap", "qualifiers_of"]

_DEFAULT_QUALIFIER = "hnb659fds"
_VERSION = "30"
"""Newer than what any version of the CDK asks for."""
_NUMBER = re.compile(r"[0-9]{1,9}")
_PARAMETER = re.compile(r"/cdk-bootstrap/([A-Za-z0-9_-]+)/version")


def _parameter(stack: StackArtifact) -> str | None:
    """Return the SSM parameter by which a stack asks for the bootstrap version; old manifests do not name it."""
    asked = stack.template().get("Parameters", {}).get("BootstrapVersion", {})
    of_template = asked.get("Default") if str(asked.get("Type")).startswith("AWS::SSM::Parameter::Value") else None
    return stack.bootstrap_parameter or of_template


def _qualifier(stack: StackArtifact) -> str | None:
    found = _PARAMETER.fullmatch(_parameter(stack) or "")
    return found.group(1) if found else None


def qualifiers_of(stacks: Sequence[StackArtifact]) -> Collection[str]:
    """Return the qualifiers other than the CDK's own that the stacks ask for."""
    return {name for stack in stacks if (name := _qualifier(stack))} - {_DEFAULT_QUALIFIER}


def _version(clients: Clients, stack: StackArtifact, parameter: str) -> str | None:
    """Return what the parameter says, which anybody may have written."""
    ssm = clients.get("ssm", region=stack.region, account=stack.account)
    try:
        return str(ssm.get_parameter(Name=parameter)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return None


def bootstrap(clients: Clients, stacks: Sequence[StackArtifact], qualifiers: Collection[str]) -> None:
    """Bootstrap the environments of the stacks, with the CDK's own qualifier and those that are given.

    What `cdk bootstrap` made on this cloud is left as it is.

    Raises:
        DeploymentError: stacks ask for another bootstrap, or for a newer one; all of them are listed.
    """
    environments = {(stack.account, stack.region): stack for stack in stacks if _parameter(stack)}
    for (account, region), stack in environments.items():
        for name in (_DEFAULT_QUALIFIER, *qualifiers):
            parameter = f"/cdk-bootstrap/{name}/version"
            if _version(clients, stack, parameter) is None:
                ssm = clients.get("ssm", region=region, account=account)
                ssm.put_parameter(Name=parameter, Value=_VERSION, Type="String", Overwrite=True)
                ensure_bucket(clients, account, region, f"cdk-{name}-assets-{account}-{region}")
    if problems := [problem for stack in stacks for problem in _problems(clients, stack)]:
        raise DeploymentError(f"nothing was created: {'; '.join(problems)}")


def _problems(clients: Clients, stack: StackArtifact) -> Iterator[str]:
    parameter = _parameter(stack)
    if parameter is None:
        return
    environment = f"aws://{stack.account}/{stack.region}"
    found = _version(clients, stack, parameter)
    if found is not None and _NUMBER.fullmatch(found) and int(found) >= stack.bootstrap_version:
        return
    reason = (
        f"SSM parameter {parameter} not found. Has the environment been bootstrapped?"
        if found is None
        else f"it needs version {stack.bootstrap_version} of the bootstrap, and {environment} has {found}."
    )
    name = _qualifier(stack)
    if name is None:
        fix = f"put the parameter {parameter} there, or leave `bootstrap_stack_version_ssm_parameter` out"
    else:
        qualifier = "" if name == _DEFAULT_QUALIFIER else f" --qualifier {name}"
        fix = f"run `cdk bootstrap{qualifier} {environment}` on a cloud that runs already"
        if qualifier:
            fix += f", or let `cdp local up --bootstrap-qualifier {name}` or deploy(…, bootstrap_qualifiers=[…]) do it"
    yield f"{stack.label}: {reason} Please {fix}"
