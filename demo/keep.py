"""What is printed about a system that stays up: how a shell and a browser reach it, and a command to try."""

from rich.console import Console

from cdp_constructs.local import Deployment, LocalCloud

__all__ = ["say_how_to_use"]


def say_how_to_use(
    console: Console, cloud: LocalCloud, deployment: Deployment, *, stack: str, addresses: dict[str, str]
) -> None:
    """Print the environment to paste, the stacks, the addresses, and a command of the runbooks.

    Args:
        console: Where to; lines are never cut.
        cloud: The embedded cloud, which is kept.
        deployment: What is on it.
        stack: The stack whose failures an operator would look at.
        addresses: What answers where, by name.
    """
    region = deployment.regions[stack]
    lines = [
        "",
        f"The embedded cloud stays up at {cloud.endpoint}; `cdp local down` stops it. It is this user's only one:",
        "`cdp local up` deploys into it.",
        *(f"  {name}: {address}" for name, address in addresses.items()),
        *(f"  stack {name} in {where}" for name, where in deployment.regions.items()),
        "",
        "Paste this into a shell:",
        cloud.root.exports(cloud.endpoint, region),
        f"export CDP_STACK={stack}",
        "",
        "Then try a command of the runbooks, such as:",
        "cdp dead-letters list --all",
    ]
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
