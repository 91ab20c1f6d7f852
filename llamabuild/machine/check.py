"""The form of one finding about the machine's fitness."""

from __future__ import annotations

from typing import Literal

from llamabuild.types.base import Data

Status = Literal["ok", "note", "warning", "missing"]


class Check(Data, frozen=True, kw_only=True):
    """One thing looked at, and what to do about it."""

    name: str
    status: Status
    """``note`` is worth knowing, ``warning`` spoils measurements, ``missing`` stops builds."""
    finding: str
    """What is there, in a few words."""
    remedy: str = ""
    """What to do; empty when there is nothing to do."""
