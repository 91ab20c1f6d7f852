"""``native+clang-19+pgo``: a base, and what each further part adds to it.

A further part adds its own file's keys and those of its ancestors, up to the first that says
which instructions or which source tree to use: that is what it stands on, not what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput
from llamabuild.types.variant import Flags, Requires, Runtime, Variant

from .bench_options import by_option, joined
from .kinds import COMPOSED, GROUNDS
from .resolve import JOINED, chain_of, kind_of, merged, union
from .versions import FAMILIES, parse_name, with_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .resolve import Files, Link
    from .versions import Named

MAX_PARTS = 8


class CannotCombine(BadInput):
    """Parts that exist, but not together."""


@dataclass(frozen=True, slots=True)
class Part:
    """One name of a composed variant."""

    named: Named
    kind: str
    links: tuple[Link, ...]
    """Its files, the lowest first; for a further part only those that it adds."""
    stands_on: tuple[Link, ...] = ()
    """The rest of its files, the lowest first."""

    @property
    def name(self) -> str:
        """As the user wrote it, such as ``clang-19``."""
        return self.named.written

    def answers_to(self, key: str, files: Files) -> bool:
        """Tell whether a conflict with a name or kind concerns this part or what is in it."""
        inside = {link.name for link in self.links}
        return key in {self.name, *inside} or key in {kind_of(name, files) for name in inside}


def compose(name: str, files: Files, default_source: str) -> Variant:
    """Return the variant of a name, composed or not, with everything filled in.

    Raises:
        CannotCombine: Parts that set one key to different values, or that say themselves that
            they don't go together.
        BadInput: An unknown name, or a broken chain of ``extends``.
    """
    named = [parse_name(word, files) for word in name.split("+")]
    parts = _parts(name, named, files)
    bare = Variant(name="", description="", source="")
    alone = [with_version(merged(bare, part.links), part.named) for part in parts]
    _refuse_conflicts(name, parts, alone, files)
    variant = msgspec.structs.replace(
        alone[0],
        source=alone[0].source or default_source,
        origins={"source": "default", **alone[0].origins},
    )
    done = list(parts[0].links)
    for part in parts[1:]:
        # A file that two parts share counts once: its flags are not there twice.
        fresh = [link for link in part.links if link not in done]
        added = with_version(merged(bare, fresh), part.named)
        # A list of expectations replaces the parent's and so repeats what still holds of it.
        repeated = merged(bare, part.stands_on).expect
        expect = tuple(each for each in added.expect if each not in repeated)
        added = msgspec.structs.replace(added, expect=expect)
        variant, done = _sum(variant, added), [*done, *fresh]
    several = len(parts) > 1
    return msgspec.structs.replace(
        variant,
        name=name,
        description=_description(parts, alone),
        kind=COMPOSED if several else parts[0].kind,
        parts=tuple(part.name for part in parts) if several else (),
    )


def _parts(name: str, named: Sequence[Named], files: Files) -> list[Part]:
    words = [each.written for each in named]
    if twice := [word for word in words if words.count(word) > 1]:
        message = f"'{name}' names '{twice[0]}' twice"
        raise CannotCombine(message)
    if len(words) > MAX_PARTS:
        message = f"'{name}' has more than {MAX_PARTS} parts"
        raise CannotCombine(message)
    base, *further = named
    parts = [Part(base, kind_of(base.file, files), chain_of(base.file, files)[::-1])]
    ground = next((k.name for k in parts[0].links if kind_of(k.name, files) == "simd"), "")
    for each in further:
        kind, chain = kind_of(each.file, files), chain_of(each.file, files)
        if kind == "simd" and ground:
            by = "" if ground == base.written else f" (by '{ground}')"
            message = (
                f"'{base.written}'{by} and '{each.written}' both say which instructions to use"
            )
            raise CannotCombine(message, "name one of them, and name it first")
        ground = each.written if kind == "simd" else ground
        if kind == "trees":
            message = f"'{each.written}' is another source tree"
            raise CannotCombine(message, f"name it first: '{each.written}+...'")
        own = _added(chain, kind, files)
        parts.append(Part(each, kind, own[::-1], chain[len(own) :][::-1]))
    return parts


def _added(chain: tuple[Link, ...], kind: str, files: Files) -> tuple[Link, ...]:
    """What a part adds: all of it if it is a ground itself."""
    if kind in GROUNDS:
        return chain
    own = chain[0].name
    for count, link in enumerate(chain):
        if link.name != own and kind_of(link.name, files) in GROUNDS:
            return chain[:count]
    return chain


def _refuse_conflicts(
    name: str, parts: Sequence[Part], alone: Sequence[Variant], files: Files
) -> None:
    """Raise for the first pair that doesn't go together."""
    for (part, its), (other, others) in combinations(zip(parts, alone, strict=True), 2):
        said = [
            reason
            for conflicts, listener in ((its.conflicts, other), (others.conflicts, part))
            for key, reason in conflicts.items()
            if listener.answers_to(key, files)
        ]
        if said:
            message = f"'{part.name}' and '{other.name}' do not go together: {said[0]}"
            raise CannotCombine(message)
        first, second = _scalars(its), _scalars(others)
        for key in (key for key in first if key in second):
            if not _agree(key, first[key], second[key]):
                message = (
                    f"'{name}': {key} is '{first[key]}' in '{part.name}' "
                    f"and '{second[key]}' in '{other.name}'"
                )
                raise CannotCombine(message)


