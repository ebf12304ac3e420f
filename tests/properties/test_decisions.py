"""What people send to decide about a waiting workflow: each is answered, and a wrong one reaches nothing."""

import json
from typing import Any

import pytest
from hypothesis import example, given

from tests.properties.aws import World, refusal, strict_json
from tests.properties.inputs import TEXTS, altered, examples
from tests.properties.running import Subject, running

REQUEST = {"id": "order-7.Approve", "decision": "approve", "by": "Kim", "comment": "as agreed"}


def waiting(_parameters: Any) -> Any:
    # A new one for each call: boto3 changes it.
    return {"Item": {"id": {"S": "order-7.Approve"}, "token": {"S": "secret token"}}}


def subject(**answers: Any) -> Subject:
    return Subject(
        package="cdp_constructs.workflow.handlers.answer",
        environment={"TABLE": "questions"},
        world=lambda: World(answers={"dynamodb.GetItem": waiting, **answers}),
    )


def refusing(code: str, operation: str) -> Any:
    def refuse(_parameters: Any) -> Any:
        raise refusal(code, operation)

    return refuse


def test_a_decision_is_answered_and_its_token_never_told() -> None:
    with running(subject()) as run:

        @examples(50)
        @given(event=altered(REQUEST))
        def holds(event: Any) -> None:
            answer = run.call(event)
            assert set(answer) in ({"error"}, {"status"})
            assert all(answer.values())
            assert "secret token" not in json.dumps(answer)
            strict_json(json.dumps(answer))

        for text in TEXTS:
            for name in REQUEST:
                holds = example(event={**REQUEST, name: text})(holds)
            holds = example(event={**REQUEST, text: text})(holds)
        unreadable: list[Any] = [None, [], "approve", 7]
        for event in unreadable:
            holds = example(event=event)(holds)
        holds()


@pytest.mark.parametrize("decision", ["approve", "reject"])
@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist"])
def test_a_decision_that_comes_too_late_says_so(decision: str, code: str) -> None:
    operation = {"approve": "SendTaskSuccess", "reject": "SendTaskFailure"}[decision]
    late = subject(**{f"stepfunctions.{operation}": refusing(code, operation)})
    with running(late) as run:
        assert run.call({**REQUEST, "decision": decision}) == {"status": "closed"}
        assert run.world.calls[-1][0] == "dynamodb.DeleteItem"


def test_a_token_of_a_step_that_asked_again_meanwhile_is_kept() -> None:
    again = subject(**{"dynamodb.DeleteItem": refusing("ConditionalCheckFailedException", "DeleteItem")})
    with running(again) as run:
        assert run.call(REQUEST) == {"status": "taken"}


def test_what_does_not_answer_is_the_callers_error_and_forgets_nothing() -> None:
    down = refusing("InternalServerError", "SendTaskSuccess")
    with running(subject(**{"stepfunctions.SendTaskSuccess": down})) as run:
        with pytest.raises(Exception, match="InternalServerError"):
            run.call(REQUEST)
        assert not any(name == "dynamodb.DeleteItem" for name, _ in run.world.calls)
