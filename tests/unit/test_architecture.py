"""The rules that hold the parts apart, read from the source: who imports whom, and how files look.

Imports point one way, from the command line down to plain data. An import counts wherever it
stands: in a function, under TYPE_CHECKING, or as a name given to ``importlib.import_module``.
"""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "llamabuild"

BASE = "store process types errors"
INPUTS = "variants source model machine"
WORK = "build inspect bench"
LAB = "kernels probes roofline sampling profiling"
VIEW = "report compare stats"

# A room is a module or folder of llamabuild/; beside it stand the rooms that it may import.
ALLOWED = {
    "cli": f"pipeline interrupts optimize lab {VIEW} {WORK} {LAB} {INPUTS} {BASE}",
    "pipeline": f"interrupts optimize lab {VIEW} {WORK} {LAB} {INPUTS} {BASE}",
    # What a person sees comes from the store alone.
    "report": "compare optimize lab roofline stats store types errors",
    "compare": "stats store types errors",
    "stats": "types errors",
    # Which configuration is the fastest; who builds and measures is handed in.
    "optimize": "stats types errors",
    # What a lab consists of, and what of it a budget reaches for.
    "lab": "types errors",
    # What is done to variants: three rooms that don't know each other.
    "build": f"{INPUTS} {BASE}",
    "inspect": f"variants source model {BASE} _native",
    "bench": f"{INPUTS} {BASE}",
    # The native lab: kernels, the machine's limits, and what both mean together.
    "kernels": f"machine {BASE} _native",
    "probes": f"machine stats {BASE} _native",
    "roofline": "types errors",
    # Where the time of a program goes.
    "sampling": f"machine {BASE}",
    # What the hardware does meanwhile: counters, simulated caches, a loop, a verdict.
    "profiling": f"sampling roofline machine {BASE}",
    # What comes in. A model is fetched and verified by the means of a source, never the reverse.
    # Whether a variant can run here depends on what is installed.
    "variants": f"machine {BASE}",
    "source": BASE,
    "model": f"source {BASE}",
    "machine": f"{BASE} _native",
    # What all stand on.
    "interrupts": "errors",
    "store": "process types errors",
    "process": "types errors",
    "types": "",
    "errors": "",
}
# The lazy public API may reach for anything, and no room imports them.
EXEMPT = {"__init__", "__main__"}

