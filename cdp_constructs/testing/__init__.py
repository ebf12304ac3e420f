"""A testing kit for CDK applications: one synthesis per module, nag findings, snapshots, the local cloud.

Installing ``cdp-constructs[testing]`` registers the pytest plugin. Mark what is to be synthesised, then ask for it::

    from cdp_constructs.testing import Synthesis, architecture

    @architecture
    def my_service(stack: Stack) -> MyConstruct:
        return MyConstruct(stack, "Service")

    def test_queue_is_encrypted(synthesis: Synthesis) -> None:
        synthesis(my_service).template.has_resource_properties("AWS::SQS::Queue", {"SqsManagedSseEnabled": True})
"""

from cdp_constructs.testing.architectures import architecture
from cdp_constructs.testing.nag import AcknowledgedFinding, Finding
from cdp_constructs.testing.snapshots import normalise
from cdp_constructs.testing.synthesis import Synthesis, SynthesisedArchitecture
from cdp_constructs.testing.waiting import eventually

__all__ = [
    "AcknowledgedFinding",
    "Finding",
    "Synthesis",
    "SynthesisedArchitecture",
    "architecture",
    "eventually",
    "normalise",
]
