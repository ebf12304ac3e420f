"""Devices and browsers for push: whose they are, and the SNS endpoints that Regions made for them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from notices.values import MOST_DEVICES, WEB_PUSH, Device, check_device, check_subscription

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class Devices:
    """Devices of users."""

    web_push_key: str | None
    """The public key to which browsers subscribe (``applicationServerKey``); None without Web Push."""
    push_services: Sequence[str] | None
    """The push services that browsers may have; None without Web Push."""

    def __init__(self, table: "Table", platforms: Mapping[str, str], web_push: Mapping[str, Any] | None = None) -> None:
        self._table = table
        self.platforms = dict(platforms)
        self.web_push_key = None if web_push is None else str(web_push["public_key"])
        self.push_services = None if web_push is None else list(web_push["services"])

    def add_device(self, user: str, platform: str, token: str) -> str:
        """Register a device for push, and return its id: the same one for the same token.

        A token that another user registered moves to this one: the device has changed hands, or its user has signed in
        as somebody else.

        Raises:
            ValueError: for an unknown platform, an empty or too long token, or too many devices.
        """
        device = check_device(platform, token, self.platforms)
        self._register(user, device, {"platform": platform, "token": token})
        return device

    def add_subscription(self, user: str, endpoint: str, p256dh: str, auth: str) -> str:
        """Register a browser for Web Push, as a device: ``endpoint`` and ``keys`` of its ``PushSubscription``.

        Raises:
            ValueError: without Web Push, for an endpoint that is at no known push service, for other keys than a
                browser's, or too many devices.
        """
        device = check_subscription(endpoint, p256dh, auth, self.push_services)
        self._register(user, device, {"platform": WEB_PUSH, "token": endpoint, "p256dh": p256dh, "auth": auth})
        return device

    def _register(self, user: str, device: str, attributes: Mapping[str, str]) -> None:
        """Give a device to a user, unless the user has too many, and keep the SNS endpoints that it has."""
        mine = {entry.device for entry in self.devices(user)}
        if device not in mine and len(mine) >= MOST_DEVICES:
            raise ValueError(f"{MOST_DEVICES} devices are registered; remove one")
        # In this order a call that breaks off can be repeated: the former owner is forgotten last.
        before = self._get(device_key(device), "OWNER").get("user")
        if before not in {None, user}:
            self._table.delete_item(Key={"pk": user_key(str(before)), "sk": device_key(device)})
        self._table.put_item(Item={"pk": device_key(device), "sk": "OWNER", "user": user})
        self._table.update_item(
            Key={"pk": user_key(user), "sk": device_key(device)},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
            ExpressionAttributeNames={f"#{name}": name for name in attributes},
            ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()},
        )

    def remove_device(self, user: str, device: str) -> bool:
        """Forget a device of the user; False when the user has no such device."""
        answer = self._table.delete_item(Key={"pk": user_key(user), "sk": device_key(device)}, ReturnValues="ALL_OLD")
        try:
            self._table.delete_item(
                Key={"pk": device_key(device), "sk": "OWNER"},
                ConditionExpression="#user = :user",
                ExpressionAttributeNames={"#user": "user"},
                ExpressionAttributeValues={":user": user},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
        return "Attributes" in answer

    def devices(self, user: str) -> list[Device]:
        """List the user's devices."""
        return [
            Device(
                device=str(item["sk"]).removeprefix("DEVICE#"),
                platform=str(item["platform"]),
                token=str(item["token"]),
                endpoints={
                    name.removeprefix("endpoint#"): str(value)
                    for name, value in item.items()
                    if name.startswith("endpoint#")
                },
                p256dh=str(item.get("p256dh", "")),
                auth=str(item.get("auth", "")),
            )
            for item in self._items(user, "DEVICE#")
        ]

    def owns(self, user: str, device: str) -> bool:
        """Whether the device is still this user's; between Regions its item can outlive the move for a moment."""
        return self._get(device_key(device), "OWNER").get("user") == user

    def keep_endpoint(self, user: str, device: str, region: str, endpoint: str) -> None:
        """Remember the SNS endpoint of a device in a Region; nothing when the device was removed meanwhile."""
        try:
            self._table.update_item(
                Key={"pk": user_key(user), "sk": device_key(device)},
                UpdateExpression="SET #endpoint = :endpoint",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#endpoint": f"endpoint#{region}"},
                ExpressionAttributeValues={":endpoint": endpoint},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def _items(self, user: str, kind: str) -> list[dict[str, Any]]:
        """Return the user's items whose sort keys begin with a text."""
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :user AND begins_with(sk, :kind)",
            "ExpressionAttributeValues": {":user": user_key(user), ":kind": kind},
            "ConsistentRead": True,
        }
        items: list[dict[str, Any]] = []
        while True:
            answer = self._table.query(**request)
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return items
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _get(self, pk: str, sk: str) -> dict[str, Any]:
        return self._table.get_item(Key={"pk": pk, "sk": sk}, ConsistentRead=True).get("Item", {})


def user_key(user: str) -> str:
    """Return the partition of a user."""
    return f"USER#{user}"


def device_key(device: str) -> str:
    """Return the partition of a device; the sort key of the user's item is the same."""
    return f"DEVICE#{device}"