MAX_LINES = 400
PROCESS_CALLS = {"os.system", "os.popen"}
HOME_PATH = re.compile(r"/(?:home|Users)/(?!(?:you|me|someone)\b)\w|/roo[t]/\w")


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported_names(tree, package):
    """Yield line and dotted name of every import; ``package`` is what a leading dot means."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = [*package[: len(package) - level + 1]] if level else []
                base += [module] if module else []
                yield from ((node.lineno, ".".join([*base, name.name])) for name in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, f"{'.'.join(package)}{name}" if name.startswith(".") else name


def import_violations(source, path):
    """Return one line for each import of this file that the table does not allow."""
    room = room_of(path)
    if room in EXEMPT:
        return []
    if room not in ALLOWED:
        return [f"{path.name}: '{room}' has no row in the table of rooms"]
    module = module_of(path)
    package = module if path.name == "__init__.py" else module[:-1]
    # `from llamabuild import __version__` names no room and is what it may have of the top.
    allowed = {room, "__version__", *ALLOWED[room].split()}
    found = []
    for line, name in imported_names(ast.parse(source), package):
        top, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if top == "llamabuild" and target not in allowed:
            found.append(f"{path.relative_to(ROOT)}:{line}: {room} may not import '{name}'")
    return found


def process_violations(source, path):
    """Return one line for each way to start a program that is not llamabuild.process."""
    tree = ast.parse(source)
    found = [
        (line, name)
        for line, name in imported_names(tree, ())
        if name.split(".")[0] == "subprocess" or name in PROCESS_CALLS
    ]
    for node in ast.walk(tree):
        match node:
            case ast.Call(keywords=keywords) if any(
                k.arg == "shell" and not (isinstance(k.value, ast.Constant) and not k.value.value)
                for k in keywords
            ):
                found.append((node.lineno, "shell="))
            case ast.Attribute() if ast.unparse(node) in PROCESS_CALLS:
                found.append((node.lineno, ast.unparse(node)))
    if path == PACKAGE / "process.py":
        found = [(line, name) for line, name in found if not name.startswith("subprocess")]
    return [f"{path.relative_to(ROOT)}:{line}: {name}" for line, name in found]


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def violations(check):
    return [line for path in modules() for line in check(path.read_text(encoding="utf-8"), path)]


def test_imports_point_one_way():
    assert violations(import_violations) == []


def test_programs_are_started_by_process_alone():
    assert violations(process_violations) == []


def test_files_fit_on_a_few_screens():
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in modules()}
    assert {str(p.relative_to(ROOT)): n for p, n in lengths.items() if n > MAX_LINES} == {}


def test_the_table_has_no_cycle_and_no_unknown_room():
    done = {"_native"}
    rows = {room: set(below.split()) for room, below in ALLOWED.items()}
    while ready := {room for room, below in rows.items() if below <= done}:
        done |= ready
        rows = {room: below for room, below in rows.items() if room not in ready}
    assert rows == {}


def test_rows_of_the_table_exist():
    """A row for a room that is gone would hide that the rule no longer says anything."""
    rooms = {room_of(path) for path in modules()}
    assert set(ALLOWED) - rooms == set()


def test_tracked_files_name_no_home_folder():
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout, or no git")
    listing = subprocess.run(
        [git, "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = [n for n in listing.stdout.decode().split("\0") if n and (ROOT / n).is_file()]
    assert names
    assert [n for n in names if names_home((ROOT / n).read_bytes())] == []


def names_home(content):
    return b"\0" not in content and bool(HOME_PATH.search(content.decode(errors="replace")))


# The checkers themselves, on made-up files.


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("report/a.py", "from llamabuild.bench.trial import Trial"),
        ("report/a.py", "import llamabuild.machine"),
        ("report/a.py", "from llamabuild import build"),
        ("report/sections/a.py", "from ...inspect import groups"),
        ("build/a.py", "def f():\n    from llamabuild.bench import run"),
        ("bench/a.py", "if TYPE_CHECKING:\n    from llamabuild.build.plan import Plan"),
        ("compare/a.py", "importlib.import_module('llamabuild.bench')"),
        ("inspect/__init__.py", "from ..build import plan"),
        ("types/a.py", "from llamabuild.errors import BadInput"),
        ("store/a.py", "from llamabuild.cli import main"),
        ("errors.py", "from .process import run"),
        ("source/a.py", "from llamabuild.model import pins"),
        ("pipeline/a.py", "import json, llamabuild.cli.options"),
        ("novelty/a.py", "import json"),
    ],
)
def test_a_wrong_import_is_found(path, source):
    assert len(import_violations(source, PACKAGE / path)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("report/a.py", "from .b import c\nfrom llamabuild.report.d import e"),
        ("report/sections/a.py", "from ..numbers import ratio\nfrom llamabuild.stats import holm"),
        ("report/__init__.py", "from .answer import answer\nfrom . import numbers"),
        ("build/a.py", "from llamabuild.machine import describe\nimport subprocess"),
        ("cli/a.py", "from llamabuild import __version__\nfrom llamabuild.pipeline import go"),
        ("__init__.py", "def __getattr__(name):\n    from llamabuild.cli import main"),
        ("stats/a.py", "from scipy import stats\nimport inspect, build"),
    ],
)
def test_a_right_import_passes(path, source):
    assert import_violations(source, PACKAGE / path) == []


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "from subprocess import Popen",
        "import os\nos.system('ls')",
        "from os import popen",
        "run(['ls'], shell=True)",
        "run(['ls'], shell=flag)",
    ],
)
def test_another_way_to_start_a_program_is_found(source):
    assert len(process_violations(source, PACKAGE / "build" / "a.py")) == 1


def test_process_may_use_subprocess_but_no_shell():
    path = PACKAGE / "process.py"
    assert process_violations("import subprocess\nPopen(['a'], shell=False)", path) == []
    assert process_violations("Popen('a', shell=True)", path) != []


def test_a_home_folder_is_found_in_text_only():
    home = b"/" + b"home/"
    assert names_home(b"cache = " + home + b"jo/.cache")
    assert names_home(b"/roo" + b"t/work")
    assert not names_home(home + b"you/.cache")
    assert not names_home(b"\0" + home + b"jo")
    assert not names_home(b"the root/branch and the /root folder")
