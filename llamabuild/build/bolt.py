"""BOLT: rewrite libggml-cpu and libllama by what an instrumented run of them said.

Counters in the code are the one way here: the records of branches that perf can take on some
machines are not there on virtual ones, and would make the profile depend on who measured.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.errors import BadInput, BuildFailed
from llamabuild.process import run
from llamabuild.store.profiles import profile_data
from llamabuild.types.build import Stage, Step

from .llvm import newest_tool
from .pgo import Trained
from .profile_keys import find_profile, profile_key, program_key

if TYPE_CHECKING:
    from llamabuild.types.build import Plan, Profile
    from llamabuild.types.machine import Tool

FACTS = Path(__file__).with_name("bolt.toml")
STEP = "bolt"
INPUT_SUFFIX = ".input"
TIMEOUT_SECONDS = 600.0
DESCRIPTORS = re.compile(r"Number of function descriptors: (\d+)")
USED = re.compile(r"BOLT-INFO: (\d+) out of (\d+) functions .* non-empty execution profile")
SOURCE_FIELD = 1
"""Of a line of .fdata: kind, name and offset of the source, the same of the target, counts."""


class Bolt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``bolt.toml`` says."""

    version: str
    libraries: tuple[str, ...]
    instrument: tuple[str, ...]
    use: tuple[str, ...]


@cache
def bolt() -> Bolt:
    """Return the shipped facts."""
    return msgspec.toml.decode(FACTS.read_bytes(), type=Bolt)


def bolt_tool() -> Tool:
    """Return llvm-bolt, the newest that is installed.

    It looks for its runtime library beside the folder that it was called from, which with a link
    in another folder is the wrong one: the path is the program's own.

    Raises:
        EnvironmentLacks: There is none.
    """
    tool = newest_tool("llvm-bolt", bolt().version)
    return msgspec.structs.replace(tool, path=str(Path(tool.path).resolve()))


def bolt_program(compiled: Plan) -> str:
    """Return the program's part of the key: what BOLT instruments, and which BOLT."""
    tool = bolt_tool()
    return program_key(compiled.build_id, tool.version, tool.sha256, *bolt().instrument)


def rewritten_plan(compiled: Plan, model_sha256: str) -> Plan:
    """Return the plan that goes on where ``compiled`` ends: BOLT on the libraries that matter.

    Args:
        compiled: Makes the libraries with their relocations.
        model_sha256: What the profile is trained on.

    Raises:
        BadInput: The libraries are static.
        EnvironmentLacks: llvm-bolt is not installed.
    """
    name = compiled.variant
    if "-DBUILD_SHARED_LIBS=OFF" in compiled.steps[0].argv:
        message = f"{name}: BOLT rewrites the shared libraries of ggml and llama; this is static"
        raise BadInput(message, "take 'static' or 'bolt' out of it")
    tool = bolt_tool()
    program = bolt_program(compiled)
    profile = find_profile(program, model_sha256) if not compiled.needs_profiles else None
    identity = [
        *(compiled.build_id, tool.version, tool.sha256, *bolt().use),
        profile.sha256 if profile else "not made",
    ]
    build_id = hashlib.sha256(msgspec.json.encode(identity)).hexdigest()
    needed = (*compiled.needs_profiles, profile_key(program, model_sha256))
    return msgspec.structs.replace(
        compiled,
        build_id=build_id[: len(compiled.build_id)],
        steps=(*compiled.steps, *(_use_steps(profile) if profile else ())),
        profiles=(*compiled.profiles, *((profile,) if profile else ())),
        needs_profiles=needed if profile is None else (),
        input=compiled.build_id,
    )


def input_plan(compiled: Plan) -> Plan:
    """Return the plan of BOLT's input as a build of its own; it says so in the store."""
    return msgspec.structs.replace(compiled, variant=f"{compiled.variant}{INPUT_SUFFIX}")


