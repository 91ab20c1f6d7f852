"""The hottest loop of a function: samples by address laid over its disassembly.

A loop is what lies between a branch and an earlier instruction that it jumps to. Of all loops
around the instruction with the most samples the shortest is taken. Samples by a clock, and by
counters without precise events, fall on an instruction or two behind the one that took the time.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.types.profile import Loop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.types.profile import Instruction

# Mnemonics of branches within a function, which objdump follows by the target's address.
BRANCH = re.compile(
    r"(?:j[a-z]+|loop\w*)\s+([0-9a-f]+)\b"  # x86
    r"|(?:b|b\.\w+|cbn?z\s+\w+,|tbn?z\s+\w+,\s*#[^,]+,)\s+([0-9a-f]+)\b"  # AArch64
)
PREFIXES = re.compile(r"(?:(?:bnd|notrack|rep[a-z]*)\s+)*")
MOST_INSTRUCTIONS = 400


class _Span(NamedTuple):
    first: int
    last: int


def hottest_loop(
    listing: Sequence[Instruction],
    samples: Mapping[int, int],
    *,
    function: str,
    library: str,
    event: str,
) -> Loop:
    """Return the loop around the hottest instruction, or why there is none.

    Args:
        listing: The function, in the order of addresses.
        samples: Number by address in the file; those outside of the function don't count.
        function: Its name.
        library: File that it is in.
        event: What was sampled.
    """
    by_instruction = _by_instruction(listing, samples)
    total = by_instruction.total()
    bare = Loop(function=function, library=library, event=event, samples=total)
    if not total:
        return msgspec.structs.replace(bare, reason="no sample lies in its instructions")
    hottest = max(by_instruction, key=lambda index: (by_instruction[index], -index))
    around = [span for span in _loops(listing) if span.first <= hottest <= span.last]
    if not around:
        reason = f"no loop around its hottest instruction, at {listing[hottest].address:#x}"
        return msgspec.structs.replace(bare, reason=reason)
    span = min(around, key=lambda span: span.last - span.first)
    body = [
        msgspec.structs.replace(listing[index], share=by_instruction[index] / total)
        for index in range(span.first, span.last + 1)
    ]
    groups = Counter(group for instruction in body for group in instruction.groups)
    cut = len(body) > MOST_INSTRUCTIONS
    return msgspec.structs.replace(
        bare,
        share=sum(by_instruction[i] for i in range(span.first, span.last + 1)) / total,
        instructions=tuple(_hot_part(body) if cut else body),
        groups=dict(groups.most_common()),
        reason=f"its hottest {MOST_INSTRUCTIONS} of {len(body)} instructions" if cut else "",
    )


def _by_instruction(listing: Sequence[Instruction], samples: Mapping[int, int]) -> Counter[int]:
    """Return the number of samples by index; an address is always the start of an instruction."""
    places = {instruction.address: index for index, instruction in enumerate(listing)}
    found = Counter[int]()
    for address, number in samples.items():
        if address in places:
            found[places[address]] += number
    return found


def _loops(listing: Sequence[Instruction]) -> list[_Span]:
    places = {instruction.address: index for index, instruction in enumerate(listing)}
    found = []
    for index, instruction in enumerate(listing):
        target = branch_target(instruction.text)
        first = places.get(target) if target is not None else None
        if first is not None and first <= index:
            found.append(_Span(first, index))
    return found


def branch_target(text: str) -> int | None:
    """Return the address that an instruction may jump to, None where it is no direct branch."""
    match = BRANCH.match(text, PREFIXES.match(text).end())  # type: ignore[union-attr]
    return int(match[1] or match[2], 16) if match else None


def _hot_part(body: Sequence[Instruction]) -> Sequence[Instruction]:
    """Return the stretch of the greatest length allowed that holds the most samples."""
    shares = [instruction.share for instruction in body]
    best, most, inside = 0, 0.0, sum(shares[:MOST_INSTRUCTIONS])
    for first in range(len(body) - MOST_INSTRUCTIONS + 1):
        if first:
            inside += shares[first + MOST_INSTRUCTIONS - 1] - shares[first - 1]
        if inside > most:
            best, most = first, inside
    return body[best : best + MOST_INSTRUCTIONS]
