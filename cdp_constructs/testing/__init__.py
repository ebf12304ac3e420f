"""A testing kit for CDK applications: one synthesis per module, nag findings, snapshots, the local cloud.

Installing ``cdp-constructs[testing]`` registers the pytest plugin. Mark what is to be synthesised, then ask for it::

    from cdp_constructs.testing import Synthesis, architecture

    @architecture
    def my_service(stack: Stack) -> MyConstruct:
        return MyConstruct(stack, "Service")

    def test_queue_is_encrypted(synthesis: Synthesis) -> None:
        synthesis(my_service).template.has_resource_properties("AWS::SQS::Queue", {"SqsManagedSseEnabled": True})
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdp_constructs.assembly.findings import AcknowledgedFinding, Finding
    from cdp_constructs.testing.architectures import architecture
    from cdp_constructs.testing.browsers import Browser
    from cdp_constructs.testing.outgoing import outgoing_addresses
    from cdp_constructs.testing.reach import reached_subnets
    from cdp_constructs.testing.snapshots import normalise
    from cdp_constructs.testing.synthesis import Synthesis, SynthesisedArchitecture
    from cdp_constructs.testing.waiting import eventually

__all__ = [
    "AcknowledgedFinding",
    "Browser",
    "Finding",
    "Synthesis",
    "SynthesisedArchitecture",
    "architecture",
    "eventually",
    "normalise",
    "outgoing_addresses",
    "reached_subnets",
]

_MODULES = {
    "AcknowledgedFinding": "cdp_constructs.assembly.findings",
    "Browser": "cdp_constructs.testing.browsers",
    "Finding": "cdp_constructs.assembly.findings",
    "Synthesis": "cdp_constructs.testing.synthesis",
    "SynthesisedArchitecture": "cdp_constructs.testing.synthesis",
    "architecture": "cdp_constructs.testing.architectures",
    "eventually": "cdp_constructs.testing.waiting",
    "normalise": "cdp_constructs.testing.snapshots",
    "outgoing_addresses": "cdp_constructs.testing.outgoing",
    "reached_subnets": "cdp_constructs.testing.reach",
}


def __getattr__(name: str) -> object:
    # Every pytest run of an environment imports this package on the way to the plugin, also where nobody uses the CDK.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
