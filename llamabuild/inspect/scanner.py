"""The data files' rules, handed to the native scanner."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from llamabuild._native import (
    ISA_EXEMPT,
    ISA_LISTED,
    ISA_NO_VECTOR,
    IsaScanner,
    isa_columns,
)

from .isa import expanded, isa_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .isa import Isa

Rule = tuple[str, int, int, int]
"""Mnemonics, bit set of encodings, bit set of operand classes, effect."""


def new_scanner(
    architecture: str,
    *,
    extents: Mapping[int, int] | None = None,
    file: int = -1,
    code: Sequence[tuple[int, int, int]] = (),
) -> IsaScanner:
    """Return a scanner for objdump's text of an architecture.

    Args:
        architecture: One of :data:`~.architecture.ARCHITECTURES`.
        extents: For stripped files: address to end of the functions whose symbols are left. Other
            code counts for its section. None where every function has its symbol.
        file: Descriptor of the file; used where ``code`` is given, and only read from.
        code: Address, offset and size of each section with code, if the text comes without the
            bytes of the instructions.
    """
    isa = isa_of(architecture)
    rules = _Rules(isa, *isa_columns(architecture))
    return IsaScanner(
        architecture=architecture,
        groups=[group.name for group in isa.groups],
        rules=rules.of_groups(),
        otherwise=rules.masks("otherwise"),
        every=rules.masks("every"),
        prefixes=list(isa.prefixes),
        extents=None if extents is None else dict(extents),
        file=file,
        code=code,
    )


class _Rules:
    def __init__(self, isa: Isa, forms: tuple[str, ...], classes: tuple[str, ...]) -> None:
        self._isa = isa
        self._forms = forms
        self._class_bits = {name: 1 << index for index, name in enumerate(classes)}
        for alias, members in isa.classes.items():
            self._class_bits[alias] = sum(self._class_bits[member] for member in members)
        self._all_classes = (1 << len(classes)) - 1
        self._all_forms = (1 << len(forms)) - 1

    def of_groups(self) -> list[Rule]:
        rules = self._rules(self._isa.scalar, self._all_forms, ISA_NO_VECTOR)
        for encoding, words in self._isa.ungrouped.items():
            rules += self._rules(words, self._form_bits(encoding), ISA_LISTED)
        for index, group in enumerate(self._isa.groups):
            rules += self._rules(group.exempt, self._all_forms, ISA_EXEMPT)
            for encoding, words in group.rules.items():
                rules += self._rules(words, self._form_bits(encoding), ISA_LISTED | 1 << index)
        return rules

    def masks(self, key: str) -> list[int]:
        """For each encoding, the groups whose ``otherwise`` or ``every`` names it."""
        return [
            sum(1 << i for i, group in enumerate(self._isa.groups) if form in getattr(group, key))
            for form in self._forms
        ]

    def _form_bits(self, encoding: str) -> int:
        """A form by its name, or all that only add a length to it (``vex``: vex128, vex256)."""
        bits = [
            1 << index
            for index, form in enumerate(self._forms)
            if form == encoding or form.rstrip("0123456789") == encoding
        ]
        if not bits:
            message = f"no encoding '{encoding}'"
            raise KeyError(message)
        return sum(bits)

    def _rules(self, words: str, forms: int, effect: int) -> list[Rule]:
        mnemonics = defaultdict[int, list[str]](list)
        for word in words.split():
            pattern, _, kind = word.partition("/")
            classes = self._class_bits[kind] if kind else self._all_classes
            mnemonics[classes].extend(expanded(pattern, self._isa.sets))
        return [(" ".join(names), forms, classes, effect) for classes, names in mnemonics.items()]
