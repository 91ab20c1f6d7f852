"""``threads=4``: a part of a composed variant that is set when it is run; nothing is built.

Settings are entries of ``settings.toml``; ``arg:--flag=value`` is one without an entry.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput, did_you_mean

from .affinity import AFFINITY, stands_for, this_layout
from .bench_options import complaint
from .file import AllocatorTable, RequiresTable, RuntimeTable, VariantFile
from .resolve import Layered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .resolve import Files

EQUALS = "="
ARGUMENT = "arg:"
"""Before an option of llama-bench that has no entry in the table."""
OPTION = re.compile(r"--?[A-Za-z][A-Za-z0-9-]*")
PLAIN_VALUE = r"-[0-9]+|[A-Za-z0-9_.:;^$*\\=][A-Za-z0-9_.:;^$*\\=-]{0,63}"
"""No space, comma or plus: they part arguments, tests and parts of names; no slash, since names of
variants become names of files."""


class Conflict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What some values don't go together with."""

    value: str
    """Regular expression."""
    part: str
    why: str


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of ``settings.toml``."""

    what: str
    example: str
    value: str = ""
    choices: tuple[str, ...] = ()
    bench: tuple[str, ...] = ()
    threads: str = ""
    launcher: tuple[str, ...] = ()
    allocator: str = ""
    program: str = ""
    first: str = ""
    quantization: str = ""
    sweep: tuple[str, ...] = ()
    scales: bool = False
    tools: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def begins(self) -> bool:
        """Whether the first value of an axis is what the others are compared with."""
        return self.scales or bool(self.choices)

    def allows(self, value: str) -> bool:
        """Tell whether it can have a value."""
        return value in self.choices if self.choices else bool(re.fullmatch(self.value, value))

    def filled(self, words: tuple[str, ...], value: str) -> tuple[str, ...]:
        """Return arguments with the value in its place."""
        return tuple(word.replace("{}", value) for word in words)


@cache
def settings() -> dict[str, Setting]:
    """Return the shipped table by name."""
    data = Path(__file__).with_name("settings.toml").read_bytes()
    return msgspec.toml.decode(data, type=dict[str, Setting])


def is_setting(word: str) -> bool:
    """Tell whether a part of a name is meant as a setting; it may still be a wrong one."""
    return EQUALS in word


def setting_named(name: str) -> Setting:
    """Return a setting; any option of llama-bench is one, as ``arg:--cpu-strict``.

    Raises:
        BadInput: There is none of that name, or an option that is not to be varied.
    """
    if name.startswith(ARGUMENT):
        return _argument(name)
    if name not in settings():
        message = f"unknown setting '{name}'"
        remedy = did_you_mean(name, settings()) or f"known: {', '.join(settings())}"
        raise BadInput(message, remedy)
    return settings()[name]


def checked_value(name: str, value: str) -> str:
    """Return a value that the setting can have.

    Raises:
        BadInput: It can't, or there is no such setting.
    """
    setting = setting_named(name)
    if not setting.allows(value):
        message = f"'{name}={value}' is not a value for {setting.what}"
        meant = did_you_mean(value, setting.choices)
        raise BadInput(message, meant or f"write it like {name}={setting.example}")
    if setting.bench and (wrong := complaint(setting.filled(setting.bench, value))):
        raise BadInput(wrong.what, wrong.remedy)
    return value


def checked_setting(word: str) -> tuple[Setting, str]:
    """Return the setting and the value of a part such as ``threads=4``.

    Raises:
        BadInput: As :func:`checked_value`.
    """
    name, _, value = word.partition(EQUALS)
    return setting_named(name), checked_value(name, value)


def _argument(name: str) -> Setting:
    """An option in llama-bench's own words; whether the program has it, is asked of the program."""
    option = name.removeprefix(ARGUMENT)
    if not OPTION.fullmatch(option):
        message = f"'{name}' names no option of llama-bench"
        raise BadInput(message, f"write it like {ARGUMENT}--cpu-strict")
    if wrong := complaint((option, "0")):
        raise BadInput(wrong.what, wrong.remedy)
    return Setting(
        what=f"llama-bench's {option}", bench=(option, "{}"), value=PLAIN_VALUE, example="1"
    )


def with_settings(files: Files, words: Iterable[str]) -> Files:
    """Return the catalogue's files and one for each setting among the parts of a name.

    Raises:
        BadInput: An unknown setting, or a value that it cannot have.
    """
    made = {word: (_layer(word),) for word in words if is_setting(word)}
    return {**files, **made}


def _layer(word: str) -> Layered:
    setting, value = checked_setting(word)
    if word.startswith(f"{AFFINITY}{EQUALS}"):
        setting, value = checked_setting(stands_for(value, this_layout()))
    file = VariantFile(
        kind="runtime",
        description=f"{word}: {setting.what}",
        conflicts={c.part: c.why for c in setting.conflicts if re.fullmatch(c.value, value)},
        requires=RequiresTable(tools=setting.tools),
        allocator=AllocatorTable(name=setting.allocator or None),
        runtime=RuntimeTable(
            bench=setting.filled(setting.bench, value) or None,
            threads={setting.threads: int(value)} if setting.threads else None,
            launcher=setting.filled(setting.launcher, value) or None,
            program=setting.program or None,
            mode=value if setting.program else None,
            quantization=setting.quantization.replace("{}", value) or None,
        ),
    )
    return Layered(label=f"the setting '{word}'", file=file)
