"""A stranger to the systems: has an account at most, and the addresses that everybody may know."""

from tests.stacks.chat.clients import HOME, Room, User


def test_a_room_of_others_does_not_exist(stranger: User, room: Room) -> None:
    assert room.read(HOME, room.anna).status_code == 200
    assert room.read(HOME, stranger).status_code == 404
