"""llama-bench of other versions and forks: what its --help says, and the same in its words."""

import json
from pathlib import Path

import pytest

from llamabuild.bench.dialect import dialect_of, facts, read_help, translated
from llamabuild.bench.llama_bench import bench_argv, read_output
from llamabuild.bench.task import BadOutput, Task
from llamabuild.bench.trial import run_trial
from llamabuild.types.variant import Runtime
from tests.runs import PP

PRESENT = """
usage: llama-bench [options]

  -o, --output <csv|json|jsonl|md|sql>        output format printed to stdout (default: md)
  --no-warmup                                 skip warmup runs before benchmarking

test parameters:
  -m, --model <filename>                            (default: m.gguf)
  -fa, --flash-attn <on|off|auto>                   (default: auto)
  -lm, --load-mode <auto|none|mmap|mlock|mmap+mlock|dio> (default: auto)
  -ot --override-tensor <tensor name pattern>=<buffer type>;...
  -t, --threads <n>                                 (default: 2)
  --prio <-1|0|1|2|3>                               process/thread priority (default: 0)
  --repack <0|1>                                    (default: 1)
"""
FORK = """
  -m, --model <filename>              (default: m.gguf)
  -t, --threads <n>                   (default: 2)
  -sm, --split-mode <none|layer|graph>(default: layer)
  --n-cpu-moe <n>                     (default: none)
  -fa, --flash-attn <0|1>             (default: 1)
  -mmp, --mmap <0|1>                  (default: 1)
  -o, --output <csv|json|md|sql>      (default: md)
  -w, --warmup <0|1>                  (default: 1)
  -rtr, --run-time-repack <0|1>       (default: 0)
  -ot, --override-tensor pattern      (default: none)
"""
UPSTREAM, OTHER = read_help(PRESENT), read_help(FORK)


def test_the_help_says_which_format_and_options_there_are():
    assert (UPSTREAM.format, OTHER.format) == ("jsonl", "json")
    assert {"-ot", "--override-tensor", "--repack", "--no-warmup", "--prio"} <= set(
        UPSTREAM.choices
    )
    assert OTHER.choices["-rtr"] == OTHER.choices["--run-time-repack"] == ("0", "1")
    assert OTHER.choices["--split-mode"] == ("none", "layer", "graph")
    assert OTHER.choices["-t"] == ()
    assert not any("pattern" in name or "1" in name for name in OTHER.choices)


@pytest.mark.parametrize(
    ("bench", "dialect", "said"),
    [
        ("-lm none", UPSTREAM, "-lm none"),
        ("-lm none", OTHER, "-mmp 0"),
        ("--load-mode mmap -t 1", OTHER, "-mmp 1 -t 1"),
        ("-lm auto", OTHER, ""),
        ("-mmp 0", UPSTREAM, "-lm none"),
        ("-fa 1", UPSTREAM, "-fa on"),
        ("--flash_attn on", OTHER, "--flash-attn 1"),
        ("-ncmoe 3", OTHER, "--n-cpu-moe 3"),
        ("--no-warmup -rtr 1", OTHER, "-w 0 -rtr 1"),
        ("--prio -1 --repack 0", UPSTREAM, "--prio -1 --repack 0"),
    ],
)
def test_the_same_in_the_program_s_words(bench, dialect, said):
    translation = translated(bench.split(), dialect)
    assert list(translation.arguments) == said.split()
    assert translation.unknown == ()


@pytest.mark.parametrize(
    ("bench", "dialect", "unknown"),
    [
        ("--repack 0 -t 1", OTHER, "--repack 0"),
        ("-lm mlock", OTHER, "-lm mlock"),
        ("-rtr 1", UPSTREAM, "-rtr 1"),
        ("--verbose-please", OTHER, "--verbose-please"),
        ("-fa sideways", UPSTREAM, "-fa sideways"),
    ],
)
def test_what_has_no_words_there_is_named(bench, dialect, unknown):
    assert translated(bench.split(), dialect).unknown == (unknown,)


def test_a_program_that_does_not_answer_gets_everything_as_it_is(tmp_path):
    for text in (None, "#!/bin/sh\nexit 3\n", "#!/bin/sh\nkill -ILL $$\n"):
        program = tmp_path / f"bench-{hash(text)}"
        if text is not None:
            program.write_text(text)
            program.chmod(0o755)
        dialect = dialect_of(program, Runtime())
        assert dialect.format == "jsonl"
        assert translated(["-rtr", "1"], dialect).unknown == ()


def test_the_help_is_asked_once(tmp_path):
    program = tmp_path / "llama-bench"
    program.write_text(
        f'#!/bin/sh\necho call >> "{tmp_path}/calls"\necho "  -o, --output <csv|json>"\n'
    )
    program.chmod(0o755)
    assert {dialect_of(program, Runtime()).format for _ in range(3)} == {"json"}
    assert (tmp_path / "calls").read_text() == "call\n"


def task(repetitions=2):
    return Task(
        model=Path("/models/private/m.gguf"), workload=PP, repetitions=repetitions, threads=2
    )


def test_the_command_asks_for_a_format_that_is_there():
    argv = bench_argv(Path("b"), task(), Runtime(bench=("-lm", "none")), OTHER)
    assert argv[argv.index("-o") + 1] == "json"
    assert argv[-2:] == ["-mmp", "0"]


RESULT = {"n_prompt": 64, "n_gen": 0, "repack": False, "ser": "-1,0", "samples_ns": [5, 6]}


def test_an_array_of_one_result_is_read_and_every_field_kept():
    measured = read_output(json.dumps([RESULT], indent=1), task(), OTHER)
    assert measured.samples_ns == (5, 6)
    assert measured.output == RESULT


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (json.dumps(RESULT), "not an array of one"),
        (json.dumps([RESULT, RESULT]), "not an array of one"),
        ("[]", "not an array of one"),
        ("[3]", "not an object"),
        ("", "broken JSON"),
    ],
)
def test_any_other_json_is_no_measurement(text, why):
    with pytest.raises(BadOutput, match=why):
        read_output(text, task(), OTHER)


def test_a_field_may_have_another_name(monkeypatch):
    monkeypatch.setitem(facts().fields, "samples_ns", ("samples_ns", "times"))
    renamed = {"n_prompt": 64, "n_gen": 0, "times": [7, 8]}
    assert read_output(json.dumps([renamed]), task(), OTHER).samples_ns == (7, 8)


def test_a_trial_of_a_fork_keeps_its_fields(tmp_path):
    program = tmp_path / "llama-bench"
    program.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --help ]; then printf %s "{FORK}"; exit; fi\n'
        f"echo '[{json.dumps({**RESULT, 'model_filename': '/models/private/m.gguf'})}]'\n"
    )
    program.chmod(0o755)
    trial = run_trial(
        program, task(), Runtime(), arm="ik", block=0, position=0, timeout_seconds=20.0
    )
    assert (trial.status, trial.samples_ns) == ("ok", (5, 6))
    assert trial.output["ser"] == "-1,0"
    assert "private" not in str(trial.output)
