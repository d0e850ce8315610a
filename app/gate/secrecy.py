"""Words of Rancher's, without the credentials in them and without the caller's own."""

import binascii
from base64 import b64decode
from collections.abc import Iterable

from app.core.gate.redaction import LONGEST, redact
from app.gate.port import Credential


def redacted(words: str, credential: Credential, longest: int = LONGEST, also: Iterable[str] = ()) -> str:
    """The words as they may be shown, logged and kept.

    Args:
        words: untouched.
        credential: the caller's.
        longest: characters that may remain.
        also: what else must not be in them.
    """
    if not words:
        return ""
    return redact(words, [*_secrets(credential), *also], longest)


def _secrets(credential: Credential) -> list[str]:
    """What must not be seen anywhere, in each form in which it could come back."""
    found: list[str] = []
    for name, value in credential.headers:
        text = value.decode("latin-1")
        match name.lower():
            case b"authorization":
                secret = text.partition(" ")[2].strip() or text
                found += [secret, *_taken_apart(secret)]
            case b"cookie":
                found += [pair.partition("=")[2].strip() for pair in text.split(";")]
            case b"x-api-csrf":
                found.append(text)
    return found


def _taken_apart(secret: str) -> list[str]:
    """A token's half behind its name, and what Basic encodes."""
    try:
        plain = b64decode(secret, validate=True).decode()
    except (binascii.Error, ValueError):
        plain = ""
    return [part for text in (secret, plain) for part in (text, text.partition(":")[2]) if part]
