"""``python -m demo.serverless``: price lists go their way, a person decides, steps fail, are undone and go on."""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from cdp_constructs.local import LocalCloud
from demo.bring_up import bring_up, demonstrate, synthesise
from demo.report import Report, eventually, expect
from demo.running import end_with
from demo.serverless.office import Execution, Office, rows
from demo.serverless.release import with_code

_SLOW = 1.5
_MANY = 2_000
_LONG_TEXT = 440


# The mistake passes its tests, and every call of it.
_BAD = """
def handler(event, context):
    raise RuntimeError("no table of rebates")
"""


class Scenes:
    """The chapters of the demonstration."""

    def __init__(self, office: Office, assembly: Path, folder: Path) -> None:
        """Play in an office.

        Args:
            office: The deployed price lists.
            assembly: What was deployed.
            folder: Gets what is deployed after it.
        """
        self.office = office
        self._assembly, self._folder = assembly, folder
        self.supplier = office.supplier()
        self._large: Execution | None = None

    def _succeeded(self, execution: Execution, within: float = 60) -> Execution:
        ended = execution.ended(within)
        expect(ended["status"] == "SUCCEEDED", f"{ended['status']} {ended.get('error')}: {ended.get('cause')}")
        return execution

    def _holds(self, execution: Execution, supplier: str | None = None) -> None:
        found = self.office.item("CURRENT", supplier or self.supplier).get("version")
        expect(found == execution.name, f"the version that holds is {found}")

    # Its way

    def large(self) -> str:
        """Send a list of a megabyte."""
        listed = rows(_MANY, text="x" * _LONG_TEXT)
        size = len(json.dumps({"supplier": self.supplier, "rows": listed}))
        execution = self._large = self._succeeded(self.office.send(self.supplier, listed), within=90)
        given = json.loads(execution.described()["input"])
        stored = given["claim_check"]["bytes"]
        largest = max(len(one.get("stateExitedEventDetails", {}).get("output", "")) for one in execution.events())
        expect(size > 1_000_000 and largest < 20_000, f"{size:,} bytes, and a state of {largest:,}")
        return f"{stored:,} bytes in the bucket; the largest state had {largest:,}"

    def mapped(self) -> str:
        """Look at the map of that list."""
        execution = self._large
        expect(execution is not None, "the list did not go its way")
        assert execution is not None  # noqa: S101 - for the type checker
        saved = json.loads(execution.described()["output"])["saved"]
        there = self.office.saved(self.supplier, execution.name)
        expect(sum(saved) == there == _MANY, f"{saved}, {there} in the table")
        return f"{len(saved)} parts, 4 at a time: {there:,} prices in {execution.seconds_in('Save'):.1f} s"

    def parallel(self) -> str:
        """Measure both checks, in series and in parallel, while S3 takes its time."""
        office, supplier = self.office, self.office.supplier()
        with office.cloud.inject_delay("s3", office.region, _SLOW):
            execution = self._succeeded(office.send(supplier, rows(20)))
            series = office.series_of(execution)
        parallel = execution.seconds_in("Check")
        expect(parallel < series - 1, f"{parallel:.1f} s in parallel, {series:.1f} s in series")
        return f"in series {series:.1f} s, in parallel {parallel:.1f} s: {1 - parallel / series:.0%} saved"

    def bad_rows(self) -> str:
        """Send a list with rows that are none."""
        supplier = self.office.supplier()
        execution = self._succeeded(
            self.office.send(supplier, [*rows(8), None, {"sku": "a b", "name": "", "cents": 0}])
        )
        wrong = execution.output_of("Read")["wrong"]
        expect(wrong["count"] == 2 and self.office.saved(supplier, execution.name) == 8, f"{wrong}")
        return f"8 prices hold; {'; '.join(wrong['first'])}"

    # A person

    def _risen(self) -> tuple[str, Execution]:
        supplier = self.office.supplier()
        self._succeeded(self.office.send(supplier, rows(5)))
        execution = self.office.send(supplier, rows(5, cents=2_000))
        self.office.waits(execution)
        return supplier, execution

    def approved(self) -> str:
        """Approve by the link of the mail, as a browser does."""
        supplier, execution = self._risen()
        link = self.office.link(execution)
        page = httpx.get(link, timeout=20)
        expect(page.status_code == 200 and "rise by more than 10 percent" in page.text, page.text)
        expect(execution.described()["status"] == "RUNNING", "to look at the page decided")
        stranger = self.office.decide(link.replace("code=", "code=x"), "approve")
        answer = self.office.decide(link, "approve")
        self._succeeded(execution)
        self._holds(execution, supplier)
        again = self.office.decide(link, "reject")
        expect((stranger.status_code, answer.status_code, again.status_code) == (404, 200, 404), f"{answer.text}")
        return "another code 404; the code 200, and the prices hold; the code again 404"

    def rejected(self) -> str:
        """Reject by the link of the mail."""
        supplier, execution = self._risen()
        before = self.office.item("CURRENT", supplier)["version"]
        expect(self.office.decide(self.office.link(execution), "reject").status_code == 200, "not taken")
        self._succeeded(execution)
        expect(self.office.item("CURRENT", supplier)["version"] == before, "other prices hold")
        expect(self.office.saved(supplier, execution.name) == 0, "the list is still there")
        return f"{' → '.join(execution.entered()[-3:])}; the prices before hold"

    # What fails

    def throttled(self) -> str:
        """Let the table take nothing for two seconds."""
        office, supplier = self.office, self.office.supplier()
        error = "ProvisionedThroughputExceededException"
        with office.cloud.inject_fault("dynamodb", office.region, error=error, operation="BatchWriteItem"):
            execution = office.send(supplier, rows(20))
            eventually(lambda: "Save" in execution.entered() or None, within=30, what="the map")
            time.sleep(2)
            expect("Rises" not in execution.entered(), "nothing failed")
        self._succeeded(execution)
        return f"saved after {execution.seconds_in('Save'):.1f} s, with random waits between the tries"

    def compensated(self) -> str:
        """Send a price that no till can show."""
        office, supplier = self.office, self.office.supplier()
        first = self._succeeded(office.send(supplier, rows(5)))
        execution = office.send(supplier, [*rows(5), {"sku": "X-1", "name": "Crown", "cents": 1_000_000}])
        ended = execution.ended()
        expect((ended["status"], ended.get("error")) == ("FAILED", "PriceRefusedError"), f"{ended}")
        self._holds(first, supplier)
        expect(office.item("TILLS", supplier)["version"] == first.name, "the tills have other prices")
        return " → ".join(execution.entered()[-5:])

    def resumed(self) -> str:
        """Break the last step by a deployment, correct it, and let the execution go on."""
        office, supplier = self.office, self.office.supplier()
        good = office.handler_of("ImportsAnnounceFunction", "nowhere.handler")
        try:
            execution = office.send(supplier, rows(5))
            ended = execution.ended()
        finally:
            office.handler_of("ImportsAnnounceFunction", good)
        expect(ended["status"] == "FAILED", f"{ended['status']}")
        office.redrive(execution)
        self._succeeded(execution)
        entered = execution.entered()
        expect((entered.count("Publish"), entered.count("Announce")) == (1, 2), f"{entered}")
        told = [one for one in office.announcements() if one["supplier"] == supplier]
        expect(len(told) == 1, f"{len(told)} announcements")
        return f"{ended['error']} in Announce; after the redrive Publish ran once, and the shops heard it once"

    def poison(self) -> str:
        """Put a message into the queue that is no list."""
        office = self.office
        office.post("no list at all")
        good = self._succeeded(office.send(office.supplier(), rows(5)))
        dead = "ImportsWorkflowListsDeadLetterQueue"
        eventually(lambda: office.waiting(dead) == 1 or None, within=60, what="the dead letter")
        return f"1 message in the dead-letter queue; the list behind it is {good.described()['status'].lower()}"

    # Functions

    def twice(self) -> str:
        """Let Lambda deliver an announcement twice, and ask for one that was made."""
        office, supplier = self.office, self.office.supplier()
        name, count = office.resource("ImportsAnnounceFunction"), 5
        asked = [
            json.dumps({"supplier": supplier, "version": f"v-{number}", "count": 1}).encode() for number in range(count)
        ]
        with office.cloud.deliver_twice(name, office.region):
            for payload in asked:
                office.functions.invoke(FunctionName=name, InvocationType="Event", Payload=payload)
            heard: list[str] = []

            def all_heard() -> bool:
                heard.extend(one["version"] for one in office.announcements() if one["supplier"] == supplier)
                return len(set(heard)) == count

            eventually(lambda: all_heard() or None, within=30, what="the announcements")
        first, again = (
            json.loads(office.functions.invoke(FunctionName=name, Payload=asked[0])["Payload"].read()) for _ in range(2)
        )
        time.sleep(1)
        all_heard()
        expect(first == again and "message" in first, f"{first}, {again}")
        expect(sorted(heard) == [f"v-{number}" for number in range(count)], f"{heard}")
        return f"{2 * count + 2} deliveries of {count} announcements: {len(heard)} messages"

    def morning(self) -> str:
        """Let the schedule call while a list waits."""
        office = self.office
        _, execution = self._risen()
        office.cloud.fire_schedule(office.outputs["ReminderSchedule"], office.region)
        reminder = office.mail(lambda mail: "reminder" in mail)["reminder"]
        office.decide(office.link(execution), "reject")
        self._succeeded(execution)
        return str(reminder)

    def released(self) -> str:
        """Release a version that fails."""
        office, supplier = self.office, self.office.supplier()
        self._succeeded(office.send(supplier, rows(5)))
        basket = [{"sku": "A-00001", "quantity": 1}]
        bad = with_code(self._assembly, self._folder, stack=office.name, function="QuotesPriceFunction", code=_BAD)
        before = office.version()
        # Only what is said here moves the deployment on, however fast the machine is.
        with office.cloud.hold_deployments(), ThreadPoolExecutor(1) as operator:
            deploying = operator.submit(office.cloud.deploy, bad, stacks=[office.name])
            eventually(lambda: office.version()[1] or deploying.done() or None, within=60, what="the new version")
            shares = list(office.version()[1].values())
            meanwhile = [office.quote(supplier, basket)["status"] for _ in range(20)]
            calls = office.price_until_it_fails(supplier, basket[0], most=200)
            office.cloud.metrics.advance(minutes=1)
            error = deploying.exception(timeout=60)
        expect("ALARM_ACTIVE" in str(error), f"the deployment ended with {error}")
        expect(office.version() == before, f"{office.version()}, and not {before}")
        after = [office.quote(supplier, basket)["status"] for _ in range(10)]
        expect(set(after) == {"SUCCEEDED"}, f"{after}")
        answered = f"{meanwhile.count('SUCCEEDED')} of {len(meanwhile)} quotes were answered"
        return f"{shares[0]:.0%} of the calls for a minute: {answered}, call {calls} failed; then none"

    # Express

    def quotes(self) -> str:
        """Ask for quotes."""
        basket = [{"sku": f"A-{number:05}", "quantity": number + 1} for number in range(10)]
        self.office.quote(self.supplier, basket)
        started = time.perf_counter()
        answers = [self.office.quote(self.supplier, basket) for _ in range(5)]
        seconds = (time.perf_counter() - started) / len(answers)
        totals = {json.loads(answer["output"])["cents"] for answer in answers}
        expected = sum((1_000 + number) * (number + 1) for number in range(9)) + 1_009 * 10 - 1_009 * 10 * 5 // 100
        expect(totals == {expected}, f"{totals}, and not {expected}")
        return f"{expected:,} cents for 10 articles, each time; {seconds:.2f} s an answer"


