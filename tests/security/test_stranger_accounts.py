"""A stranger at the user pool: who has an account is not told, and nobody chooses who he is."""

from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.stacks.chat.clients import HOME, PASSWORD, Chat, User


@pytest.fixture(scope="module")
def known(chat: Chat) -> User:
    return chat.user()


@pytest.fixture(scope="module")
def client(chat: Chat) -> str:
    return chat.resource("ChatGlobal", "AWS::Cognito::UserPoolClient")


def answer(cognito: Any, operation: str, **arguments: Any) -> tuple[str, str]:
    try:
        getattr(cognito, operation)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "", ""


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        (
            "initiate_auth",
            {"AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "{mail}", "PASSWORD": "Wrong-0-word"}},
        ),
        ("forgot_password", {"Username": "{mail}"}),
        ("resend_confirmation_code", {"Username": "{mail}"}),
    ],
)
def test_known_and_unknown_accounts_are_answered_alike(
    chat: Chat, known: User, client: str, operation: str, arguments: dict[str, Any]
) -> None:
    cognito = chat.cloud.client("cognito-idp", HOME)

    def asked(mail: str) -> tuple[str, str]:
        filled = {
            name: {key: text.format(mail=mail) for key, text in value.items()}
            if isinstance(value, dict)
            else value.format(mail=mail)
            for name, value in arguments.items()
        }
        return answer(cognito, operation, ClientId=client, **filled)

    unknown = f"{uuid4().hex}@example.com"
    assert asked(known.mail) == asked(unknown)
    signed_in = {"USERNAME": known.mail, "PASSWORD": PASSWORD}
    allowed = answer(cognito, "initiate_auth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=signed_in)
    assert allowed == ("", "")


def test_nobody_chooses_a_subject(chat: Chat, known: User, client: str) -> None:
    cognito = chat.cloud.client("cognito-idp", HOME)
    new = {"ClientId": client, "Password": PASSWORD}
    mail = f"{uuid4().hex}@example.com"
    chosen = [{"Name": "sub", "Value": known.sub}]
    code, _ = answer(cognito, "sign_up", Username=mail, UserAttributes=chosen, **new)
    assert code in {"", "InvalidParameterException", "NotAuthorizedException"}
    if code:
        cognito.sign_up(Username=mail, **new)
    pool = chat.resource("ChatGlobal", "AWS::Cognito::UserPool")
    made = cognito.admin_get_user(UserPoolId=pool, Username=mail)["UserAttributes"]
    (subject,) = [attribute["Value"] for attribute in made if attribute["Name"] == "sub"]
    assert subject != known.sub


def test_nobody_changes_the_own_subject(chat: Chat, known: User) -> None:
    cognito = chat.cloud.client("cognito-idp", HOME)
    subject = [{"Name": "sub", "Value": str(uuid4())}]
    change = {"AccessToken": known.token, "UserAttributes": subject}
    code, _ = answer(cognito, "update_user_attributes", **change)
    assert code in {"InvalidParameterException", "NotAuthorizedException"}
    account = cognito.get_user(AccessToken=known.token)["UserAttributes"]
    assert {"Name": "sub", "Value": known.sub} in account
    assert known.call(HOME, "POST", "/session", {}).json()["user"] == known.sub


def test_the_account_of_another_cannot_be_taken_by_signing_up_again(chat: Chat, known: User, client: str) -> None:
    cognito = chat.cloud.client("cognito-idp", HOME)
    other = "Another-horse-7-battery"
    code, _ = answer(cognito, "sign_up", ClientId=client, Username=known.mail, Password=other)
    assert code == "UsernameExistsException"
    flow = {"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH"}
    wrong = {"USERNAME": known.mail, "PASSWORD": other}
    assert answer(cognito, "initiate_auth", **flow, AuthParameters=wrong)[0] == "NotAuthorizedException"
    right = {"USERNAME": known.mail, "PASSWORD": PASSWORD}
    assert answer(cognito, "initiate_auth", **flow, AuthParameters=right) == ("", "")
