"""What goes wrong between the gate and Rancher.

::

    WireError
    ├── UnconnectedError    there is no connection: nobody is there, or nobody whom the CA vouches for
    ├── BrokenError         the connection ended before it should have
    ├── SilentError         nothing came for too long
    ├── MalformedError      what came is no HTTP
    ├── UnwritableError     what was to go out cannot be written as HTTP
    └── TooLargeError       more came than what was asked for can be

Their texts are clauses in which "it" is Rancher, and never quote what came: an answer may hold cookies and passwords.
"""


class WireError(Exception):
    """One of them."""


class UnconnectedError(WireError):
    """There is no connection."""


class BrokenError(WireError):
    """The connection ended before it should have."""


class SilentError(WireError):
    """Nothing came for too long."""


class MalformedError(WireError):
    """What came is no HTTP."""


class UnwritableError(WireError):
    """What was to go out cannot be written as HTTP."""


class TooLargeError(WireError):
    """More than what was asked for can be."""
