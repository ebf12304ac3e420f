"""Somebody with an account of the dojo's board without a server, where browsers have credentials of AWS."""

from collections.abc import Callable

import pytest
from aws_cdk import App

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import architecture
from demo.dojo.browsers import BrowserBoard, item_of, time_of
from demo.dojo.intruder import ACCEPTED, REFUSED, Account, Victim, refused
from demo.dojo.notified import subscribe_phone
from stacks.dojo import system


@architecture
def browser_only(app: App) -> None:
    system.add_to(app, {"boards": ["browser_only"]})


@pytest.fixture(scope="module")
def board(local_cloud: LocalCloud, deployed: Callable[..., Deployment]) -> BrowserBoard:
    return BrowserBoard(local_cloud, deployed(browser_only), "BrowserOnly")


@pytest.fixture(scope="module")
def victim(board: BrowserBoard) -> Victim:
    """Ben, who has written, attached and saved something; Mia is away, and has a phone."""
    ben, mia = Account(board), Account(board)
    message = ben.say("lobby", "my dog", name="ben")
    picture = f"files/{ben.identity}/dog.png"
    ben.files.put_object(Bucket=board.bucket, Key=picture, Body=b"dog")
    for person, says in ((ben, {"name": "ben", "seen": time_of()}), (mia, {"name": "mia", "seen": "0"})):
        item = item_of({"owner": person.identity, "draft": "between us", **says})
        person.tables.put_item(TableName=board.people, Item=item)
    own = ben.tables.get_item(TableName=board.people, Key=item_of({"owner": ben.identity}))["Item"]
    assert own["draft"] == {"S": "between us"}
    phone = subscribe_phone(board, "mia")
    return Victim("ben", ben.identity, "lobby", message["id"]["S"], picture, "mia", phone)


@pytest.fixture(scope="module")
def intruder(board: BrowserBoard) -> Account:
    return Account(board)


@pytest.mark.parametrize("move", REFUSED)
def test_what_belongs_to_another_identity_is_refused(intruder: Account, victim: Victim, move: str) -> None:
    refused(lambda: REFUSED[move](intruder, victim))


@pytest.mark.parametrize("move", ACCEPTED)
def test_by_design_what_no_policy_can_check_goes_through(intruder: Account, victim: Victim, move: str) -> None:
    ACCEPTED[move](intruder, victim)
