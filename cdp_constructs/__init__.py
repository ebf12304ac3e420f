"""AWS Cloud Design Patterns as composable AWS CDK constructs.

Every pattern is importable from here (``from cdp_constructs import SnsSqsFanout``). Names resolve on first use, so that
an application pays only for the CDK service modules of the patterns it uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from cdp_constructs._version import __version__

if TYPE_CHECKING:
    from cdp_constructs.api.authorized_api import AuthorizedApi
    from cdp_constructs.api.sign_in_user_pool import SignInUserPool, TokenIssuer
    from cdp_constructs.core.buckets import use_access_log_bucket
    from cdp_constructs.core.validation import InvalidOptionError
    from cdp_constructs.data.batch_layer import BatchLayer
    from cdp_constructs.data.batch_warehouse import BatchWarehouse
    from cdp_constructs.data.speed_layer import SpeedLayer
    from cdp_constructs.data.state_sharing import StateSharing
    from cdp_constructs.data.storage_index import StorageIndex
    from cdp_constructs.delivery.cache_distribution import CacheDistribution
    from cdp_constructs.delivery.direct_hosting import DirectHosting
    from cdp_constructs.delivery.private_cache_distribution import PrivateCacheDistribution
    from cdp_constructs.iot.aggregation import Aggregation
    from cdp_constructs.iot.broadcast import Broadcast
    from cdp_constructs.iot.device_fleet import DeviceFleet
    from cdp_constructs.iot.fanout_notification import FanoutNotification
    from cdp_constructs.iot.iot_account_settings import IotAccountSettings
    from cdp_constructs.iot.point_to_point import PointToPoint
    from cdp_constructs.iot.topic_rule import TopicRule
    from cdp_constructs.iot.topics import InvalidTopicError, TopicSpace
    from cdp_constructs.messaging.notifications import Notifications
    from cdp_constructs.messaging.sns_sqs_fanout import FanoutSubscriber, SnsSqsFanout
    from cdp_constructs.realtime.realtime_channels import ChannelNamespace, RealtimeChannels
    from cdp_constructs.realtime.web_socket_channels import WebSocketChannels
    from cdp_constructs.routing.deep_health_check import DeepHealthCheck
    from cdp_constructs.routing.multi_region_latency_routing import MultiRegionLatencyRouting
    from cdp_constructs.upload.direct_object_upload import DirectObjectUpload
    from cdp_constructs.upload.image_thumbnails import ImageThumbnails
    from cdp_constructs.workflow.webhook_automation import WebhookAutomation, WebhookSource

# Where each public name lives. A test keeps this table, __all__ and the type view above equal.
_MODULE_OF = {
    "Aggregation": "cdp_constructs.iot.aggregation",
    "AuthorizedApi": "cdp_constructs.api.authorized_api",
    "BatchLayer": "cdp_constructs.data.batch_layer",
    "BatchWarehouse": "cdp_constructs.data.batch_warehouse",
    "Broadcast": "cdp_constructs.iot.broadcast",
    "CacheDistribution": "cdp_constructs.delivery.cache_distribution",
    "ChannelNamespace": "cdp_constructs.realtime.realtime_channels",
    "DeepHealthCheck": "cdp_constructs.routing.deep_health_check",
    "DeviceFleet": "cdp_constructs.iot.device_fleet",
    "DirectHosting": "cdp_constructs.delivery.direct_hosting",
    "DirectObjectUpload": "cdp_constructs.upload.direct_object_upload",
    "FanoutNotification": "cdp_constructs.iot.fanout_notification",
    "FanoutSubscriber": "cdp_constructs.messaging.sns_sqs_fanout",
    "ImageThumbnails": "cdp_constructs.upload.image_thumbnails",
    "InvalidOptionError": "cdp_constructs.core.validation",
    "InvalidTopicError": "cdp_constructs.iot.topics",
    "IotAccountSettings": "cdp_constructs.iot.iot_account_settings",
    "MultiRegionLatencyRouting": "cdp_constructs.routing.multi_region_latency_routing",
    "Notifications": "cdp_constructs.messaging.notifications",
    "PointToPoint": "cdp_constructs.iot.point_to_point",
    "PrivateCacheDistribution": "cdp_constructs.delivery.private_cache_distribution",
    "RealtimeChannels": "cdp_constructs.realtime.realtime_channels",
    "SignInUserPool": "cdp_constructs.api.sign_in_user_pool",
    "SnsSqsFanout": "cdp_constructs.messaging.sns_sqs_fanout",
    "SpeedLayer": "cdp_constructs.data.speed_layer",
    "StateSharing": "cdp_constructs.data.state_sharing",
    "StorageIndex": "cdp_constructs.data.storage_index",
    "TokenIssuer": "cdp_constructs.api.sign_in_user_pool",
    "TopicRule": "cdp_constructs.iot.topic_rule",
    "TopicSpace": "cdp_constructs.iot.topics",
    "WebSocketChannels": "cdp_constructs.realtime.web_socket_channels",
    "WebhookAutomation": "cdp_constructs.workflow.webhook_automation",
    "WebhookSource": "cdp_constructs.workflow.webhook_automation",
    "use_access_log_bucket": "cdp_constructs.core.buckets",
}

__all__ = [
    "Aggregation",
    "AuthorizedApi",
    "BatchLayer",
    "BatchWarehouse",
    "Broadcast",
    "CacheDistribution",
    "ChannelNamespace",
    "DeepHealthCheck",
    "DeviceFleet",
    "DirectHosting",
    "DirectObjectUpload",
    "FanoutNotification",
    "FanoutSubscriber",
    "ImageThumbnails",
    "InvalidOptionError",
    "InvalidTopicError",
    "IotAccountSettings",
    "MultiRegionLatencyRouting",
    "Notifications",
    "PointToPoint",
    "PrivateCacheDistribution",
    "RealtimeChannels",
    "SignInUserPool",
    "SnsSqsFanout",
    "SpeedLayer",
    "StateSharing",
    "StorageIndex",
    "TokenIssuer",
    "TopicRule",
    "TopicSpace",
    "WebSocketChannels",
    "WebhookAutomation",
    "WebhookSource",
    "__version__",
    "use_access_log_bucket",
]


def __getattr__(name: str) -> object:
    """Import the module of a public name when the name is first used (PEP 562)."""
    module = _MODULE_OF.get(name)
    if module is None:
        message = f"module {__name__!r} has no attribute {name!r}; its public names are {', '.join(__all__)}"
        raise AttributeError(message)
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
