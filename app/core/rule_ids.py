"""The stable ids of the rules, as messages, metrics, docs/rules.md and the case table use them.

An id is never reused and never changes its meaning; docs/rules.md has one section for each, held together by a test.
"""

from enum import StrEnum


class RuleId(StrEnum):
    """One rule, one id, one function."""

    NOT_GUARDED = "SG001"
    DELETING = "SG002"
    WHOLE_STATUS = "SG003"
    FIELD = "SG004"
    MAP_KEY = "SG005"
    LIST_ITEM = "SG006"
    LABEL = "SG007"
    FINALIZER = "SG008"
    OWNER_REFERENCE = "SG009"
    LISTED_WRITER = "SG010"
    DELIBERATE_APPLY = "SG011"
    OVERRIDE = "SG012"
    UNUSABLE_OVERRIDE = "SG013"
    FINAL_LABEL = "SG014"
    FINAL_CONDITION = "SG015"
    INTACT = "SG016"
    SPEC_ALSO_CHANGED = "SG017"
    NOT_RESTORED = "SG018"
