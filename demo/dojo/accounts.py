"""Accounts of a board's user pool, as people make them: with the code that comes by mail."""

import re
import secrets

from cdp_constructs.testing import waiting
from demo.dojo.stage import Deployed

__all__ = ["id_token"]


def id_token(board: Deployed, email: str) -> str:
    """Sign up at the user pool with the code that comes by mail, sign in, and return the ID token."""
    users, client = board.client("cognito-idp"), board.outputs["ClientId"]
    password = f"Aa-{secrets.token_hex(8)}1"
    users.sign_up(ClientId=client, Username=email, Password=password)
    users.confirm_sign_up(ClientId=client, Username=email, ConfirmationCode=_code(board, email))
    given = {"USERNAME": email, "PASSWORD": password}
    answer = users.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
    return str(answer["AuthenticationResult"]["IdToken"])


def _code(board: Deployed, email: str) -> str:
    def look() -> str | None:
        mails = [mail for mail in board.cloud.sent_mails(board.region) if mail.to == [email]]
        codes = re.findall(r"\d{6}", mails[-1].text + mails[-1].html) if mails else []
        return codes[-1] if codes else None

    return str(waiting.eventually(look, within=20, what=f"a code for {email}"))
