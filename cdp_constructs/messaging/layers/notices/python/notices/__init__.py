"""What users want to hear, and where: preferences, devices, and what they have seen already."""

from notices.people import Device, Notices, Preferences

__all__ = ["Device", "Notices", "Preferences"]
