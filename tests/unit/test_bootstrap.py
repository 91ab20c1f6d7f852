"""The set-up script, with stand-ins for Python, pip, apt-get and sudo that note their calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bootstrap"
COREUTILS = ("cat", "chmod", "cp", "cut", "date", "dirname", "env", "mkdir", "mv", "rm", "sort")
REAL_TOOLS = ("bash", "find", "flock", "grep", "sha256sum", "tail", "touch", "xargs", *COREUTILS)

TEST_TOOLS = ("aarch64-linux-gnu-g++", "qemu-aarch64", "mbw")

PYTHON = r"""#!/usr/bin/env bash
case "$*" in
  -V) echo 'Python 3.12.0'; exit ;;
  -c*) read -r state <"$FAKES/python.state"; [[ $state != old ]] || exit 1; echo "$state"; exit ;;
  *'pip install --help') echo ' --group'; exit ;;
esac
echo "$*" >>"$FAKES/calls"
case "$1 $2" in
  '-m venv') mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; touch "$3/pyvenv.cfg" ;;
  '-m pip')
    echo 'noise of pip'
    [[ ! -e $FAKES/kill ]] || { rm "$FAKES/kill"; kill -KILL "$PPID"; }
    [[ ! -e $FAKES/pip.fails ]] || { echo 'no such package' >&2; exit 1; } ;;
  '-P -m') echo "in $PWD: ${*:3}"; exit "${STATUS-0}" ;;
  '-m pytest') [[ $3 == tests/unit ]] && exit "${UNIT-0}"; exit "${REAL-0}" ;;
esac
"""

APT_GET = r"""#!/usr/bin/env bash
echo "apt-get $*" >>"$FAKES/calls"
if [[ $1 == update ]]; then
  touch "$FAKES/lists" "$FAKES/lists/main_Packages"
  cp "$FAKES/sold" "$FAKES/known"
fi
for name in "$@"; do
  if grep -qxF -e "$name" "$FAKES/refused"; then
    echo "E: Unable to locate package $name" >&2
    exit 100
  fi
done
for name in "$@"; do
  case $name in
    linux-perf | linux-tools-generic) cp "$FAKES/bin/tool" "$FAKES/bin/perf" ;;
    bolt-*) cp "$FAKES/bin/tool" "$FAKES/bin/llvm-$name" ;;
    gcc | g++ | ccache | git | mbw) cp "$FAKES/bin/tool" "$FAKES/bin/$name" ;;
    g++-aarch64-linux-gnu) cp "$FAKES/bin/tool" "$FAKES/bin/aarch64-linux-gnu-g++" ;;
    qemu-user) cp "$FAKES/bin/tool" "$FAKES/bin/qemu-aarch64" ;;
    binutils) cp "$FAKES/bin/tool" "$FAKES/bin/objdump" ;;
    python3*-venv) echo ready >"$FAKES/python.state"; cp "$FAKES/python" "$FAKES/bin/python3" ;;
  esac
