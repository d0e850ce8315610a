"""Names, uids and hashes as Rancher makes them, the same ones for the same seed."""

import hashlib
import random
import uuid

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes generated names of: no vowels, no 0, 1 and 3."""

LONGEST_NAME = 63


class Names:
    """A source of names."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def uid(self) -> str:
        """A uid."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def suffix(self, length: int = 5) -> str:
        """What generateName adds."""
        return "".join(self._random.choices(LETTERS, k=length))

    def chance(self) -> float:
        """A number from 0 to 1."""
        return self._random.random()


def safe_concat(*parts: str) -> str:
    """The parts joined; what is too long for a name is cut and ends in a hash."""
    name = "-".join(parts)
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:57]}-{hashlib.sha256(name.encode()).hexdigest()[:5]}"


def commit_of(*parts: object) -> str:
    """A commit hash that stands for these parts."""
    return hashlib.sha1(repr(parts).encode()).hexdigest()
