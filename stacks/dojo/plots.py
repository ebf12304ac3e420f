"""The gallery's pictures, as SVG: cost over people, distances from cities, and how long a loss lasts."""

from collections.abc import Mapping, Sequence
from math import inf, log10
from xml.etree import ElementTree as ET

from cdp_constructs.judge.brief import LOSSES
from cdp_constructs.judge.judgement import Judgement
from cdp_constructs.judge.losses import MOMENT_SECONDS

__all__ = ["cost_plot", "distance_plot", "recovery_plot"]

_INK, _FAINT, _PAPER = "#1f2933", "#c3ccd5", "#ffffff"
# The colours that Okabe and Ito chose for eyes that see fewer of them; a line has its own dashes as well.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#000000")
_DASHES = ("", "7 3", "2 3")
_LINE = 17
"""Height of a line of text, so that two of them do not touch."""


class _Drawing:
    """An SVG of a size, whose coordinates are pixels from the upper left corner."""

    def __init__(self, width: float, height: float, title: str, description: str) -> None:
        self._root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {width:g} {height:g}",
                "width": f"{width:g}",
                "height": f"{height:g}",
                "role": "img",
                "font-family": "system-ui, sans-serif",
                "font-size": "13",
            },
        )
        ET.SubElement(self._root, "title").text = title
        ET.SubElement(self._root, "desc").text = description
        self._add("rect", width=width, height=height, fill=_PAPER)

    def text(self, x: float, y: float, said: str, *, anchor: str = "start", **options: str) -> None:
        """Write a line whose middle is at a height."""
        attributes = {"text-anchor": anchor, "fill": _INK, **options}
        self._add("text", x=x, y=y + 4.5, **attributes).text = said

    def line(self, x: float, y: float, to_x: float, to_y: float, *, stroke: str = _FAINT, **options: str) -> None:
        """Draw a line."""
        self._add("line", x1=x, y1=y, x2=to_x, y2=to_y, stroke=stroke, **options)

    def path(self, points: Sequence[tuple[float, float]], *, stroke: str, dashes: str) -> None:
        """Draw a line through points, and each of them."""
        along = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        options = {"stroke-dasharray": dashes} if dashes else {}
        self._add("polyline", points=along, fill="none", stroke=stroke, **{"stroke-width": "2", **options})
        for x, y in points:
            self.dot(x, y, fill=stroke)

    def dot(self, x: float, y: float, *, fill: str, stroke: str = "none", radius: float = 3.5) -> None:
        """Draw a dot."""
        self._add("circle", cx=x, cy=y, r=radius, fill=fill, stroke=stroke, **{"stroke-width": "2"})

    def box(self, x: float, y: float, width: float, height: float, *, fill: str) -> None:
        """Fill a rectangle."""
        self._add("rect", x=x, y=y, width=width, height=height, fill=fill)

    def svg(self) -> str:
        """Return it."""
        ET.indent(self._root)
        return ET.tostring(self._root, encoding="unicode") + "\n"

    def _add(self, tag: str, **attributes: float | str) -> ET.Element:
        written = {name: value if isinstance(value, str) else f"{value:.5g}" for name, value in attributes.items()}
        return ET.SubElement(self._root, tag, written)


