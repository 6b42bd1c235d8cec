"""Names of videos and categories in formats that cannot hold every character."""

import re

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write (its production "Char")."""


def xml_text(text: str) -> str:
    """Return a text with the replacement character where XML has no way to write one."""
    return NOT_XML.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Return a text without line breaks and other control characters, for line-based formats."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip() or "unnamed"
