"""Words from outside, as a terminal or an HTTP header may have them."""


def printable(text: str, longest: int | None = None) -> str:
    """Text with a mark in place of each character that a terminal would take for a command, or a header for its end.

    Args:
        text: any.
        longest: characters to which it is cut, if at all.
    """
    if longest is not None and len(text) > longest:
        text = f"{text[: longest - 1]}…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
