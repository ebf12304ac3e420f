"""Cards as plain text, as Markdown and as a diagram for Mermaid."""

import html
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from cdp_constructs.review.cards.card import NOTHING, Card
from cdp_constructs.review.cards.composition import PURPOSES
from cdp_constructs.review.cards.edges import Edge
from cdp_constructs.review.cards.exposure import Entrance
from cdp_constructs.review.templates import Template
from cdp_constructs.review.values import listed, one_line

__all__ = ["FORMATS", "as_markdown", "as_mermaid", "as_text", "diagram"]

_PAGE = 60
"""Lines of the sections that a person takes in at once; longer cards have a summary."""
_SHORT = 40
"""Letters of a label that do not push a diagram apart."""


def _title(card: Card) -> str:
    return f"{card.template.name}, {card.template.region}" if card.template.region else card.template.name


def as_text(card: Card) -> str:
    """Return the card as plain text: what it is made of first, then a section for each question.

    A card that does not fit on a page has a summary before the sections.
    """
    return "\n".join(_text(card)) + "\n"


def _text(card: Card) -> Iterator[str]:
    said = card.template.description
    yield f"{_title(card)}: {said}" if said and said != card.template.name else _title(card)
    yield from (f"  {line}" for line in card.made_of)
    sections = [line for title, lines in card.sections.items() for line in _section(title, lines)]
    if len(sections) > _PAGE:
        yield from (f"  {line}" for line in card.summary)
        yield ""
    yield from sections


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield title if lines else f"{title}: {NOTHING[title]}"
    yield from (f"  {line}" for line in lines)


def as_markdown(card: Card) -> str:
    """Return the card as Markdown, its diagram included."""
    parts = [f"## {_title(card)}", card.template.description, _code("\n".join([*card.made_of, *card.summary]))]
    if card.edges:
        parts.append(_code(as_mermaid(card).rstrip("\n"), "mermaid"))
    parts += [
        f"### {title.capitalize()}\n\n{_code(chr(10).join(lines or [NOTHING[title]]))}"
        for title, lines in card.sections.items()
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _code(text: str, language: str = "text") -> str:
    return f"```{language}\n{text}\n```"


def as_mermaid(card: Card, part: str = "") -> str:
    """Return a diagram of who sends what to whom, of the ways in from the internet, and of where failures go.

    Args:
        card: The card.
        part: Name of a construct; only what begins or ends in it is drawn. By default everything is.
    """
    whole = _Folded(card.template)
    sent = [edge for edge in whole.edges(card.edges) if _concerns(edge, part)]
    failed = [Edge(failure.source, failure.place, "what fails") for failure in card.failures if failure.place]
    drawn = {end for edge in sent for end in (edge.source, edge.target)}
    doors = {
        Edge("internet", entrance.door, _asked(entrance))
        for entrance in card.entrances
        if not part or entrance.door in drawn or _is_of(entrance.door, part)
    }
    shapes = {
        resource.name: _SHAPES.get(PURPOSES.get(resource.type, ""), _BOX)
        for resource in card.template.resources.values()
    }
    arrows = {
        "-->": [*sorted(doors), *sent],
        "-.->": [edge for edge in whole.edges(failed) if _concerns(edge, part)],
    }
    return diagram(arrows, shapes, labels=True)


class _Folded:
    """Draws parts of a bucket or a table, such as ``Bucket/errors/*``, as the whole."""

    def __init__(self, template: Template) -> None:
        self._names = {resource.name for resource in template.resources.values()}

    def edges(self, edges: Iterable[Edge]) -> list[Edge]:
        """Return the edges between wholes, in their order, each once."""
        folded = {Edge(self._whole(edge.source), self._whole(edge.target), edge.how) for edge in edges}
        return sorted(edge for edge in folded if edge.source != edge.target)

    def _whole(self, name: str) -> str:
        above = name
        while above not in self._names and "/" in above:
            above = above.rpartition("/")[0]
        return above if above in self._names else name


def _asked(entrance: Entrance) -> str:
    """Return what an entrance asks for, as an arrow says it: not a word where it asks for nothing."""
    return "" if entrance.open or entrance.asks == "nothing" else entrance.asks


def _is_of(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}/")


def _concerns(edge: Edge, part: str) -> bool:
    return not part or _is_of(edge.source, part) or _is_of(edge.target, part)


_BOX = ("[", "]")
_ROUND = ("([", "])")
_SHAPES = {"runs": _ROUND, "keeps": ("[(", ")]")}
"""How a node is drawn, by the purpose of what it stands for."""


def diagram(
    edges: Mapping[str, Sequence[Edge]],
    shapes: Mapping[str, tuple[str, str]] | None = None,
    *,
    labels: bool = False,
) -> str:
    """Return a diagram for Mermaid.

    Args:
        edges: By the arrow that they have in it, such as ``-->`` or ``-.->|removed|``.
        shapes: What a node's text stands between, by name; a box by default.
        labels: Whether arrows say what they are, where it is short.
    """
    nodes: dict[str, str] = {}
    for edge in (edge for some in edges.values() for edge in some):
        for name in (edge.source, edge.target):
            nodes.setdefault(name, f"n{len(nodes)}")
    lines = ["flowchart LR"]
    for name, node in nodes.items():
        begin, end = (shapes or {}).get(name, _BOX)
        lines.append(f'  {node}{begin}"{_quoted(name)}"{end}')
    for arrow, some in edges.items():
        between: dict[tuple[str, str], list[str]] = {}
        for edge in some:
            said = between.setdefault((nodes[edge.source], nodes[edge.target]), [])
            if labels and edge.how and len(edge.how) <= _SHORT:
                said.append(edge.how)
        for (source, target), said in between.items():
            text = listed([part for how in said for part in how.split(", ")])
            label = f'|"{_quoted(text)}"|' if text and len(text) <= _SHORT else ""
            lines.append(f"  {source} {arrow}{label} {target}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Write a text that stands between double quotes: the newest Mermaid does not resolve entities of its own."""
    return html.escape(one_line(text), quote=False).replace('"', "&quot;")


FORMATS: Mapping[str, Callable[[Card], str]] = {"text": as_text, "markdown": as_markdown, "mermaid": as_mermaid}
"""What writes a card, by the name of its format."""