def _scalars(variant: Variant) -> dict[str, str]:
    """Every key that holds one value and was set by a file, as text."""
    values: dict[str, str] = {}
    for table in ("toolchain", "optimize", "allocator"):
        for key, value in msgspec.structs.asdict(getattr(variant, table)).items():
            values[f"{table}.{key}"] = _text(value)
    values |= {f"cmake.{key}": value for key, value in variant.cmake.items()}
    values["runtime.quantization"] = variant.runtime.quantization
    values |= {"source": variant.source, "requires.architecture": variant.requires.architecture}
    own = {key: value for key, value in values.items() if key in variant.origins}
    environment = variant.runtime.environment
    bench = by_option(variant.runtime.bench)
    launcher = variant.runtime.launcher
    programs = {key: getattr(variant.runtime, key) for key in ("program", "mode")}
    return (
        own
        | {f"runtime.{key}": value for key, value in programs.items() if value}
        | ({f"runtime.launcher {launcher[0]}": " ".join(launcher)} if launcher else {})
        | {f"runtime.environment.{key}": value for key, value in environment.items()}
        | {f"runtime.threads {key}": str(n) for key, n in variant.runtime.threads.items()}
        | {f"runtime.bench {key}".strip(): " ".join(words) for key, words in bench.items()}
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _agree(key: str, first: str, second: str) -> bool:
    """A family of compilers and one of its versions don't contradict each other."""
    if first == second:
        return True
    return key.startswith("toolchain.") and _narrower(first, second) != ""


def _narrower(first: str, second: str) -> str:
    """Of a family's name and a version of it the version; empty if they are not that."""
    short, long = sorted((first, second), key=len)
    known = {*FAMILIES, *FAMILIES.values()}
    return long if short in known and long.rpartition("-")[0] == short else ""


def _sum(first: Variant, second: Variant) -> Variant:
    """The first with what the second adds; where both set a value it is the same."""

    def own(table: str) -> dict[str, object]:
        values = msgspec.structs.asdict(getattr(second, table))
        return {key: value for key, value in values.items() if f"{table}.{key}" in second.origins}

    toolchain = own("toolchain")
    for key, value in toolchain.items():
        toolchain[key] = _narrower(getattr(first.toolchain, key), str(value)) or value
    return msgspec.structs.replace(
        first,
        source=second.source or first.source,
        toolchain=msgspec.structs.replace(first.toolchain, **toolchain),
        cmake={**first.cmake, **second.cmake},
        flags=Flags(
            c=first.flags.c + second.flags.c,
            cxx=first.flags.cxx + second.flags.cxx,
            link=first.flags.link + second.flags.link,
        ),
        optimize=msgspec.structs.replace(first.optimize, **own("optimize")),
        allocator=msgspec.structs.replace(first.allocator, **own("allocator")),
        conflicts={**first.conflicts, **second.conflicts},
        requires=Requires(
            architecture=second.requires.architecture or first.requires.architecture,
            cpu=union(first.requires.cpu, second.requires.cpu),
            tools=union(first.requires.tools, second.requires.tools),
            libraries=union(first.requires.libraries, second.requires.libraries),
            source_files=union(first.requires.source_files, second.requires.source_files),
        ),
        runtime=Runtime(
            environment={**first.runtime.environment, **second.runtime.environment},
            bench=joined(first.runtime.bench, second.runtime.bench),
            threads={**first.runtime.threads, **second.runtime.threads},
            launcher=(*first.runtime.launcher, *second.runtime.launcher),
            program=second.runtime.program or first.runtime.program,
            mode=second.runtime.mode or first.runtime.mode,
            quantization=second.runtime.quantization or first.runtime.quantization,
        ),
        expect=tuple(dict.fromkeys((*first.expect, *second.expect))),
        origins=_origins(first.origins, second.origins),
    )


def _origins(first: dict[str, str], second: dict[str, str]) -> dict[str, str]:
    both = {**first, **second}
    for key in first.keys() & second.keys():
        if (
            key in JOINED
            or key.startswith("flags.")
            or key in {"expect", "runtime.bench", "runtime.launcher"}
        ):
            both[key] = f"{first[key]}, {second[key]}"
    return both


def _description(parts: Sequence[Part], alone: Sequence[Variant]) -> str:
    """The titles of all parts; alone, a variant's own sentence."""
    if len(parts) == 1:
        return alone[0].description
    return " + ".join(variant.description.partition(":")[0] for variant in alone)
