"""The thing type and the thing groups of a fleet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Fn
from aws_cdk import aws_iot as iot
from constructs import Construct

from cdp_constructs.core.paths import path_of


@dataclass(frozen=True)
class Things:
    """What AWS IoT's registry has for a fleet before there is a device."""

    thing_type: iot.CfnThingType
    group: iot.CfnThingGroup
    groups: Mapping[str, iot.CfnThingGroup]

    @property
    def group_names(self) -> Mapping[str, str]:
        """The names of the groups by context: ``Ref`` gives a group's id."""
        return {context: _name(group) for context, group in self.groups.items()}


def add_things(fleet: "Construct", contexts: Sequence[str]) -> Things:
    """Add the type, the group of all devices, and inside it a group for each context."""
    thing_type = iot.CfnThingType(
        fleet,
        "ThingType",
        thing_type_properties=iot.CfnThingType.ThingTypePropertiesProperty(
            thing_type_description=f"Devices of {path_of(fleet)}", searchable_attributes=["context", "kind"]
        ),
    )
    group = iot.CfnThingGroup(fleet, "Group")
    groups = {
        context: iot.CfnThingGroup(fleet, f"Group{context}", parent_group_name=_name(group)) for context in contexts
    }
    return Things(thing_type, group, groups)


def _name(group: iot.CfnThingGroup) -> str:
    return Fn.select(1, Fn.split("/", group.attr_arn))
