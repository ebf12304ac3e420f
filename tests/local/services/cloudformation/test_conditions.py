"""Conditions compare what functions make of parameters, as CloudFormation does."""

from typing import Any

import pytest

from cdp_constructs.local.services.cloudformation.conditions import Values

PARAMETERS = {
    "None": {"Value": ""},
    "Some": {"Value": "111122223333, 444455556666"},
    "Stage": {"Value": "prod"},
    "AWS::Region": {"Value": "eu-west-1"},
}
MAPPINGS = {"Sizes": {"prod": {"memory": "1024"}}}


@pytest.mark.parametrize(
    ("expression", "plain"),
    [
        ({"Fn::Join": ["", {"Ref": "None"}]}, ""),
        ({"Fn::Join": ["", {"Ref": "Some"}]}, "111122223333444455556666"),
        ({"Fn::Join": ["-", [{"Ref": "Stage"}, "a"]]}, "prod-a"),
        ({"Fn::Sub": "${Stage}-${AWS::Region}"}, "prod-eu-west-1"),
        ({"Fn::Sub": ["${X}-${Stage}", {"X": {"Ref": "AWS::Region"}}]}, "eu-west-1-prod"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}, "1024"),
        (
            {"Fn::Not": [{"Fn::Equals": ["", {"Fn::Join": ["", {"Ref": "None"}]}]}]},
            {"Fn::Not": [{"Fn::Equals": ["", ""]}]},
        ),
        ({"Condition": "Other"}, {"Condition": "Other"}),
        ({"Ref": "Stage"}, {"Ref": "Stage"}),
    ],
)
def test_functions_are_texts(expression: Any, plain: Any) -> None:
    assert Values(PARAMETERS, MAPPINGS).plain(expression) == plain
