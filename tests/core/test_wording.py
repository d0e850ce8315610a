"""What people read of a verdict."""

from datetime import timedelta

import pytest

from app.core import wording
from app.core.guard import Guard, Target
from app.core.override import Unusable
from app.core.review import AdmissionRequest, GroupVersionResource
from app.core.rule_ids import RuleId
from app.core.verdict import Action, Finding

GUARD = Guard("guard", Target("g.io", frozenset({"*"}), "things", status_subresource=False))


def test_long_texts_are_cut() -> None:
    """A warning has at most 200 characters, and its end shows that it was cut."""
    text = wording.warning(Action.RESTORED, "/status/" + "é" * 500)
    assert len(text) == 200
    assert text.endswith("…")
    assert len(wording.override_warning(Unusable("x" * 500))) == 200


def test_many_findings_are_counted() -> None:
    """Of many findings the first ones are named and the rest is counted."""
    found = [Finding(RuleId.FIELD, f"/status/{number}", "") for number in range(60)]
    assert wording.listed(found).endswith("/status/49 (SG004) and 10 more")
    assert wording.listed(found[:2]) == "/status/0 (SG004), /status/1 (SG004)"


@pytest.mark.parametrize(
    ("group", "namespace", "name", "expected"),
    [
        ("g.io", "ns", "one", "things.g.io ns/one"),
        ("", None, "one", "things one"),
        ("g.io", None, None, "things.g.io ?"),
    ],
)
def test_denials_name_the_object(group: str, namespace: str | None, name: str | None, expected: str) -> None:
    """A denial names resource, namespace and name, as far as there are any."""
    resource = GroupVersionResource("things", group, "v1")
    request = AdmissionRequest("uid", "UPDATE", resource, name=name, namespace=namespace)
    assert wording.denial(request, "/status (SG003)") == f"status-guard keeps {expected} as it is: /status (SG003)"


def test_the_last_hint_says_what_to_do() -> None:
    """A hint offers the override only where the guard has one, and * where nothing less would do."""
    (hint,) = wording.hints(GUARD, spec_changed=False, not_restored=False, everything=False)
    assert "allow-status-loss" not in hint.message
    guard = Guard("guard", GUARD.target, override_max_duration=timedelta(hours=1))
    (*reasons, hint) = wording.hints(guard, spec_changed=True, not_restored=True, everything=True)
    assert [reason.rule for reason in reasons] == [RuleId.SPEC_ALSO_CHANGED, RuleId.NOT_RESTORED]
    assert hint.path == "/metadata/annotations/statusguard.io~1allow-status-loss"
    assert '"<RFC 3339 end>; *; <reason>"' in hint.message


def test_every_rule_about_a_loss_has_words() -> None:
    """Each rule that can be a finding says what would happen, its id first."""
    rules = [rule for rule in RuleId if "SG003" <= rule <= "SG009"] + [RuleId.FINAL_LABEL, RuleId.FINAL_CONDITION]
    for rule in rules:
        assert wording.finding(rule, "/status").message.startswith(f"{rule.value}: ")
