"""Keeping this machine's folders and control characters out of what is shown to others."""

from __future__ import annotations

import re
from typing import Any

# An absolute path of at least two parts that starts a word, or follows a quote, = or a
# "path:"-like prefix. The second slash of a URL never starts one.
_PATH = re.compile(r"""(?<![^\s"'`=:(,\[])/(?:[^\s/"'`:,)\]]+/)+([^\s/"'`:,)\]]*)""")
_SHORT_OPTION = re.compile(r"(?:(?<=\s-[IL])|(?<=^-[IL]))/(?:[^\s/]+/)+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def clean(text: str) -> str:
    """Return the text without host folders, terminal escapes and invisible controls.

    An absolute path keeps only its last part: ``/home/me/model.gguf`` becomes ``…/model.gguf``.
    """
    text = _CONTROL.sub("", _ANSI.sub("", text))
    return _PATH.sub(r"…/\1", _SHORT_OPTION.sub("…/", text))


def clean_value(value: Any) -> Any:  # noqa: ANN401 - whatever JSON held
    """Apply :func:`clean` to every text inside lists and mappings."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): clean_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean_value(item) for item in value]
    return value