def play(scenes: Scenes, report: Report) -> None:
    """Play all chapters."""
    step = report.step
    scenes.office.hasten()
    with report.chapter("A price list goes its way"):
        step("A message with a megabyte of rows", "every state has less than 20 KB", scenes.large)
        step("A map over its parts", "every price is in the table", scenes.mapped)
        step("Two checks at once", "as long as the longer one", scenes.parallel)
        step("Rows that are none", "cost only themselves", scenes.bad_rows)
    with report.chapter("A person decides"):
        step("Approve by the link of the mail", "once, and nobody else", scenes.approved)
        step("Reject", "the prices before hold", scenes.rejected)
    with report.chapter("What fails"):
        step("The table is throttled", "retried, later each time", scenes.throttled)
        step("The tills refuse a price", "what was published is taken back", scenes.compensated)
        step("A step fails for good", "it goes on there when it is corrected", scenes.resumed)
        step("A message that is no list", "costs only itself", scenes.poison)
    with report.chapter("Functions"):
        step("Lambda delivers twice", "done once", scenes.twice)
        step("The schedule of the morning", "a mail when lists wait", scenes.morning)
    with report.chapter("Express"):
        step("Quotes", "the same answer each time", scenes.quotes)
        step("A version with a mistake", "rolled back", scenes.released)


def run(report: Report, cloud: LocalCloud, folder: Path) -> None:
    """Bring the system up, and play."""
    assembly = folder / "cdk.out"
    deployment = bring_up(report, lambda: synthesise(assembly, "serverless", {}), lambda: cloud.deploy(assembly))
    if deployment is not None:
        play(Scenes(Office(cloud, deployment), assembly, folder), report)


def main() -> int:
    """Run the demonstration; 1 when a step failed."""
    argparse.ArgumentParser(prog="make demo-serverless", description=__doc__).parse_args()
    return demonstrate(run)


if __name__ == "__main__":
    end_with(main)
