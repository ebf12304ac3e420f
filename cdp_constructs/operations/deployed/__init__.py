"""Stacks that are deployed, as their operators see them: resources, outputs and logs. No construct is in here."""
