"""Cognito: what users may write of themselves, and when a changed address counts."""

import re
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.cognito.conftest import TOKYO
from tests.local.services.cognito.pools import PASSWORD, pool, sign_in, sign_up

KEEP = {"UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}}


@pytest.fixture(scope="module")
def keeping(stacks: Any, cognito: Any) -> dict[str, str]:
    """A pool that keeps an address until the new one is verified; Ann and Bob are in it."""
    outputs: dict[str, str] = stacks.deploy(pool(**KEEP), region=TOKYO)
    for address in ("ann@example.com", "bob@example.com"):
        sign_up(cognito, outputs, address)
    return outputs


@pytest.fixture(scope="module")
def changing(stacks: Any, cognito: Any) -> dict[str, str]:
    """A pool where a new address counts at once; Ann and Bob are in it."""
    outputs: dict[str, str] = stacks.deploy(pool(), region=TOKYO)
    for address in ("ann@example.com", "bob@example.com"):
        sign_up(cognito, outputs, address)
    return outputs


def write(cognito: Any, token: str, **attributes: str) -> list[dict[str, str]]:
    given = [{"Name": name, "Value": value} for name, value in attributes.items()]
    details: list[dict[str, str]] = cognito.update_user_attributes(AccessToken=token, UserAttributes=given)[
        "CodeDeliveryDetailsList"
    ]
    return details


def read(cognito: Any, token: str) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in cognito.get_user(AccessToken=token)["UserAttributes"]}


def last_code(cloud: LocalCloud, address: str) -> str:
    mail = [mail for mail in cloud.sent_mails(TOKYO) if mail.to == [address]][-1]
    found = re.search(r"\d{6}", mail.text + mail.html)
    assert found, mail
    return found[0]


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_users_cannot_say_that_an_address_is_verified(cognito: Any, changing: dict[str, str]) -> None:
    claim = [{"Name": "email_verified", "Value": "true"}]
    with pytest.raises(cognito.exceptions.NotAuthorizedException, match="unauthorized attribute"):
        cognito.sign_up(
            ClientId=changing["Client"], Username="eve@example.com", Password=PASSWORD, UserAttributes=claim
        )
    token = sign_in(cognito, changing, "ann@example.com")["AccessToken"]
    for attributes in ({"email_verified": "true"}, {"phone_number": "+15550100", "phone_number_verified": "true"}):
        with pytest.raises(cognito.exceptions.NotAuthorizedException, match="unauthorized attribute"):
            write(cognito, token, **attributes)
    assert "phone_number" not in read(cognito, token)


def test_only_the_code_of_the_sign_up_verifies_its_address(
    cloud: LocalCloud, cognito: Any, changing: dict[str, str]
) -> None:
    cognito.sign_up(ClientId=changing["Client"], Username="dan@example.com", Password=PASSWORD)
    user = {"UserPoolId": changing["Pool"], "Username": "dan@example.com"}

    def verified() -> str:
        attributes = cognito.admin_get_user(**user)["UserAttributes"]
        return {each["Name"]: str(each["Value"]) for each in attributes}["email_verified"]

    assert verified() == "false"
    code, confirm = last_code(cloud, "dan@example.com"), {"ClientId": changing["Client"], "Username": "dan@example.com"}
    with pytest.raises(cognito.exceptions.CodeMismatchException):
        cognito.confirm_sign_up(**confirm, ConfirmationCode=other_than(code))
    cognito.confirm_sign_up(**confirm, ConfirmationCode=code)
    assert verified() == "true"


def test_only_the_code_in_the_mail_sets_a_new_password(
    cloud: LocalCloud, cognito: Any, changing: dict[str, str]
) -> None:
    user = {"ClientId": changing["Client"], "Username": "bob@example.com"}
    cognito.forgot_password(**user)
    code = last_code(cloud, "bob@example.com")
    for guess in {other_than(code), "654321"} - {code}:
        with pytest.raises(cognito.exceptions.CodeMismatchException):
            cognito.confirm_forgot_password(**user, ConfirmationCode=guess, Password="Stolen-horse-9!")
    cognito.confirm_forgot_password(**user, ConfirmationCode=code, Password=PASSWORD)
    assert sign_in(cognito, changing, "bob@example.com")


def test_a_new_address_waits_for_the_code_that_is_mailed_to_it(
    cloud: LocalCloud, cognito: Any, keeping: dict[str, str]
) -> None:
    token = sign_in(cognito, keeping, "ann@example.com")["AccessToken"]
    [delivery] = write(cognito, token, email="new@example.com", name="Ann")
    assert (delivery["AttributeName"], delivery["DeliveryMedium"]) == ("email", "EMAIL")
    before = read(cognito, token)
    assert (before["email"], before["email_verified"], before["name"]) == ("ann@example.com", "true", "Ann")
    assert sign_in(cognito, keeping, "ann@example.com")
    with pytest.raises(cognito.exceptions.ClientError):
        sign_in(cognito, keeping, "new@example.com")

    code = last_code(cloud, "new@example.com")
    with pytest.raises(cognito.exceptions.CodeMismatchException):
        cognito.verify_user_attribute(AccessToken=token, AttributeName="email", Code=other_than(code))
    cognito.verify_user_attribute(AccessToken=token, AttributeName="email", Code=code)
    after = read(cognito, token)
    assert (after["email"], after["email_verified"]) == ("new@example.com", "true")
    assert sign_in(cognito, keeping, "new@example.com")
    with pytest.raises(cognito.exceptions.ClientError):
        sign_in(cognito, keeping, "ann@example.com")
    with pytest.raises(cognito.exceptions.ExpiredCodeException):
        cognito.verify_user_attribute(AccessToken=token, AttributeName="email", Code=code)