done
"""

APT_CACHE = """#!/usr/bin/env bash
[[ $1 == show ]] && grep -qxF -e "$2" "$FAKES/known"
"""

APT_CONFIG = """#!/usr/bin/env bash
echo "$2='$FAKES/lists/'"
"""

LIBRARIES = ("libmimalloc.so.2", "libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libopenblas.so")
LDCONFIG = """#!/usr/bin/env bash
cat "$FAKES/libraries"
"""

SUDO = """#!/usr/bin/env bash
[[ $1 == -n ]] || exit 1
shift
echo "sudo $1" >>"$FAKES/calls"
"$@"
"""

INSTALL = "-m pip install --editable"


class Machine:
    """A checkout, and a PATH that holds stand-ins alone."""

    def __init__(self, folder):
        self.fakes = folder / "fakes"
        self.bin = self.fakes / "bin"
        self.bin.mkdir(parents=True)
        self.root = folder / "a check out"
        (self.root / "native").mkdir(parents=True)
        for name in ("pyproject.toml", "CMakeLists.txt", "native/a.cpp"):
            (self.root / name).write_text(name)
        shutil.copy(SCRIPT, self.root)
        for name in REAL_TOOLS:
            if path := shutil.which(name):
                (self.bin / name).symlink_to(path)
        for name in (
            "tool",
            "gcc",
            "g++",
            "objdump",
            "ccache",
            "git",
            *TEST_TOOLS,
            "perf",
            "valgrind",
        ):
            self.fake(name, "#!/usr/bin/env bash\n")
        self.fake("ldconfig", LDCONFIG)
        self.libraries_are(*LIBRARIES)
        self.fake("apt-get", APT_GET)
        self.fake("apt-cache", APT_CACHE)
        self.fake("apt-config", APT_CONFIG)
        for name in ("refused", "known", "sold"):
            (self.fakes / name).touch()
        (self.fakes / "lists").mkdir()
        (self.fakes / "lists/main_Packages").touch()
        self.fake("python3", PYTHON)
        shutil.copy(self.bin / "python3", self.fakes / "python")
        self.python_is("ready")
        self.user_is(1000)

    def fake(self, name, text):
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def python_is(self, state):
        (self.fakes / "python.state").write_text(f"{state}\n")

    def libraries_are(self, *names):
        (self.fakes / "libraries").write_text("".join(f"{name} (libc6)\n" for name in names))

    def user_is(self, number):
        self.fake("id", f"#!/usr/bin/env bash\necho {number}\n")

    def apt_refuses(self, *names):
        (self.fakes / "refused").write_text("".join(f"{name}\n" for name in names))

    def apt_has(self, *names, listed=True):
        """Packages on sale; they are known at once, or after the lists were fetched."""
        text = "".join(f"{name}\n" for name in names)
        (self.fakes / "sold").write_text(text)
        if listed:
            (self.fakes / "known").write_text(text)
        else:
            (self.fakes / "lists/main_Packages").unlink()

    def installed(self):
        """What each installation asked for."""
        return [
            call.split("--no-install-recommends ")[1].split()
            for call in self.called("apt-get")
            if " install " in call
        ]

    def without(self, *names):
        for name in names:
            (self.bin / name).unlink()

    def start(self, *arguments, cwd=None, **variables):
        """Run the script; afterwards ``calls`` is what this start called."""
        (self.fakes / "calls").write_text("")
        done = subprocess.run(
            [self.root / "bootstrap", *arguments],
            cwd=cwd or self.root,
            env={"PATH": str(self.bin), "FAKES": str(self.fakes), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        self.calls = (self.fakes / "calls").read_text().splitlines()
        return done

    def called(self, start):
        return [call for call in self.calls if call.startswith(start)]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_first_start_sets_up_and_passes_arguments_output_and_exit_code(machine, tmp_path):
    done = machine.start("show", "a b", "--json", cwd=tmp_path, STATUS="75")
    assert done.returncode == 75
    assert done.stdout == f"in {tmp_path}: llamabuild show a b --json\n"
    venv, install, run = machine.calls
    assert venv == f"-m venv {machine.root / '.venv'}"
    assert install == f"{INSTALL} {machine.root}"
    assert run == "-P -m llamabuild show a b --json"
    assert "noise" not in done.stderr
    assert "noise of pip" in (machine.root / ".venv/bootstrap.log").read_text()
    assert [line.split(" ...")[0] for line in done.stderr.splitlines()] == [
        "bootstrap: virtual environment with Python 3.12.0",
        "bootstrap: llamabuild and its Python packages",
    ]


def test_second_start_installs_nothing_and_says_nothing(machine):
    machine.start("doctor")
    done = machine.start("doctor")
    assert machine.calls == ["-P -m llamabuild doctor"]
    assert done.stderr == ""


@pytest.mark.parametrize("changed", ["pyproject.toml", "CMakeLists.txt", "native/deep/new.hpp"])
def test_a_changed_checkout_is_installed_again_in_the_same_environment(machine, changed):
    machine.start("doctor")
    path = machine.root / changed
    path.parent.mkdir(exist_ok=True)
    path.write_text("changed")
    machine.start("doctor")
    assert machine.called("-m") == [f"{INSTALL} {machine.root}"]


def test_a_moved_checkout_is_installed_again(machine):
    machine.start("doctor")
    machine.root = machine.root.rename(machine.root.with_name("moved"))
    machine.start("doctor")
    assert machine.called(INSTALL)


def test_tests_need_a_group_that_later_starts_keep(machine):
    machine.start("doctor")
    machine.start("test", "--quick")
    assert machine.called(INSTALL) == [f"{INSTALL} {machine.root} --group test"]
    machine.start("doctor")
    assert machine.called(INSTALL) == []
    (machine.root / "pyproject.toml").write_text("changed")
    machine.start("doctor")
    assert machine.called(INSTALL) == [f"{INSTALL} {machine.root} --group test"]


def test_test_runs_quick_tests_then_real_ones(machine):
    done = machine.start("test", "-k", "x y")
    assert done.returncode == 0
    assert machine.called("-m pytest") == [
        "-m pytest tests/unit -n auto --dist worksteal -k x y",
        "-m pytest tests/real -k x y",
    ]
    machine.start("test", "--quick", "-x")
    assert machine.called("-m pytest") == ["-m pytest tests/unit -n auto --dist worksteal -x"]


@pytest.mark.parametrize(
    ("unit", "real", "code", "folders"),
    [(1, 0, 1, 1), (0, 1, 1, 2), (5, 0, 0, 2), (0, 5, 0, 2), (5, 5, 5, 2), (5, 2, 2, 2)],
)
def test_exit_code_of_the_tests(machine, unit, real, code, folders):
    done = machine.start("test", UNIT=str(unit), REAL=str(real))
    assert done.returncode == code
    assert len(machine.called("-m pytest")) == folders


def test_a_killed_set_up_starts_again_from_nothing(machine):
    (machine.fakes / "kill").touch()
    assert machine.start("doctor").returncode == -9
    assert machine.called("-P") == []
    half = machine.root / ".venv/lib/half-written"
    half.parent.mkdir()
    half.touch()
    assert machine.start("doctor").returncode == 0
    assert len(machine.called("-m venv")) == 1
    assert not half.exists()


def test_a_failed_step_shows_why_and_the_next_start_goes_on(machine):
    (machine.fakes / "pip.fails").touch()
    done = machine.start("doctor")
    assert done.returncode == 5
    assert done.stdout == ""
    assert "no such package" in done.stderr
    assert str(machine.root / ".venv/bootstrap.log") in done.stderr.splitlines()[-1]
    assert machine.called("-P") == []
    (machine.fakes / "pip.fails").unlink()
    assert machine.start("doctor").returncode == 0
    assert machine.called("-m venv") == []


def test_a_broken_environment_is_made_again(machine):
    machine.start("doctor")
    (machine.root / ".venv/bin/python").unlink()
    assert machine.start("doctor").returncode == 0
    assert len(machine.called("-m venv")) == 1


def test_an_environment_of_someone_else_is_left_alone(machine):
    precious = machine.root / ".venv/pyvenv.cfg"
    precious.parent.mkdir()
    precious.touch()
    done = machine.start("doctor")
    assert done.returncode == 5
    assert "move it away" in done.stderr
    assert precious.exists()


def test_root_installs_what_is_missing_and_only_that(machine):
    machine.user_is(0)
    machine.without("g++", "objdump", "git")
    assert machine.start("doctor").returncode == 0
    (install,) = [c for c in machine.called("apt-get") if " install " in c]
    assert install.endswith("install --no-install-recommends g++ binutils")
    machine.start("test")
    assert machine.called("apt-get")[-1].endswith("install --no-install-recommends git")
    machine.start("test")
    assert machine.called("apt-get") == []


def test_a_user_with_free_sudo_installs_with_it(machine):
    machine.fake("sudo", SUDO)
    machine.without("gcc")
    assert machine.start("doctor").returncode == 0
    assert "sudo env" in machine.calls
    assert machine.called("apt-get")[-1].endswith("--no-install-recommends gcc")


@pytest.mark.parametrize("sudo", [None, "#!/usr/bin/env bash\nexit 1\n"])
def test_without_root_it_says_what_to_install(machine, sudo):
    if sudo:
        machine.fake("sudo", sudo)
    machine.without("gcc", "objdump", "python3")
    done = machine.start("doctor")
    assert done.returncode == 5
    assert machine.calls == []
    (line,) = done.stderr.splitlines()
    assert line.endswith(
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends "
        "gcc binutils python3 python3-venv python3-dev"
    )


def test_another_distribution_gets_its_own_line(machine):
    machine.user_is(0)
    machine.without("apt-get", "gcc")
    machine.fake("dnf", "#!/usr/bin/env bash\n")
    done = machine.start("doctor")
    assert done.returncode == 5
    assert "missing: gcc; install with: sudo dnf install -y gcc gcc-c++" in done.stderr
    machine.without("dnf")
    assert "install gcc, g++" in machine.start("doctor").stderr


def test_a_compiler_cache_is_not_worth_stopping_for(machine):
    machine.without("ccache")
    done = machine.start("doctor")
    assert done.returncode == 0
    assert "no ccache" in done.stderr


def test_only_tests_want_an_emulator_and_a_second_opinion(machine):
    machine.without(*TEST_TOOLS)
    done = machine.start("doctor")
    assert "ARM" not in done.stderr
    done = machine.start("test", "--quick")
    assert done.returncode == 0
    assert "no qemu-user: the ARM kernels are not tested" in done.stderr
    machine.user_is(0)
    machine.start("test", "--quick")
    (install,) = [c for c in machine.called("apt-get") if " install " in c]
    assert install.endswith("--no-install-recommends g++-aarch64-linux-gnu qemu-user mbw")
    machine.start("test", "--quick")
    assert machine.called("apt-get") == []


def test_an_extra_that_is_not_to_be_had_keeps_nothing_else_away(machine):
    machine.user_is(0)
    machine.without("git", "mbw", "perf", "qemu-aarch64")
    machine.apt_refuses("linux-perf")
    done = machine.start("test", "--quick")
    assert done.returncode == 0
    assert "linux-perf is not to be had here" in done.stderr
    assert machine.installed() == [
        ["git"],
        ["qemu-user", "linux-perf", "mbw"],
        ["qemu-user"],
        ["linux-perf"],
        ["mbw"],
    ]
    assert {"git", "mbw", "qemu-aarch64"} <= {path.name for path in machine.bin.iterdir()}


def test_what_is_not_to_be_had_is_not_tried_at_each_start(machine):
    machine.user_is(0)
    machine.without("perf", "ccache")
    machine.apt_refuses("linux-perf", "ccache")
    machine.start("test", "--quick")
    for command in ("test", "lint", "doctor"):
        machine.start(command)
        machine.start(command)
        assert machine.called("apt-get") == []
    (machine.root / "pyproject.toml").write_text("changed")
    machine.start("test")
    assert ["linux-perf"] in machine.installed()


def test_what_is_needed_is_not_given_up_for(machine):
    machine.user_is(0)
    machine.without("gcc", "ccache")
    machine.apt_refuses("gcc")
    done = machine.start("doctor")
    assert done.returncode == 5
    assert "Unable to locate package gcc" in done.stderr
    assert machine.installed() == [["gcc"]]


def test_on_a_bare_system_the_first_start_knows_what_the_second_would(machine):
    machine.user_is(0)
    machine.without("perf")
    machine.libraries_are(*LIBRARIES[1:])
    machine.apt_has("bolt-18", "linux-tools-generic", "libmimalloc3", listed=False)
    machine.start("test", "--quick")
    assert machine.called("apt-get")[0] == "apt-get update"
    [installed] = machine.installed()
    assert {"clang-18", "bolt-18", "linux-tools-generic", "libmimalloc3"} <= set(installed)
    machine.start("test", "--quick")
    assert machine.called("apt-get") == []


def test_fresh_lists_are_not_fetched_again(machine):
    machine.user_is(0)
    machine.without("perf")
    machine.start("test", "--quick")
    assert machine.installed() == [["linux-perf"]]
    assert machine.called("apt-get update") == []


@pytest.mark.parametrize(
    ("known", "perf", "mimalloc"),
    [
        (("linux-perf", "libmimalloc2.0"), "linux-perf", "libmimalloc2.0"),
        (("linux-perf", "libmimalloc3"), "linux-perf", "libmimalloc3"),
        (("linux-tools-generic", "libmimalloc2.0"), "linux-tools-generic", "libmimalloc2.0"),
    ],
)
def test_packages_have_the_names_of_the_distribution(machine, known, perf, mimalloc):
    machine.apt_has(*known)
    machine.without("perf")
    machine.libraries_are(*LIBRARIES[1:])
    done = machine.start("catalogue")
    assert f"{mimalloc} {perf}" in done.stderr
    machine.libraries_are("libmimalloc.so.3", *LIBRARIES[1:])
    assert "mimalloc" not in machine.start("catalogue").stderr


def test_the_catalogue_s_packages_are_installed_on_request(machine):
    machine.libraries_are(*LIBRARIES[1:])
    machine.without("perf")
    assert machine.start("doctor").returncode == 0
    assert machine.called("apt-get") == []
    done = machine.start("catalogue")
    assert done.returncode == 5
    assert "libmimalloc2.0 linux-perf" in done.stderr
    machine.user_is(0)
    machine.apt_refuses("libmimalloc2.0")
    for _ in range(2):  # who asks for it means it
        machine.without(*(["perf"] if (machine.bin / "perf").exists() else []))
        done = machine.start("catalogue")
        assert done.returncode == 0
        assert "libmimalloc2.0 is not to be had here" in done.stderr
        assert machine.installed()[-2:] == [["libmimalloc2.0"], ["linux-perf"]]
    machine.libraries_are(*LIBRARIES)
    assert "is installed" in machine.start("catalogue").stderr


def test_a_system_python_without_venv_gets_its_packages(machine):
    machine.python_is("apt 3.12")
    done = machine.start("doctor")
    assert done.returncode == 5
    assert done.stderr.rstrip().endswith(" python3.12-venv python3.12-dev")
    machine.user_is(0)
    assert machine.start("doctor").returncode == 0


def test_a_newer_python_beside_an_old_one_is_found(machine):
    machine.fake("python3.12", PYTHON.replace("python.state", "newer.state"))
    (machine.fakes / "newer.state").write_text("ready\n")
    machine.python_is("old")
    assert machine.start("doctor").returncode == 0
    machine.without("python3.12")
    shutil.rmtree(machine.root / ".venv")
    done = machine.start("doctor")
    assert done.returncode == 5
    assert done.stderr.rstrip().endswith(" python3.11 python3.11-venv python3.11-dev")


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ()])
def test_help_sets_nothing_up(machine, arguments):
    done = machine.start(*arguments)
    assert done.returncode == 0
    assert "./bootstrap test" in done.stdout
    assert machine.calls == []
    assert not (machine.root / ".venv").exists()


def test_the_script_is_executable_and_clean():
    assert os.access(SCRIPT, os.X_OK)
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck")
    scripts = [SCRIPT, SCRIPT.parent / ".ci/run"]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert done.stdout == ""
