"""What the keeper decides: which statuses are worth keeping, what was lost of them, and what may be put back.

``places`` reads the keeper's patterns, ``digest`` tells contents apart, ``goodness`` says what may become
last-known-good, ``loss`` what of it is gone, ``permission`` what of that somebody allowed, and ``remedy`` which of it
to put back and how.
"""

from app.core.history.digest import digest
from app.core.history.goodness import good, misses
from app.core.history.loss import Lost, lost
from app.core.history.permission import permission, permits
from app.core.history.remedy import ALLOWED, Remedy, remedy

__all__ = ["ALLOWED", "Lost", "Remedy", "digest", "good", "lost", "misses", "permission", "permits", "remedy"]
