"""Which notifications users want, and where: preferences, devices, and what they have seen already."""

from notices.people import Notices
from notices.values import Device, Preferences

__all__ = ["Device", "Notices", "Preferences"]
