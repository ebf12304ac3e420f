"""A stranger to the systems: has an account at most, and the addresses that everybody may know."""

import asyncio
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from cryptography.hazmat.primitives import serialization

from cdp_constructs.local import LocalCloud
from demo.iot.operator import Operator
from tests.local.services.iot.mqtt import Signer, answer, endpoint, over_web_socket
from tests.local.services.iot.test_devices import authority, device_of
from tests.stacks.chat.clients import HOME, PASSWORD, REGIONS, Chat, Room, User


def test_a_room_of_others_does_not_exist(stranger: User, room: Room) -> None:
    assert room.read(HOME, room.anna).status_code == 200
    assert room.read(HOME, stranger).status_code == 404


# --- MQTT, in every Region that has the system


@pytest.fixture(scope="module")
def hosts(local_cloud: LocalCloud, operator: Operator) -> dict[str, str]:
    """The endpoints of devices, by Region."""
    regions = {operator.region, *operator.deployment.regions.values()}
    return {region: endpoint(local_cloud, region) for region in regions}


def test_no_session_without_a_certificate_of_the_fleet(
    local_cloud: LocalCloud, hosts: dict[str, str], tmp_path: Path
) -> None:
    key, own = authority()
    pkcs8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificates: dict[str, Path | None] = {"none": None}
    for name, pem in {
        "self-signed": own.public_bytes(serialization.Encoding.PEM).decode() + key.private_bytes(*pkcs8).decode(),
        "of another authority": device_of(key, own, "?"),
    }.items():
        certificates[name] = tmp_path / f"{name}.pem"
        (tmp_path / f"{name}.pem").write_text(pem)
    answers = {
        (name, host): answer(local_cloud, "dashboard", pem, server_name=host)
        for name, pem in certificates.items()
        for host in ("localhost", *hosts.values())
    }
    assert answers == dict.fromkeys(answers, b"")


def test_no_web_socket_without_a_signature_that_verifies(local_cloud: LocalCloud, hosts: dict[str, str]) -> None:
    async def connects(host: str, query: str) -> bool:
        try:
            async with over_web_socket(local_cloud, "dashboard", host, query):
                return True
        except aiomqtt.MqttError:
            return False

    for region, host in hosts.items():
        queries = {
            name: Signer(name, "guessed", region).query(host) for name in ("test", "000000000000", "AKIAGUESSED")
        }
        queries |= {"unsigned": "", "zeros": f"{queries['test'][:-64]}{'0' * 64}"}
        outcome = {name: asyncio.run(connects(host, query)) for name, query in queries.items()}
        assert outcome == dict.fromkeys(queries, False)


# --- tokens and addresses of accounts


def tokens_of(chat: Chat, user: User) -> dict[str, str]:
    cognito = chat.cloud.client("cognito-idp", HOME)
    client = chat.resource("ChatGlobal", "AWS::Cognito::UserPoolClient")
    given = {"USERNAME": user.mail, "PASSWORD": PASSWORD}
    answered = cognito.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
    tokens: dict[str, str] = answered["AuthenticationResult"]
    return tokens


def test_a_refresh_token_is_no_token_of_the_api(chat: Chat, stranger: User) -> None:
    refresh = User(chat, stranger.sub, stranger.mail, tokens_of(chat, stranger)["RefreshToken"])
    routes = (("GET", "/rooms"), ("POST", "/session"), ("GET", "/me/notifications"))
    statuses = {(region, *route): refresh.call(region, *route).status_code for region in REGIONS for route in routes}
    assert statuses == dict.fromkeys(statuses, 401)


def attempt(operation: Any, **request: Any) -> str:
    with pytest.raises(Exception, match="An error occurred") as refused:
        operation(**request)
    response: dict[str, Any] = getattr(refused.value, "response", {})
    return str(response["Error"]["Code"])


def test_nobody_takes_the_address_of_somebody_else(chat: Chat, room: Room, stranger: User) -> None:
    cognito = chat.cloud.client("cognito-idp", HOME)
    victim, mine = room.anna, {"AccessToken": tokens_of(chat, stranger)["AccessToken"]}
    address, verified = {"Name": "email", "Value": victim.mail}, {"Name": "email_verified", "Value": "true"}
    update = cognito.update_user_attributes
    assert attempt(update, **mine, UserAttributes=[verified]) == "NotAuthorizedException"
    assert attempt(update, **mine, UserAttributes=[address, verified]) == "NotAuthorizedException"
    assert attempt(update, **mine, UserAttributes=[address]) == "AliasExistsException"

    # An address that nobody has yet is not the stranger's before its code is there.
    new = {"Name": "email", "Value": "nobody-yet@example.com"}
    update(**mine, UserAttributes=[new])
    held = {each["Name"]: each["Value"] for each in cognito.get_user(**mine)["UserAttributes"]}
    assert (held["email"], held["email_verified"]) == (stranger.mail, "true")
    assert (
        attempt(cognito.verify_user_attribute, **mine, AttributeName="email", Code="123456") == "CodeMismatchException"
    )
    assert tokens_of(chat, victim)["AccessToken"]


def test_nobody_resets_the_password_of_somebody_else(chat: Chat, room: Room) -> None:
    cognito = chat.cloud.client("cognito-idp", HOME)
    user = {"ClientId": chat.resource("ChatGlobal", "AWS::Cognito::UserPoolClient"), "Username": room.ben.mail}
    delivery = cognito.forgot_password(**user)["CodeDeliveryDetails"]
    assert room.ben.mail not in str(delivery)
    confirm = cognito.confirm_forgot_password
    for code in ("654321", "000000"):
        refused = attempt(confirm, **user, ConfirmationCode=code, Password="Stolen-horse-9-battery")
        assert refused == "CodeMismatchException"
    assert tokens_of(chat, room.ben)["AccessToken"]
