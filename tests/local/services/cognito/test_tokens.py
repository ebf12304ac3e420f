"""Cognito: refresh tokens that rotate, and the end of a session."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.services.cognito.conftest import TOKYO
from tests.local.services.cognito.pools import pool, sign_in, sign_up

ANN = "ann@example.com"


def rotation(grace: int) -> dict[str, Any]:
    return {"RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": grace}}


@pytest.fixture(scope="module")
def rotating(stacks: Any, cognito: Any) -> dict[str, str]:
    outputs: dict[str, str] = stacks.deploy(pool(rotation(1)), region=TOKYO)
    sign_up(cognito, outputs, ANN)
    return outputs


def refresh(cognito: Any, pool: dict[str, str], token: str) -> dict[str, str]:
    answer: dict[str, str] = cognito.get_tokens_from_refresh_token(ClientId=pool["Client"], RefreshToken=token)[
        "AuthenticationResult"
    ]
    return answer


def refusal(cognito: Any, pool: dict[str, str], token: str) -> str:
    with pytest.raises(ClientError) as refused:
        refresh(cognito, pool, token)
    code: str = refused.value.response["Error"]["Code"]
    return code


def test_a_refresh_token_is_replaced_and_ends_after_the_grace_period(cognito: Any, rotating: dict[str, str]) -> None:
    first = sign_in(cognito, rotating, ANN)["RefreshToken"]
    second = refresh(cognito, rotating, first)
    assert second["RefreshToken"] != first
    assert cognito.get_user(AccessToken=second["AccessToken"])["Username"]

    # Within the grace period a client that lost the answer asks again, which does not extend the period.
    refresh(cognito, rotating, first)
    time.sleep(1.1)
    assert refusal(cognito, rotating, first) == "RefreshTokenReuseException"
    assert refresh(cognito, rotating, second["RefreshToken"])["RefreshToken"] != second["RefreshToken"]


def test_without_a_grace_period_a_refresh_token_is_used_once(stacks: Any, cognito: Any) -> None:
    strict = stacks.deploy(pool(rotation(0)), region=TOKYO)
    sign_up(cognito, strict, ANN)
    token = sign_in(cognito, strict, ANN)["RefreshToken"]
    refresh(cognito, strict, token)
    assert refusal(cognito, strict, token) == "RefreshTokenReuseException"


def test_only_tokens_from_refresh_token_rotates(cognito: Any, rotating: dict[str, str]) -> None:
    token = sign_in(cognito, rotating, ANN)["RefreshToken"]
    with pytest.raises(cognito.exceptions.InvalidParameterException):
        cognito.initiate_auth(
            ClientId=rotating["Client"], AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": token}
        )
    with pytest.raises(cognito.exceptions.InvalidParameterException, match="ALLOW_REFRESH_TOKEN_AUTH"):
        cognito.update_user_pool_client(
            UserPoolId=rotating["Pool"], ClientId=rotating["Client"], ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"]
        )


def test_without_rotation_the_refresh_token_stays(stacks: Any, cognito: Any) -> None:
    name = "conformance-rotation-off"
    flows = {"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]}
    steady = stacks.deploy(pool(rotation(0)), region=TOKYO, name=name)
    steady = stacks.deploy(pool(flows), region=TOKYO, name=name)
    sign_up(cognito, steady, ANN)
    token = sign_in(cognito, steady, ANN)["RefreshToken"]
    for _ in range(2):
        assert "RefreshToken" not in refresh(cognito, steady, token)


def test_revoking_a_refresh_token_ends_its_session_and_no_other(cognito: Any, rotating: dict[str, str]) -> None:
    other = sign_in(cognito, rotating, ANN)
    first = sign_in(cognito, rotating, ANN)
    second = refresh(cognito, rotating, first["RefreshToken"])
    cognito.revoke_token(ClientId=rotating["Client"], Token=second["RefreshToken"])

    for token in (first["RefreshToken"], second["RefreshToken"]):
        assert refusal(cognito, rotating, token) == "NotAuthorizedException"
    for token in (first["AccessToken"], second["AccessToken"]):
        with pytest.raises(cognito.exceptions.NotAuthorizedException, match="revoked"):
            cognito.get_user(AccessToken=token)
    assert refresh(cognito, rotating, other["RefreshToken"])


def test_a_global_sign_out_ends_every_session(cognito: Any, rotating: dict[str, str]) -> None:
    sessions = [sign_in(cognito, rotating, ANN) for _ in range(2)]
    rotated = refresh(cognito, rotating, sessions[0]["RefreshToken"])
    cognito.global_sign_out(AccessToken=rotated["AccessToken"])
    for session in (*sessions, rotated):
        assert refusal(cognito, rotating, session["RefreshToken"]) == "NotAuthorizedException"
        with pytest.raises(cognito.exceptions.NotAuthorizedException, match="revoked"):
            cognito.get_user(AccessToken=session["AccessToken"])
