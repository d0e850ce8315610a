"""Words of Rancher, helm and registries, without the credentials that are in them.

A chart download that fails says so with its URL, user and password included; a registry redirects to signed links; helm
prints values. What the gate logs, keeps, shows or answers of such words goes through ``redact`` first. It takes too
much rather than too little, keeps what tells people what happened (hosts, names, versions, causes), and may be applied
again without changing anything.
"""

import re
from collections.abc import Iterable
from typing import Final

MARK: Final = "[redacted]"
LONGEST: Final = 2000
"""Characters: longer than any message in the catalogue, short enough for a log line and a page."""
LONGEST_READ: Final = 8 * 1024
"""Characters that are looked at; what is beyond is cut at a space, so that no half of a secret stays. The worst text
that was found for these patterns, which take the square of its length, takes less than 0.1 s at this length."""
_CUT: Final = " …"
_LEAST_KNOWN: Final = 6
"""Characters: a shorter "secret" would blank out ordinary words."""
_MOST_PASSES: Final = 8
"""A pass that changes something may uncover one more; real text settles in two."""

_QUOTE: Final = r"""\\*["']?"""
_VALUE: Final = (
    r"""(?:\[redacted\](?=[\s,;)}\]"'&<>]|$)"""  # what an earlier pass left; it has no part in what follows
    r"""|(?P<q>\\*)"[^\n]*?(?:(?<!\\)(?P=q)"|(?=\n)|$)"""  # a string, also within a string, also cut off
    r"""|'[^'\n]*'?|[^\s"'&<>]+)"""
)
_SCHEME: Final = r"\b[a-zA-Z][\w+.-]{0,20}:\\*/\\*/"

_SURE_KEYS: Final = (
    r"(?:pass(?:word|wd|phrase)|credentials?|signature|dockerconfigjson|\b(?:pass|pwd|sig|r_sess)|\b(?:x-api-)?csrf"
    r"|client[-_]?secret|secret[-_]?(?:access[-_]?)?key|(?:api|private)[-_]?key|access[-_]?key(?:[-_]?id)?"
    r"|(?:access|refresh|id|identity|auth|bearer|session|csrf|registry|x-amz-security|api)[-_]?token"
    r"|client-(?:key|certificate)-data|certificate-authority-data|(?-i:[a-z0-9](?:Token|Secret)))"
)
"""Keys whose value is a secret wherever they stand, also at the end of a longer name (``adminPassword``)."""
_MAYBE_KEYS: Final = "token|secret|auth|key|session"
"""Words that sentences have, too (``failed to get secret: not found``): a key where it looks like one."""

_RULES: Final = (
    # PEM, also cut off, also in base64
    (r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", MARK),
    (r"LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]*", MARK),
    # headers, to the end of their line or string
    (
        rf"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)({_QUOTE}\s{{0,3}}[:=]\s{{0,3}}{_QUOTE})[^\s\"'\\][^\n\"'\\]*",
        rf"\1\2{MARK}",
    ),
    # a scheme and what is no word after it
    (
        r"(?i)\b(bearer|basic|negotiate)(\s+)(?!realm=)(?=\S*?(?:[0-9=+/:_~]|(?-i:[a-z][A-Z]))|\S{24})[\w.~+/=:-]{6,}",
        rf"\1\2{MARK}",
    ),
    # a URL's user and password, to the last @ of the authority; a port that is no number is a password with a slash
    (rf"({_SCHEME})[^\s/?#\"'<>\\]*@", rf"\1{MARK}@"),
    (rf"({_SCHEME})[^\s/?#:\"'<>\\]*:(?![0-9]{{1,5}}(?:[/?#\s\"':]|$))[^\s\"'<>]*@", rf"\1{MARK}@"),
    (r"(?i)(%3A%2F%2F)(?:(?!%2F)[^\s&\"'<>])*?%40", rf"\1{MARK}%40"),
    (r"(?<![\w/:@.-])[\w.%+-]{1,64}:[^\s@/\"'<>]{1,256}@(?!sha(?:256|512):)(?=[\w.-]{1,253})", f"{MARK}@"),
    # a key and its value
    (rf"(?i)({_SURE_KEYS}[\w-]{{0,16}}{_QUOTE}\s{{0,3}}(?:=>|[:=]|%3D)\s{{0,3}}){_VALUE}", rf"\1{MARK}"),
    (rf"(?i)((?:\b|_|-)(?:{_MAYBE_KEYS})(?:=|%3D|\\*[\"']\s{{0,3}}[:=]\s{{0,3}}|:(?=[^\s/]))){_VALUE}", rf"\1{MARK}"),
    (rf"(?im)((?:^|\\n|[{{,])[ \t-]*(?:{_MAYBE_KEYS}):[ \t]+){_VALUE}", rf"\1{MARK}"),
    (rf"(?i)((?<!\S)--?[\w-]{{0,20}}(?:{_SURE_KEYS}|token|secret)[ \t]+){_VALUE}", rf"\1{MARK}"),
    (rf"((?<!\S)(?:-u|--user)[ \t=]+){_VALUE}", rf"\1{MARK}"),
    # a string after what was taken for a value, and was a key itself (password= "secret":"..."), and what clings to it
    (rf"(\[redacted\]{_QUOTE}\s{{0,3}}[:=]\s{{0,3}})(?=\\*[\"']){_VALUE}[^\s,;)}}\]]*", rf"\1{MARK}"),
    # tokens that show what they are
    (r"\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)*", MARK),
    (r"\b((?:token|kubeconfig|agent|telemetry|helm|compose|cattle)-[\w.-]{1,100}):[\w-]{8,}", rf"\1:{MARK}"),
    (r"\b[bcdfghjklmnpqrstvwxz2456789]{54}\b", MARK),
    (r"\b(?:gh[pousr]_|github_pat_|glpat-|dckr_pat_|xox[abprs]-|npm_|hvs\.|AKIA|ASIA)[\w-]{8,}", MARK),
)
_PATTERNS: Final = tuple((re.compile(pattern, re.DOTALL), replacement) for pattern, replacement in _RULES)
_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""What could forge a line of a log, or turn one around; line feeds and tabs stay."""


def redact(text: str, known: Iterable[str] = (), longest: int = LONGEST) -> str:
    """The text without credentials, at most ``longest`` characters long; total over any text.

    Args:
        text: words from outside.
        known: secrets that are at hand, the caller's own among them; they go wherever they are. Short ones do not
            count.
        longest: characters that may remain.
    """
    secrets = sorted({secret for secret in known if len(secret) >= _LEAST_KNOWN}, key=len, reverse=True)
    for _ in range(_MOST_PASSES):
        redacted = _shortened(_pass(_readable(text), secrets), longest)
        if redacted == text:
            return text
        text = redacted
    return MARK[:longest]


def _readable(text: str) -> str:
    text = _CONTROLS.sub(" ", text[: LONGEST_READ + 1])
    if len(text) <= LONGEST_READ:
        return text
    kept = text[:LONGEST_READ]
    space = max(kept.rfind(" "), kept.rfind("\n"))
    return kept[: max(space, 0)] + _CUT


def _pass(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MARK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    kept = text[: max(longest - len(_CUT), 0)]
    if not text[len(kept)].isspace() and " " in kept:
        kept = kept[: kept.rfind(" ")]
    return (kept + _CUT)[:longest]
