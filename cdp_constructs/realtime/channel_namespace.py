"""The channels that begin with one segment, such as ``/rooms/…``."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from cdp_constructs.core.cdk import iam, lambda_

__all__ = ["ChannelNamespace"]


@dataclass(frozen=True)
class ChannelNamespace(ABC):
    """The channels of either transport that begin with one segment, and who decides about subscriptions to them."""

    name: str
    """First segment of its channels."""
    subscribe_handler: "lambda_.IFunction"
    """Decides whether a user may subscribe to one of its channels."""

    @abstractmethod
    def grant_publish(self, grantee: "iam.IGrantable") -> "iam.Grant":
        """Let a back end's role publish to the channels of this namespace, and to no others."""
