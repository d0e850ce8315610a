"""The rules are the same in the code, in docs/rules.md and in the case table."""

import re
from pathlib import Path

import pytest
from case_table import rows

from app.core.rule_ids import RuleId

DOCUMENT = (Path(__file__).parent.parent / "docs/rules.md").read_text()
SECTION = re.compile(r"^## (SG\d{3}) (.+)\n((?:(?!## ).*\n)*)", re.MULTILINE)
SECTIONS = {number: text for number, _, text in SECTION.findall(DOCUMENT)}


def test_every_rule_has_one_section_in_order() -> None:
    """docs/rules.md has one section for each rule id, in order, and none for anything else."""
    assert [number for number, _, _ in SECTION.findall(DOCUMENT)] == sorted(RuleId)
    assert len(re.findall(r"^## ", DOCUMENT, re.MULTILINE)) == len(RuleId)


@pytest.mark.parametrize("rule", RuleId)
def test_section_says_what_why_and_what_to_do(rule: RuleId) -> None:
    """Each section says what the rule is, why it is there and what to do."""
    assert re.findall(r"^\*\*(.+?):\*\* \S", SECTIONS[rule], re.MULTILINE) == ["What", "Why", "What to do"]


@pytest.mark.parametrize("rule", RuleId)
def test_rule_has_a_row(rule: RuleId) -> None:
    """Each rule is part of a verdict in the case table."""
    assert any(rule in row.expect["rules"] for row in rows())


def test_links_lead_somewhere() -> None:
    """Each link within docs/rules.md leads to one of its headings."""
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", DOCUMENT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", DOCUMENT)) <= headings
