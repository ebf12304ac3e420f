"""Steps of a demonstration: run one after the other, shown while they run, and as a table at the end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

T = TypeVar("T")


class StepFailed(Exception):  # noqa: N818 - reads as what happened
    """A step saw something else than it expected; the message is what it saw."""


@dataclass(frozen=True)
class StepResult:
    """A finished step."""

    title: str
    expected: str
    seen: str
    seconds: float
    passed: bool


@dataclass
class _Outcome:
    """How a step ended."""

    seen: str = ""
    passed: bool = True


class Report:
    """Collects the steps; goes on after a failed one, because the later ones say how far the failure reaches."""

    def __init__(self, console: Console) -> None:
        """Print to ``console``."""
        self.console = console
        self.results: list[StepResult] = []

    @property
    def passed(self) -> bool:
        """Whether every step saw what it expected."""
        return bool(self.results) and all(result.passed for result in self.results)

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """Head a group of steps."""
        self.console.print(f"\n[bold]{escape(title)}[/bold]")
        yield

    def step(self, title: str, expected: str, action: Callable[[], str]) -> bool:
        """Run one step.

        Args:
            title: What is done.
            expected: What must be seen.
            action: Does it and returns what was seen; any exception fails the step.

        Returns:
            Whether it passed.
        """
        # Without an event loop of its own, which would keep Ctrl-C back until the step has ended.
        with self._noted(title, expected) as outcome:
            outcome.seen = action()
        return outcome.passed

    async def step_async(self, title: str, expected: str, action: Callable[[], Awaitable[str]]) -> bool:
        """Run one step of something that goes on beside it; see ``step``."""
        with self._noted(title, expected) as outcome:
            outcome.seen = await action()
        return outcome.passed

    @contextmanager
    def _noted(self, title: str, expected: str) -> Iterator["_Outcome"]:
        """Show a step while it runs, and note how it ended."""
        started, outcome = time.perf_counter(), _Outcome()
        with self.console.status(escape(title)):
            try:
                yield outcome
            except StepFailed as failure:
                outcome.seen, outcome.passed = str(failure), False
            except Exception as error:  # noqa: BLE001 - a demonstration reports every failure in its table
                outcome.seen, outcome.passed = f"{type(error).__name__}: {error}", False
        result = StepResult(title, expected, outcome.seen, time.perf_counter() - started, outcome.passed)
        self.results.append(result)
        mark = "[green]✓[/green]" if outcome.passed else "[red]✗[/red]"
        self.console.print(f"  {mark} {escape(title)} [dim]{result.seconds:.1f} s[/dim]", highlight=False)
        if not outcome.passed:
            text = f"expected {escape(expected)}; saw {escape(outcome.seen)}"
            self.console.print(f"    [red]{text}[/red]", highlight=False)

    def table(self) -> Table:
        """Return all steps as a table: step, expected, seen, time."""
        table = Table(title="What was done and seen", show_lines=False)
        table.add_column("Step", ratio=3)
        table.add_column("Expected", ratio=3)
        table.add_column("Seen", ratio=4)
        table.add_column("Time", justify="right", no_wrap=True)
        for result in self.results:
            colour = "green" if result.passed else "red"
            table.add_row(
                escape(result.title),
                escape(result.expected),
                f"[{colour}]{escape(result.seen)}[/{colour}]",
                f"{result.seconds:.1f} s",
            )
        return table

    def conclude(self, seconds: float) -> int:
        """Say how many steps there were, how many failed and how long all took; return the exit code."""
        failed = sum(not result.passed for result in self.results)
        self.console.print(f"{len(self.results)} steps, {failed} failed, {seconds:.0f} s")
        return 0 if self.passed else 1


def expect(condition: object, seen: str) -> None:
    """Fail the running step with what was seen, unless the condition holds.

    Raises:
        StepFailed: when it does not.
    """
    if not condition:
        raise StepFailed(seen)


def eventually(look: Callable[[], T | None], *, within: float, what: str) -> T:
    """Look again until something is there.

    Args:
        look: Returns None while there is nothing to see.
        within: Seconds to wait at most.
        what: What is awaited, for the failure.

    Raises:
        StepFailed: when it did not come in time.
    """
    deadline = time.monotonic() + within
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise StepFailed(f"{what} did not come within {within:g} s")
        time.sleep(0.1)


async def eventually_async(look: Callable[[], T | None], *, within: float, what: str) -> T:
    """Look again, beside what else goes on, until something is there.

    Args:
        look: Returns something false while there is nothing to see; it may wait.
        within: Seconds to wait at most.
        what: What is awaited, for the failure.

    Raises:
        StepFailed: when it did not come in time.
    """
    deadline = time.monotonic() + within
    while True:
        found = await asyncio.to_thread(look)
        if found:
            return found
        if time.monotonic() > deadline:
            raise StepFailed(f"{what} did not come within {within:g} s")
        await asyncio.sleep(0.2)