def _use_steps(profile: Profile) -> tuple[Step, ...]:
    """Rewrite each library that has a profile, then put the new ones in place of the old."""
    names = [path.stem for path in sorted(profile_data(profile.key).glob("*.fdata"))]
    data = f"{{cache}}/profiles/{profile.key}/data"
    folder = Step(name=STEP, argv=("{cmake}", "-E", "make_directory", "{build}/bolt"))
    rewrite = [
        Step(
            name=STEP,
            argv=(
                *("{bolt}", f"{{build}}/bin/{name}", "-o", f"{{build}}/bolt/{name}"),
                *(f"-data={data}/{name}.fdata", *bolt().use),
            ),
        )
        for name in names
    ]
    new = (f"{{build}}/bolt/{name}" for name in names)
    put = Step(name=STEP, argv=("{cmake}", "-E", "copy", *new, "{build}/bin"))
    return (folder, *rewrite, put)


class Instrumented(NamedTuple):
    """What counts now."""

    libraries: tuple[str, ...]
    """Their file names."""
    functions: int
    stage: Stage


def instrument(name: str, binaries: Path, data: Path, log: IO[bytes]) -> Instrumented:
    """Put counters into the libraries of a folder, in place.

    Args:
        name: Of the variant, for messages.
        binaries: Folder of a copy of BOLT's input.
        data: Where each library will write ``NAME.fdata`` when its process ends.
        log: Receives what llvm-bolt prints.

    Raises:
        BuildFailed: llvm-bolt failed, or there is nothing to rewrite.
    """
    tool = bolt_tool()
    found = {path.resolve() for pattern in bolt().libraries for path in binaries.glob(pattern)}
    if not found:
        message = f"{name}: the build has none of {', '.join(bolt().libraries)}"
        raise BuildFailed(message)
    functions, seconds, cpu_seconds = 0, 0.0, 0.0
    for library in sorted(found):
        counting = library.with_name(f"{library.name}.counting")
        argv: list[str | Path] = [tool.path, library, "-o", counting, *bolt().instrument]
        argv.append(f"-instrumentation-file={data / library.name}.fdata")
        finished = run(argv, closed=True, timeout_seconds=TIMEOUT_SECONDS, log=log)
        if not finished.ok:
            how = finished.failure()
            message = f"{name}: llvm-bolt cannot instrument {library.name}: it {how}"
            raise BuildFailed(message)
        if match := DESCRIPTORS.search(finished.stdout + finished.stderr):
            functions += int(match[1])
        seconds += finished.wall_seconds
        cpu_seconds += finished.usage.ru_utime + finished.usage.ru_stime
        shutil.copymode(library, counting)
        counting.replace(library)
    stage = Stage(name="instrument", seconds=seconds, cpu_seconds=cpu_seconds)
    return Instrumented(tuple(library.name for library in sorted(found)), functions, stage)


def read_fdata(data: Path, instrumented: Instrumented) -> Trained:
    """Count the functions that have records in the profiles of all libraries.

    Raises:
        BuildFailed: A library left no profile, or one without a function that ran.
    """
    trained = {name: _functions_of(data / f"{name}.fdata") for name in instrumented.libraries}
    if idle := [name for name, count in trained.items() if count == 0]:
        message = f"the training run left no profile of {', '.join(idle)}"
        raise BuildFailed(message)
    return Trained(instrumented.functions, sum(trained.values()))


def _functions_of(path: Path) -> int:
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            fields = (line.split() for line in lines)
            return len({f[SOURCE_FIELD] for f in fields if len(f) > SOURCE_FIELD})
    except FileNotFoundError:
        return 0


def unused_profile(argv: tuple[str, ...], output: str) -> str:
    """Return what is wrong if llvm-bolt ended well but could use nothing of a profile."""
    if not any(argument.startswith("-data=") for argument in argv):
        return ""
    match = USED.search(output)
    if match is None or int(match[1]) == 0:
        return "the profile fits no function of the library"
    return ""
