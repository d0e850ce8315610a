"""What goes wrong between the gate and Rancher.

::

    WireError
    ├── UnconnectedError    there is no connection: nobody is there, or nobody whom the CA vouches for
    ├── BrokenError         the connection ended before it should have
    ├── SilentError         nothing came for too long
    ├── MalformedError      what came is no HTTP, or what was to go out cannot be written as HTTP
    └── TooLargeError       more came than what was asked for can be

Their texts go on after "Rancher", or "it", and never quote what came: an answer may hold cookies and passwords.
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
    """Not HTTP."""


class TooLargeError(WireError):
    """More than what was asked for can be."""
