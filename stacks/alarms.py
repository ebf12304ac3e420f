"""The topic that receives the alarms of a system's stack."""

from aws_cdk import Stack

from cdp_constructs.operations.alarm_topic import AlarmTopic, warn_without_receiver

__all__ = ["add_alarms"]


def add_alarms(stack: Stack, email: str | None, *, option: str) -> AlarmTopic:
    """Add the topic, with id ``Alarms``; without an address, synthesis warns that nobody receives them.

    Args:
        stack: The stack.
        email: Receives the alarms.
        option: The key of the configuration that names the address, such as ``chat.alarm_email``.
    """
    if email is None:
        warn_without_receiver(stack, option)
    return AlarmTopic(stack, "Alarms", email=email)
