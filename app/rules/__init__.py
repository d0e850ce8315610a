"""Rule documents: StatusGuard YAML in, the values the decision works on out.

One subject a file, in the order a document passes through them: ``files`` reads the bytes of a set, ``yamltext`` makes
documents with line numbers of them, ``documents`` says what a StatusGuard may hold (``forms``: what one entry may look
like), ``complaints`` puts what is wrong into words, ``checking`` turns one document into a guard, ``loading`` a set of
files into a rule set, and ``source`` keeps the set current.
"""

from app.rules.loading import RuleSet, load
from app.rules.mistakes import Mistake, RulesError
from app.rules.source import Outcome, Reload, RuleSource

__all__ = ["Mistake", "Outcome", "Reload", "RuleSet", "RuleSource", "RulesError", "load"]
