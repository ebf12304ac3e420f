"""``python -m tools.public_files <folder>``: files of public projects through the upload check and the thumbnails.

The folder has a clone of each project that ``expectations.json`` names, or of some. Every test file of theirs is taken
through the rules of the form and of the confirmation, and every accepted image through the thumbnails' code, in a
process with the function's memory and time. It prints what became of them and ends with status 1 when that is not what
is expected. ``--chromium`` asks a browser too: what it shows must have a thumbnail or a reason why not. ``--write``
puts the table into the page of ImageThumbnails.
"""

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import PIL
from rich.console import Console

from tools.pages import with_part

from .browser import shown
from .corpora import Corpus
from .expectations import Outcome, expectation_of
from .upload import Result, peak_memory, upload

PAGE = Path(__file__).parents[2] / "docs" / "patterns" / "image-thumbnails.md"
BEGIN = "<!-- public files: begin, written by `make test-files CORPORA=<folder>` -->"
END = "<!-- public files: end -->"


def table(results: dict[str, Result]) -> list[str]:
    """Return how many files of each format became what, in Markdown."""
    counts = Counter((expectation_of(name).format, result.outcome) for name, result in results.items())
    formats = sorted({name for name, _ in counts}, key=lambda name: (-counts[name, Outcome.THUMBNAIL], name))
    rows = [f"| format | files | {' | '.join(Outcome)} |", f"|---|{'---:|' * (len(Outcome) + 1)}"]
    for name in formats:
        numbers = [counts[name, outcome] for outcome in Outcome]
        rows.append(f"| {name} | {sum(numbers)} | {' | '.join(str(number or '') for number in numbers)} |")
    return rows


def without_thumbnail(results: dict[str, Result]) -> list[str]:
    """Return why accepted images have no thumbnail, in Markdown."""
    reasons = Counter(
        expectation_of(name).because for name, result in results.items() if result.outcome is Outcome.NO_THUMBNAIL
    )
    return [f"- {count}: {reason}." for reason, count in reasons.most_common()]


def disagreements(results: dict[str, Result]) -> list[str]:
    """Return the files that became something else than is expected."""
    return [
        f"{name}: {result.outcome} {result.reason}; expected: {expected.outcome}, because {expected.because}"
        for name, result in results.items()
        if result.outcome is not (expected := expectation_of(name)).outcome
    ]


def unexplained(results: dict[str, Result], browser: set[str]) -> list[str]:
    """Return what the browser shows although it is expected that browsers do not."""
    return [
        f"{name}: the browser shows it; expected: {expected.outcome}, because {expected.because}"
        for name in results
        if name in browser and not (expected := expectation_of(name)).shown
    ]


def report(corpora: Sequence[Corpus], results: dict[str, Result], version: str, browser: set[str]) -> list[str]:
    """Return what is written into the documentation, in Markdown."""
    versions = f"Pillow {PIL.__version__}" + (f", Chromium {version}" if version else "")
    slowest = max(result.seconds for result in results.values())
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {versions}, {len(results):,} files.",
        f"The slowest took {slowest:.1f} seconds, the largest process {peak_memory()} MB. The projects:",
        "",
        *(
            f"- [{corpus.project}](https://github.com/{corpus.project}), commit `{corpus.commit[:12]}`"
            for corpus in corpora
        ),
        "",
        *table(results),
        "",
        "Accepted images without a thumbnail:",
        "",
        *without_thumbnail(results),
    ]
    if version:
        made = {name for name, result in results.items() if result.outcome is Outcome.THUMBNAIL}
        lines += [
            "",
            f"Chromium shows {len(browser)} of the files.",
            f"{len(browser & made)} of those have a thumbnail, and {len(made - browser)} that it does not show.",
        ]
    return lines


def main(arguments: Sequence[str]) -> int:
    """Run it, and return the status to end with."""
    parser = argparse.ArgumentParser(prog="python -m tools.public_files", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--chromium", help="a browser to ask, such as /usr/bin/chromium")
    parser.add_argument("--write", action="store_true", help="put the table into the documentation")
    options = parser.parse_args(arguments)
    # Pillow warns of files such as these are.
    warnings.simplefilter("ignore")
    corpora = Corpus.all_below(options.folder)
    files = {name: path for corpus in corpora for name, path in corpus.files()}
    if not files:
        parser.error(f"{options.folder} has no clone of a project with files")
    results = {name: upload(path) for name, path in files.items()}
    version, browser = shown(files, options.chromium) if options.chromium else ("", set())
    lines = report(corpora, results, version, browser)
    wrong = disagreements(results) + unexplained(results, browser)
    summary = f"{len(wrong)} files are not as is expected."
    Console(soft_wrap=True, highlight=False, markup=False).print(*lines, "", *wrong, summary, sep="\n")
    if options.write:
        PAGE.write_text(with_part(PAGE.read_text(), BEGIN, "\n".join(lines), END))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
