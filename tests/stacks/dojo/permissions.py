"""What a role of a board may do."""

import json

from cdp_constructs.testing import Synthesis
from tests.stacks.dojo.resources import resources


def allowed(synthesis: Synthesis, stack: str, role: str) -> dict[str, set[str]]:
    """Return the actions that the policies of the role whose logical id begins with a text allow, with resources."""
    found: dict[str, set[str]] = {}
    for policy in resources(synthesis, stack, "AWS::IAM::Policy"):
        if not any(str(each.get("Ref", "")).startswith(role) for each in policy["Properties"]["Roles"]):
            continue
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow", statement
            actions, on = statement["Action"], statement["Resource"]
            for action in [actions] if isinstance(actions, str) else actions:
                every = on if isinstance(on, list) else [on]
                found.setdefault(action, set()).update(json.dumps(each) for each in every)
    return found
