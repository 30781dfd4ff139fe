"""Names of exported files: the ids, changed where another system would read them as something else.

What does not belong here: writing the files (`writing.py`).
"""

import re
from collections.abc import Iterable

# Characters that have a special meaning in the file names of some system.
_ODD = re.compile(r"""[\x00-\x1f\x7f\\:*?"<>|\u202a-\u202e\u2066-\u2069]""")
# Names that are devices of Windows, whatever their ending.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_MOST = 200  # bytes of a part, so that a number still fits in the 255 of most systems


def safe_path(text: str) -> str:
    """Return a path below a folder that every system accepts; it never leads out of the folder."""
    return "/".join(map(safe_part, text.split("/")))


def safe_part(text: str) -> str:
    """Return one part of a path that every system accepts, never "", "." or "..", never hidden."""
    part = _ODD.sub("_", text).encode("utf-8", "replace").decode()
    if len(part.encode()) > _MOST:
        stem, dot, ending = part.rpartition(".")
        kept = f"{dot}{ending}" if dot and len(ending) <= 8 else ""  # noqa: PLR2004 - a longer one is none
        most = _MOST - len(kept.encode())
        part = (stem if kept else part).encode()[:most].decode("utf-8", "ignore") + kept
    if not part.strip(". "):
        return "_"
    if part.startswith(".") or _DEVICE.match(part):
        part = f"_{part}"
    return part if part == part.rstrip(". ") else f"{part.rstrip('. ')}_"


class Names:
    """Gives each file of an export a name of its own, also where upper and lower case are one."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._used = {name.lower() for name in taken}

    def of(self, text: str) -> str:
        """Return the name of a file that would be called `text`; the second of a name gets a number."""
        name = safe_path(text)
        folder, slash, last = name.rpartition("/")
        stem, dot, ending = last.rpartition(".")
        number = 2
        while name.lower() in self._used:
            numbered = f"{stem} ({number}){dot}{ending}" if stem else f"{last} ({number})"
            name = f"{folder}{slash}{numbered}"
            number += 1
        self._used.add(name.lower())
        return name
