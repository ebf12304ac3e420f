import re

from aws_cdk import App, Stack
from hypothesis import given
from hypothesis import strategies as st

from cdp_constructs import InMemoryCache, ReplicatedDatabase, SharedFiles
from cdp_constructs.core.security_groups import described

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
ACCEPTED = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}")


@given(st.text(max_size=300))
def test_any_text_becomes_one_that_ec2_accepts(text: str) -> None:
    assert ACCEPTED.fullmatch(described(text))


@given(st.from_regex(ACCEPTED, fullmatch=True))
def test_an_accepted_text_stays_as_it_is(text: str) -> None:
    assert described(text) == text


def test_a_path_with_other_letters_is_no_reason_to_be_refused() -> None:
    stack = Stack(App(), "Shop")
    database = ReplicatedDatabase(stack, "Bestellungen für Köln")
    groups = [database.security_group]
    groups += [SharedFiles(stack, "Bücher", vpc=database.vpc).security_group]
    groups += [InMemoryCache(stack, "Käse", vpc=database.vpc).security_group]
    written = [stack.resolve(group.node.default_child.group_description) for group in groups]  # type: ignore[union-attr]
    assert written == ["Database of Shop/Bestellungen f_r K_ln", "Files of Shop/B_cher", "Cache of Shop/K_se"]