def test_a_code_is_sent_again_and_replaces_the_one_before(
    cloud: LocalCloud, cognito: Any, keeping: dict[str, str]
) -> None:
    sign_up(cognito, keeping, "gus@example.com")
    token = sign_in(cognito, keeping, "gus@example.com")["AccessToken"]
    write(cognito, token, email="gus@example.org")
    first = last_code(cloud, "gus@example.org")
    cognito.get_user_attribute_verification_code(AccessToken=token, AttributeName="email")
    second = last_code(cloud, "gus@example.org")
    if first != second:  # one time in a million they are the same
        with pytest.raises(cognito.exceptions.CodeMismatchException):
            cognito.verify_user_attribute(AccessToken=token, AttributeName="email", Code=first)
    cognito.verify_user_attribute(AccessToken=token, AttributeName="email", Code=second)
    assert read(cognito, token)["email"] == "gus@example.org"


def test_an_address_that_is_taken_is_refused(cloud: LocalCloud, cognito: Any, keeping: dict[str, str]) -> None:
    bob = sign_in(cognito, keeping, "bob@example.com")["AccessToken"]
    sign_up(cognito, keeping, "cat@example.com")
    with pytest.raises(cognito.exceptions.AliasExistsException):
        write(cognito, bob, email="cat@example.com")

    # Free when it is asked for, taken when it is verified.
    write(cognito, bob, email="soon@example.com")
    code = last_code(cloud, "soon@example.com")
    sign_up(cognito, keeping, "soon@example.com")
    with pytest.raises(cognito.exceptions.AliasExistsException):
        cognito.verify_user_attribute(AccessToken=bob, AttributeName="email", Code=code)
    assert read(cognito, bob)["email"] == "bob@example.com"


def test_where_the_original_is_not_kept_a_new_address_counts_at_once_and_is_not_verified(
    cloud: LocalCloud, cognito: Any, changing: dict[str, str]
) -> None:
    token = sign_in(cognito, changing, "ann@example.com")["AccessToken"]
    with pytest.raises(cognito.exceptions.AliasExistsException):
        write(cognito, token, email="bob@example.com")
    write(cognito, token, email="at-once@example.com")
    changed = read(cognito, token)
    assert (changed["email"], changed["email_verified"]) == ("at-once@example.com", "false")
    cognito.verify_user_attribute(
        AccessToken=token, AttributeName="email", Code=last_code(cloud, "at-once@example.com")
    )
    assert read(cognito, token)["email_verified"] == "true"


def test_an_administrator_may_set_a_verified_address(cognito: Any, keeping: dict[str, str]) -> None:
    sign_up(cognito, keeping, "fay@example.com")
    user = {"UserPoolId": keeping["Pool"], "Username": "fay@example.com"}
    new = {"Name": "email", "Value": "fay@example.org"}
    cognito.admin_update_user_attributes(**user, UserAttributes=[new])
    assert sign_in(cognito, keeping, "fay@example.com")
    cognito.admin_update_user_attributes(**user, UserAttributes=[new, {"Name": "email_verified", "Value": "true"}])
    assert sign_in(cognito, keeping, "fay@example.org")


def test_an_app_client_limits_what_its_users_write(stacks: Any, cognito: Any) -> None:
    limited = stacks.deploy(pool({"WriteAttributes": ["email", "name"]}), region=TOKYO)
    sign_up(cognito, limited, "ann@example.com")
    token = sign_in(cognito, limited, "ann@example.com")["AccessToken"]
    write(cognito, token, name="Ann")
    with pytest.raises(cognito.exceptions.NotAuthorizedException, match="unauthorized attribute"):
        write(cognito, token, nickname="Queen Ann")
    assert "nickname" not in read(cognito, token)


def test_a_verified_alias_belongs_to_one_user(cloud: LocalCloud, stacks: Any, cognito: Any) -> None:
    aliases = stacks.deploy(pool(UsernameAttributes=None, AliasAttributes=["email"]), region=TOKYO)
    address = [{"Name": "email", "Value": "both@example.com"}]
    confirm = {}
    for name in ("ann", "bob"):
        user = {"ClientId": aliases["Client"], "Username": name}
        cognito.sign_up(**user, Password=PASSWORD, UserAttributes=address)
        confirm[name] = {**user, "ConfirmationCode": last_code(cloud, "both@example.com")}
    cognito.confirm_sign_up(**confirm["ann"])
    with pytest.raises(cognito.exceptions.AliasExistsException):
        cognito.confirm_sign_up(**confirm["bob"])
    assert sign_in(cognito, aliases, "both@example.com")
    cognito.confirm_sign_up(**confirm["bob"], ForceAliasCreation=True)
    token = sign_in(cognito, aliases, "both@example.com")["AccessToken"]
    assert cognito.get_user(AccessToken=token)["Username"] == "bob"
