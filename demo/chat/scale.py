"""What a million people would mean: computed, and which command shows all of it."""

from dataclasses import dataclass

from cdp_constructs.estimates import first_reached
from demo.report import expect
from stacks.chat.recovery import GOAL_SECONDS, total_seconds
from stacks.chat.scale import Crowd, monthly_cost, quotas


@dataclass(frozen=True)
class Answer:
    """A question about a million people, its answer, and the command that shows how it was found."""

    question: str
    answer: str
    command: str


def recovery() -> str:
    """Compare how long the loss of a Region lasts with the goal."""
    seconds = total_seconds(Crowd.people)
    expect(seconds < GOAL_SECONDS, f"{seconds:,.0f} s")
    return f"{seconds:,.0f} of {GOAL_SECONDS:,.0f} s, computed"


def answers() -> list[Answer]:
    """Return what an architect asks last."""
    crowd = Crowd()
    first = first_reached(quotas(crowd), crowd.people)
    raised = [quota for quota in quotas(crowd) if not quota.fits]
    cost = sum(monthly_cost(crowd).values())
    return [
        Answer("Recovery", f"{recovery()}: everybody is served again by the other Region", "make drill"),
        Answer(
            "First quota to be reached",
            f"{first.name}, at {first.reached_at(crowd.people):,.0f} people; for {crowd.people:,} ask for "
            f"{first.ask_for:,.0f}, and raise {len(raised) - 1} others",
            "python -m stacks.chat.scale",
        ),
        Answer(
            "Cost",
            f"${cost:,.0f} a month, ${cost / crowd.people:.3f} for each of {crowd.people:,} people",
            "python -m stacks.chat.scale",
        ),
    ]