def cost_plot(found: Mapping[str, Judgement]) -> str:
    """Return what the boards cost a month, by the number of people; both axes are logarithmic."""
    lines = {board: judgement.growth for board, judgement in found.items()}
    sizes = list(next(iter(lines.values())))
    dollars = [cost for growth in lines.values() for cost in growth.values() if cost > 0]
    low, high = int(log10(min(dollars))), -int(-log10(max(dollars)) // 1)
    left, top, right, bottom = 90.0, 46.0, 620.0, 400.0

    def place(people: float, cost: float) -> tuple[float, float]:
        along = (log10(people) - log10(sizes[0])) / (log10(sizes[-1]) - log10(sizes[0]))
        up = (log10(max(cost, 10**low)) - low) / (high - low)
        return left + along * (right - left), bottom - up * (bottom - top)

    height = max(bottom + 60, top + len(lines) * _LINE + 40)
    told = "Lines from 1,000 to 10,000,000 people; the table of the page has the numbers."
    drawing = _Drawing(720, height, "Dollars a month, by the number of people", told)
    drawing.text(left, 20, "Dollars a month, by the number of people", **{"font-weight": "bold"})
    for power in range(low, high + 1):
        _, y = place(sizes[0], 10.0**power)
        drawing.line(left, y, right, y)
        drawing.text(left - 10, y, f"{10**power:,}", anchor="end")
    for people in sizes:
        x, _ = place(people, 10.0**low)
        drawing.line(x, top, x, bottom)
        drawing.text(x, bottom + 18, f"{people:,}", anchor="middle")
    drawing.text((left + right) / 2, bottom + 42, "people", anchor="middle")
    ends = _apart({board: place(sizes[-1], growth[sizes[-1]])[1] for board, growth in lines.items()}, top, bottom)
    for number, (board, growth) in enumerate(lines.items()):
        colour, dashes = _COLOURS[number % len(_COLOURS)], _DASHES[number // len(_COLOURS) % len(_DASHES)]
        points = [place(people, growth[people]) for people in sizes]
        drawing.path(points, stroke=colour, dashes=dashes)
        drawing.line(right + 5, points[-1][1], right + 28, ends[board], stroke=colour)
        drawing.text(right + 32, ends[board], board, fill=colour, **{"font-weight": "bold"})
    return drawing.svg()


def distance_plot(found: Mapping[str, Judgement]) -> str:
    """Return how far the boards' data is from each city: a field for each, the darker the further."""
    shown = {board: judgement.distances for board, judgement in found.items() if judgement.distances}
    cities = [one.city for one in next(iter(shown.values()))]
    left, top, wide, high = 60.0, 66.0, 84.0, 24.0
    width, height = left + wide * len(cities) + 20, top + high * len(shown) + 22
    told = "A row for each board, a column for each city. The brief's goal is 300 ms."
    drawing = _Drawing(width, height, "Milliseconds to the data and back", told)
    title = "Milliseconds from a city to the data and back: light in fibre times 1.5, an estimate"
    drawing.text(20, 20, title, **{"font-weight": "bold"})
    for column, city in enumerate(cities):
        drawing.text(left + (column + 0.5) * wide, top - 14, city, anchor="middle", **{"font-size": "12"})
    furthest = max(one.to_data for distances in shown.values() for one in distances)
    for row, (board, distances) in enumerate(shown.items()):
        y = top + row * high
        drawing.text(left - 12, y + high / 2, board, anchor="end", **{"font-weight": "bold"})
        for column, one in enumerate(distances):
            part = one.to_data / furthest if furthest else 0.0
            drawing.box(left + column * wide + 1, y + 1, wide - 2, high - 2, fill=_shade(part))
            ink = _PAPER if part > 0.5 else _INK  # noqa: PLR2004 - half of the way
            drawing.text(left + (column + 0.5) * wide, y + high / 2, f"{one.to_data:.0f}", anchor="middle", fill=ink)
    return drawing.svg()


def recovery_plot(found: Mapping[str, Judgement]) -> str:
    """Return how long nobody can send when something is lost: as judged, and as measured."""
    left, top, right, row = 130.0, 92.0, 640.0, 18.0
    first, last = left + 90, right - 100
    decades = 4
    rows = [(board, judgement.wishes[0]) for board, judgement in found.items() if judgement.wishes]
    gap = 10.0
    height = top + len(rows) * (row * len(LOSSES) + gap) + 34

    def place(seconds: float) -> float:
        if seconds < MOMENT_SECONDS:
            return left + 30
        if seconds == inf:
            return right - 30
        return first + min(log10(seconds), decades) / decades * (last - first)

    told = "A row for each board and loss; a ring is judged, a full dot is measured. The tables have the numbers."
    drawing = _Drawing(680, height, "How long nobody can send", told)
    drawing.text(20, 20, "How long nobody can send a message, in seconds", **{"font-weight": "bold"})
    drawing.dot(26, 44, fill=_PAPER, stroke=_COLOURS[0], radius=5)
    drawing.text(38, 44, "by the template")
    drawing.dot(176, 44, fill=_COLOURS[1])
    drawing.text(188, 44, "measured on the embedded cloud")
    bottom = height - 30
    for x, said in [(place(0), "not at all"), *((place(10.0**power), f"{10**power:,}") for power in range(4))]:
        drawing.line(x, top - 12, x, bottom)
        drawing.text(x, top - 22, said, anchor="middle", **{"font-size": "12"})
    drawing.line(place(inf), top - 12, place(inf), bottom)
    drawing.text(right + 30, top - 22, "until somebody acts", anchor="end", **{"font-size": "12"})
    hour = place(3_600)
    drawing.line(hour, top - 12, hour, bottom + 6, stroke=_COLOURS[2], **{"stroke-width": "2"})
    drawing.text(hour, bottom + 17, "the brief's hour", anchor="middle", fill=_COLOURS[2])
    y = top
    for board, judged in rows:
        drawing.text(20, y + row, board, **{"font-weight": "bold"})
        for outcome in judged.outcomes:
            drawing.text(left - 16, y, outcome.loss, anchor="end", **{"font-size": "12"})
            drawing.line(left, y, right, y)
            drawing.dot(place(outcome.seconds), y, fill=_PAPER, stroke=_COLOURS[0], radius=6)
            if outcome.measured is not None:
                drawing.dot(place(outcome.measured), y, fill=_COLOURS[1])
            y += row
        y += gap
    return drawing.svg()


def _apart(places: Mapping[str, float], top: float, bottom: float) -> dict[str, float]:
    """Return heights for labels near where they belong, at least a line apart."""
    found: dict[str, float] = {}
    lowest = bottom
    # From below: each is where it belongs, or a line above the one before.
    for name, wanted in sorted(places.items(), key=lambda one: (-one[1], one[0])):
        found[name] = min(wanted, lowest)
        lowest = found[name] - _LINE
    if (missing := top - min(found.values(), default=top)) > 0:
        return {name: y + missing for name, y in found.items()}
    return found


def _shade(part: float) -> str:
    """Return a blue between nearly white and dark."""
    light, dark = (232, 241, 250), (8, 69, 122)
    mixed = (round(start + part * (end - start)) for start, end in zip(light, dark, strict=True))
    return "#" + "".join(f"{one:02x}" for one in mixed)
