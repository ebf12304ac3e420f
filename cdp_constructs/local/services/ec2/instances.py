"""EC2: instances, volumes, key pairs and placement groups; the API describes them, no machine runs."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import Properties, ResourceType
from cdp_constructs.local.services.ec2.tags import tagged

__all__ = ["RESOURCE_TYPES"]


def _instance(properties: Properties) -> Properties:
    profile = properties.get("IamInstanceProfile")
    named = {"IamInstanceProfile": {"Name": profile}} if isinstance(profile, str) else {}
    return tagged("instance")({**properties, **named, "MinCount": 1, "MaxCount": 1})


_APIS = {
    "KeyPair": Api(
        service="ec2",
        create="create_key_pair",
        delete="delete_key_pair",
        ref="Properties.KeyName",
        key={"KeyName": "Id"},
        attributes={"KeyPairId": "Response.KeyPairId", "KeyFingerprint": "Response.KeyFingerprint"},
        adapt=tagged("key-pair"),
    ),
    "Volume": Api(
        service="ec2",
        create="create_volume",
        delete="delete_volume",
        ref="Response.VolumeId",
        key={"VolumeId": "Id"},
        attributes={"VolumeId": "Id"},
        adapt=tagged("volume"),
    ),
    "VolumeAttachment": Api(
        service="ec2",
        create="attach_volume",
        delete="detach_volume",
        ref="{Properties.VolumeId}|{Properties.InstanceId}",
        key={"VolumeId": "Properties.VolumeId", "InstanceId": "Properties.InstanceId"},
        defaults={"Device": "/dev/sdf"},
    ),
    "PlacementGroup": Api(
        service="ec2",
        create="create_placement_group",
        delete="delete_placement_group",
        ref="Properties.GroupName",
        key={"GroupName": "Id"},
        attributes={"GroupName": "Id"},
        named="GroupName",
    ),
}

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    *(resource_type(f"AWS::EC2::{name}", api) for name, api in _APIS.items()),
    resource_type(
        "AWS::EC2::Instance",
        Api(
            service="ec2",
            create="run_instances",
            read="describe_instances",
            delete="terminate_instances",
            ref="Response.Instances[0].InstanceId",
            key={"InstanceIds": "[Id]"},
            attributes={
                "InstanceId": "Id",
                "AvailabilityZone": "Response.Reservations[0].Instances[0].Placement.AvailabilityZone",
                **{
                    attribute: f"Response.Reservations[0].Instances[0].{member}"
                    for attribute, member in {
                        "PrivateIp": "PrivateIpAddress",
                        "PublicIp": "PublicIpAddress",
                        "PrivateDnsName": "PrivateDnsName",
                        "PublicDnsName": "PublicDnsName",
                        "VpcId": "VpcId",
                    }.items()
                },
            },
            adapt=_instance,
        ),
    ),
)
