"""What members find again of what they said and sent: a step that says what it saw."""

from functools import partial
from typing import Any

from demo.chat.conversation import Conversation
from demo.report import eventually, expect

# Words as they are searched for, and what was said.
WORDS = {"咲き": "桜が咲きました", "TEA bringing": "Bringing tea"}


class Search:
    """Searches of a room in which people have talked and sent a picture."""

    def __init__(self, scene: Conversation) -> None:
        """Search in this room."""
        self._scene = scene

    def find(self) -> str:
        """Find messages by words and a picture by its name, in every Region."""
        scene = self._scene
        for region in scene.chat.regions:
            for words, said in WORDS.items():
                texts = [message["text"] for message in self._asked(region, "search", text=words)["messages"]]
                expect(texts == [said], f"{words!r} finds {texts} in {region}")
            # The index follows the bucket within a second or two.
            [found] = eventually(
                partial(self._pictures, region), within=20, what=f"the picture in the index of {region}"
            )
            expect(found["id"] == scene.attachment, f"another picture is found in {region}: {found}")
        path = f"/rooms/{scene.room}/search"
        answer = scene.stranger.call(scene.here, "GET", path, params={"text": "tea"})
        expect(answer.status_code == 404, f"the stranger gets {answer.status_code}")
        return f"{len(WORDS)} messages by words and hanami.jpg by its name, in {scene.all_regions()}; the stranger 404"

    def _pictures(self, region: str) -> list[dict[str, Any]]:
        query = {"name": "HANAMI", "content_type": "image/", "owner": self._scene.hanako.user}
        pictures: list[dict[str, Any]] = self._asked(region, "attachments", **query)["attachments"]
        return pictures

    def _asked(self, region: str, what: str, **query: str) -> dict[str, Any]:
        scene = self._scene
        answer = scene.liam.call(region, "GET", f"/rooms/{scene.room}/{what}", params=query)
        expect(answer.status_code == 200, f"{what} answers {answer.status_code} in {region}: {answer.text}")
        page: dict[str, Any] = answer.json()
        return page
