"""Text as Clipper keeps it, from whatever source."""


def clean(text: str) -> str:
    """Replace what UTF-8 cannot hold: JSON may contain half of a surrogate pair."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
