"""Programs that we run end with us, are bounded, and tell how they ended."""

import os
import signal
import sys
import time

import pytest

from llamabuild.errors import EnvironmentLacks
from llamabuild.process import _peak, parent_death_prefix, run


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_and_exit_code_come_back():
    finished = run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert (finished.stdout, finished.stderr, finished.returncode) == ("out\n", "err\n", 3)
    assert not finished.ok
    assert finished.failure() == "exited with 3: err"
    assert finished.usage.ru_maxrss > 0


def test_a_signal_is_named():
    finished = run(python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
    assert finished.failure() == "was ended by SIGSEGV"


@pytest.mark.parametrize("number", [signal.SIGRTMIN + 3, signal.SIGRTMAX - 1])
def test_a_real_time_signal_has_its_number(number):
    finished = run(python(f"import os; os.kill(os.getpid(), {int(number)})"))
    assert not finished.ok
    assert finished.failure() == f"was ended by signal {number}"


def test_a_missing_program_is_an_error_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr("llamabuild.process.parent_death_prefix", lambda: ())
    with pytest.raises(EnvironmentLacks, match="cannot start"):
        run([tmp_path / "nothing"])


def test_environment_is_added_not_replaced():
    code = "import os; print(os.environ['LLB_TEST'], 'PATH' in os.environ)"
    assert run(python(code), environment={"LLB_TEST": "1"}).stdout == "1 True\n"


def test_output_is_bounded():
    finished = run(python("print('x' * 1_000_000)"), output_limit=1000)
    assert len(finished.stdout) == 1000
    assert finished.truncated
    assert finished.ok


def test_lines_arrive_while_the_program_runs():
    seen = []
    code = "import time\nfor i in range(3): print(i, flush=True); time.sleep(0.05)"
    run(python(code), on_line=lambda line: seen.append((line, time.monotonic())))
    assert [line for line, _ in seen] == ["0", "1", "2"]
    assert seen[-1][1] - seen[0][1] > 0.05


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_timeout_ends_the_whole_group():
    finished = run(python(PARENT), timeout_seconds=1.5)
    assert finished.timed_out
    assert not finished.ok
    assert "did not finish" in finished.failure()
    assert gone(int(finished.stdout))


def test_an_exception_in_a_callback_ends_the_whole_group():
    pids = []

    def stop(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(python(PARENT), on_line=stop)
    assert gone(pids[0])


def test_a_program_that_closed_its_output_is_still_timed_out():
    code = "import os, time; os.close(1); os.close(2); time.sleep(60)"
    started = time.monotonic()
    assert run(python(code), timeout_seconds=0.5).timed_out
    assert time.monotonic() - started < 5


def test_the_child_ends_when_we_are_killed_outright(tmp_path):
    """SIGKILL leaves us no chance to clean up: the kernel must do it."""
    inner = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    outer = (
        "import sys; from llamabuild.process import run; "
        f"run([sys.executable, '-c', {inner!r}], on_line=lambda l: print(l, flush=True))"
    )
    reader, writer = os.pipe()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", outer],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)],
    )
    os.close(writer)
    with os.fdopen(reader) as stream:
        inner_pid = int(stream.readline())
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    assert gone(inner_pid)


@pytest.fixture
def setpriv(tmp_path, monkeypatch):
    """Return a function that makes a setpriv the only program on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    parent_death_prefix.cache_clear()

    def write(script):
        (tmp_path / "setpriv").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "setpriv").chmod(0o755)
        return str(tmp_path / "setpriv")

    yield write
    parent_death_prefix.cache_clear()


def test_without_setpriv_programs_still_run(setpriv):
    assert parent_death_prefix() == ()
    assert run(python("print(1)")).stdout == "1\n"


def test_a_setpriv_that_lacks_the_option_is_not_used(setpriv):
    setpriv("echo 'setpriv: unrecognized option: pdeathsig' >&2; exit 1")
    assert parent_death_prefix() == ()
    assert run(python("print(1)")).stdout == "1\n"


def test_setpriv_is_used_where_it_works(setpriv):
    path = setpriv("exit 0")
    assert parent_death_prefix() == (path, "--pdeathsig", "TERM", "--")


BYTES = 48 << 20


def test_peak_memory_is_the_programs_own_and_not_ours():
    """A trial's peak was ours when it had less than we: the kernel keeps it over exec."""
    ours = bytearray(2 * BYTES)
    code = f"import time; b = bytearray({BYTES}); time.sleep(0.3)"
    finished = run([sys.executable, "-S", "-c", code])
    assert len(ours) > BYTES
    assert BYTES < finished.peak_rss_bytes < 1.7 * BYTES


def test_peak_memory_stays_when_it_is_given_back():
    code = f"import time; b = bytearray({BYTES}); time.sleep(0.1); del b; time.sleep(0.5)"
    assert run(python(code)).peak_rss_bytes > BYTES


def test_peak_memory_of_a_program_that_ends_at_its_peak():
    """Nobody looks in time; the kernel's own figure counts where ours cannot be in it."""
    short = f"[sys.executable, '-S', '-c', 'b = bytearray({4 * BYTES})']"
    code = f"import sys; from llamabuild.process import run; print(run({short}).peak_rss_bytes)"
    assert int(run(python(code)).stdout) > 4 * BYTES


@pytest.mark.parametrize(
    ("seen", "reported", "inherited", "peak"),
    [(5, 9, 7, 9), (5, 6, 7, 5), (None, 9, 7, 9), (None, 6, 7, None), (9, 8, 7, 9)],
)
def test_the_kernel_s_figure_counts_above_what_was_inherited(seen, reported, inherited, peak):
    assert _peak(seen, reported, inherited) == peak


def test_a_program_is_ended_when_enough_was_seen():
    asked = []

    def until(pid: int) -> bool:
        asked.append(pid)
        return len(asked) == 3

    started = time.monotonic()
    finished = run(python("import time; time.sleep(60)"), until=until)
    assert time.monotonic() - started < 30
    assert finished.stopped
    assert not finished.timed_out
    assert finished.returncode < 0
    assert len(set(asked)) == 1


def test_a_program_that_ends_by_itself_was_not_stopped():
    finished = run(python("print('x')"), until=lambda _: False)
    assert finished.ok
    assert not finished.stopped
