"""Thumbnails as they were made at first, beside those that are sure: to be compared, not to be copied.

Nothing of the mobile backend uses this, and ``cdk synth`` does not build it.
"""
