"""Cards as plain text, as Markdown and as a diagram for Mermaid."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from cdp_constructs.review.cards.card import Card
from cdp_constructs.review.cards.edges import Edge

__all__ = ["FORMATS", "as_markdown", "as_mermaid", "as_text", "diagram"]


def _title(card: Card) -> str:
    return f"{card.template.name}, {card.template.region}" if card.template.region else card.template.name


def as_text(card: Card) -> str:
    """Return the card as plain text: the summary first, then a section for each question."""
    return "\n".join(_text(card)) + "\n"


def _text(card: Card) -> Iterator[str]:
    yield _title(card)
    if card.template.description:
        yield card.template.description
    yield ""
    yield from (f"  {line}" for line in card.summary)
    for title, lines in card.sections.items():
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def as_markdown(card: Card) -> str:
    """Return the card as Markdown, its diagram included."""
    parts = [f"## {_title(card)}", card.template.description, _code("\n".join(card.summary))]
    if card.edges:
        parts.append(_code(as_mermaid(card).rstrip("\n"), "mermaid"))
    parts += [f"### {title.capitalize()}\n\n{_code(chr(10).join(lines))}" for title, lines in card.sections.items()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _code(text: str, language: str = "text") -> str:
    return f"```{language}\n{text}\n```"


def as_mermaid(card: Card) -> str:
    """Return a diagram of who sends what to whom."""
    return diagram({"-->": card.edges})


def diagram(edges: Mapping[str, Sequence[Edge]]) -> str:
    """Return a diagram for Mermaid.

    Args:
        edges: By the arrow that they have in it, such as ``-->`` or ``-.->|removed|``.
    """
    nodes: dict[str, str] = {}
    for edge in (edge for some in edges.values() for edge in some):
        for name in (edge.source, edge.target):
            nodes.setdefault(name, f"n{len(nodes)}")
    lines = ["flowchart LR"]
    lines += [f'  {node}["{_quoted(name)}"]' for name, node in nodes.items()]
    for arrow, some in edges.items():
        lines += dict.fromkeys(f"  {nodes[edge.source]} {arrow} {nodes[edge.target]}" for edge in some)
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return re.sub(r"[\"<>#;]", lambda match: f"#{ord(match[0])};", text)


FORMATS: Mapping[str, Callable[[Card], str]] = {"text": as_text, "markdown": as_markdown, "mermaid": as_mermaid}
"""What writes a card, by the name of its format."""
