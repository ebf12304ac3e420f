"""A device of a ``DeviceFleet``: claims its identity, measures, executes commands, and renews its certificate.

The same program runs against AWS and against the embedded cloud; only the address and the CA in its settings differ.
"""

from cdp_device.device import Device
from cdp_device.settings import Settings

__all__ = ["Device", "Settings"]
