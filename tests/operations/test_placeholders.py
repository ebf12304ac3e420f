"""Names that nobody owns: known as such, warned about at synthesis, and refused by CloudFormation."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Annotations, Match, Template

from cdp_constructs.operations.placeholders import Placeholder, is_placeholder, refuse_placeholders


@pytest.mark.parametrize(
    "value",
    [
        "chat.example.com",
        "example.org",
        "api.chat.EXAMPLE.net.",
        "ops@example.com",
        "Chat <notices@chat.example.com>",
        "shop.test",
        "one.invalid",
        "https://shop.example",
        "Z00000PLACEHOLDER",
    ],
)
def test_names_that_nobody_owns(value: str) -> None:
    assert is_placeholder(value)


@pytest.mark.parametrize(
    "value", ["chat.myexample.com", "example.com.talk.dev", "latest.dev", "ops@contest", "Z0123456789ABCDEFGHIJ", ""]
)
def test_names_that_somebody_may_own(value: str) -> None:
    assert not is_placeholder(value)


def test_each_stack_is_refused_and_the_first_one_warns() -> None:
    app = App()
    first, second = Stack(app, "First"), Stack(app, "Second")
    refuse_placeholders([first, second], [Placeholder("shop.zone", "Z00000PLACEHOLDER", "Set the id, or null")])
    for stack in (first, second):
        template = Template.from_stack(stack).to_json()
        assert template["Parameters"]["PlaceholderNames"]["Default"] == "refused"
        (assertion,) = template["Rules"]["NoPlaceholderNames"]["Assertions"]
        assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "PlaceholderNames"}, "accepted"]}
        assert "Replace shop.zone, or switch off what needs" in assertion["AssertDescription"]
        assert template["Metadata"]["cdp-constructs:placeholders"] == {"shop.zone": "Z00000PLACEHOLDER"}
    warning = Match.string_like_regexp("shop.zone is the placeholder 'Z00000PLACEHOLDER'. Set the id, or null.")
    Annotations.from_stack(first).has_warning("*", warning)
    Annotations.from_stack(second).has_no_warning("*", Match.any_value())


def test_without_a_placeholder_a_template_is_as_it_was() -> None:
    stack = Stack(App(), "Whole")
    refuse_placeholders([stack], [])
    assert "NoPlaceholderNames" not in Template.from_stack(stack).to_json().get("Rules", {})
