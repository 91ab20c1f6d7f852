"""Programs that sweeps run instead of llama-bench: how they are asked, and what they print.

What is read is recorded output of llama.cpp 0c1e57098, in ``tests/data/programs``.
"""

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.bench import check_workloads, choose_workloads
from llamabuild.bench.arguments import perplexity_arguments, timed_arguments
from llamabuild.bench.common import lacking_words
from llamabuild.bench.driver import DRIVERS, command_of, lacking_options
from llamabuild.bench.prompts import PIECE, cut, long_text
from llamabuild.bench.task import BadOutput, Task
from llamabuild.errors import BadInput
from llamabuild.types.run import Workload
from llamabuild.types.variant import Runtime
from tests.runs import PP, TG, make_model

RECORDED = Path(__file__).parents[1] / "data" / "programs"
TTFT = Workload(name="ttft64", kind="ttft", tokens=64, seconds=0.25, max_repetitions=1)
GEN = Workload(name="gen32", kind="gen", tokens=32, seconds=0.25, max_repetitions=1)


def task(workload, repetitions=1, **files):
    model = Path("m.gguf")
    return Task(model=model, workload=workload, repetitions=repetitions, threads=2, **files)


def recorded(name):
    """What a program printed, as a finished process."""
    texts = {
        stream: path.read_text() if (path := RECORDED / f"{name}.{stream}.txt").is_file() else ""
        for stream in ("stdout", "stderr")
    }
    return SimpleNamespace(**texts)


def asked(program, mode, of, bench=()):
    runtime = Runtime(program=program, mode=mode, bench=bench)
    return command_of(Path("bin") / program, of, runtime)


def test_batched_bench_is_asked_for_one_kind_of_work_several_times():
    argv = asked("llama-batched-bench", "4", task(PP, repetitions=2)).argv
    assert argv[:5] == ["bin/llama-batched-bench", "-m", "m.gguf", "--threads", "2"]
    words = dict(zip(argv[5::2], argv[6::2], strict=True))
    assert words["-npp"] == "64"
    assert words["-ntg"] == "1"
    assert words["-npl"] == "4,4,4"
    assert words["-c"] == "1024"
    words = asked("llama-batched-bench", "2", task(TG)).argv
    assert words[words.index("-npp") + 1] == "1"
    assert words[words.index("-ntg") + 1] == "16"


@pytest.mark.parametrize(
    ("threads", "bench", "generation", "prompts"),
    [
        ({"pp": 8, "tg": 1}, (), "1", "8"),
        ({"tg": 1}, (), "1", "2"),
        ({"pp": 8}, ("-t", "4"), "4", "8"),
        ({"tg": 1}, ("-t", "4"), "1", "4"),
    ],
)
def test_programs_are_told_threads_of_prompts_and_generation(threads, bench, generation, prompts):
    runtime = Runtime(program="llama-batched-bench", mode="2", threads=threads, bench=bench)
    argv = command_of(Path("bin/llama-batched-bench"), task(TG), runtime).argv
    assert argv.count("--threads") == 1
    assert argv[argv.index("--threads") + 1] == generation
    assert argv[argv.index("--threads-batch") + 1] == prompts


def test_settings_of_the_variant_are_told_in_the_words_of_the_program():
    bench = ("-t", "7", "-ctk", "q8_0", "--poll", "0", "-lm", "none", "--repack", "0")
    argv = asked("llama-batched-bench", "1", task(PP), bench).argv
    assert argv.count("--threads") == 1
    assert argv[argv.index("--threads") + 1] == "7"
    assert argv[argv.index("--poll") + 1] == "0"
    assert argv[argv.index("-lm") + 1] == "none"
    assert "--no-repack" in argv
    assert timed_arguments(("-d", "512", "-t", "2")).untranslated == ("-d 512",)
    assert perplexity_arguments(bench).arguments == (
        *("--threads", "7", "--cache-type-k", "q8_0", "--no-repack"),
    )


def test_batched_bench_measures_all_sequences_together():
    of = task(PP, repetitions=2)
    measured = asked("llama-batched-bench", "4", of).read(recorded("batched"))
    assert measured.tokens == 4 * 64
    assert len(measured.samples_ns) == 2
    assert all(1e6 < sample < 60e9 for sample in measured.samples_ns)
    assert measured.output["n_threads"] == 2
    assert measured.output["pl"] == 4
    assert len(measured.output["t_pp"]) == 2


@pytest.mark.parametrize(
    ("workload", "mode", "repetitions", "says"),
    [
        (PP, "4", 5, "printed 3 results, expected 6"),
        (PP, "2", 2, "'pl': 4.*not"),
        (TG, "4", 2, "'pp': 64"),
    ],
)
def test_what_batched_bench_was_not_asked_for_is_no_measurement(workload, mode, repetitions, says):
    of = task(workload, repetitions=repetitions)
    with pytest.raises(BadOutput, match=says):
        asked("llama-batched-bench", mode, of).read(recorded("batched"))


def test_broken_lines_of_batched_bench():
    said = recorded("batched")
    half = SimpleNamespace(stdout=said.stdout.replace('"t_tg"', "t_tg"), stderr="")
    with pytest.raises(BadOutput, match="broken JSON"):
        asked("llama-batched-bench", "4", task(PP, repetitions=2)).read(half)


def test_completion_is_asked_with_and_without_a_saved_prefix():
    of = task(TTFT, prompt=Path("p.txt"), prefix=Path("p.state"))
    off, on = (asked("llama-completion", mode, of).argv for mode in ("off", "on"))
    assert "--prompt-cache" not in off
    assert on == [*off, "--prompt-cache", "p.state", "--prompt-cache-ro"]
    assert off[off.index("-n") + 1] == "1"
    assert off[off.index("--temp") + 1] == "0"


@pytest.mark.parametrize("mode", ["off", "on"])
def test_the_first_token_comes_after_the_total_time(mode):
    of = task(TTFT, prompt=Path("p.txt"), prefix=Path("p.state"))
    measured = asked("llama-completion", mode, of).read(recorded(f"completion-{mode}"))
    output = measured.output
    assert measured.tokens == 64
    assert measured.samples_ns == (round(output["first_token_ms"] * 1e6),)
    assert 56 <= output["prompt_tokens"] <= 64
    assert (40 < output["saved_tokens"] < output["prompt_tokens"]) == (mode == "on")
    assert output["text"]


def test_a_prefix_that_was_not_used_is_no_measurement():
    of = task(TTFT, prompt=Path("p.txt"), prefix=Path("p.state"))
    with pytest.raises(BadOutput, match="did not use the saved prefix"):
        asked("llama-completion", "on", of).read(recorded("completion-off"))
    with pytest.raises(BadOutput, match="used a saved prefix"):
        asked("llama-completion", "off", of).read(recorded("completion-on"))
    with pytest.raises(BadOutput, match="no total time"):
        asked("llama-completion", "off", of).read(SimpleNamespace(stdout="", stderr=""))


def test_what_guesses_is_told_by_name(tmp_path):
    of = task(GEN, prompt=tmp_path / "p.txt", draft=Path("d.gguf"))
    words = {mode: asked("llama-speculative-simple", mode, of).argv for mode in ("off", "draft")}
    assert words["draft"][-4:] == ["--spec-type", "draft-simple", "--spec-draft-model", "d.gguf"]
    assert "d.gguf" not in words["off"]
    argv = asked("llama-speculative-simple", "ngram-cache", of).argv
    assert argv[-2:] == ["--spec-type", "ngram-cache"]
    assert argv[argv.index("-n") + 1] == "31"  # it stops after one more
    assert "--ignore-eos" in argv


@pytest.fixture
def prompt(tmp_path):
    path = tmp_path / "p.txt"
    path.write_text(long_text(24))
    return path


def test_guesses_and_text_are_read(prompt):
    of = task(GEN, prompt=prompt)
    off = asked("llama-speculative-simple", "off", of).read(recorded("speculative-off"))
    draft = asked("llama-speculative-simple", "draft", of).read(recorded("speculative-draft"))
    assert off.output["drafted_tokens"] == off.output["accepted_tokens"] == 0
    assert draft.output["drafted_tokens"] == 51
    assert draft.output["accepted_tokens"] == 49
    assert draft.output["text"].startswith(off.output["text"])  # longer by guesses at its end
    for measured in (off, draft):
        assert measured.tokens >= 32
        assert measured.samples_ns[0] > 1e6
        assert measured.output["text"]
        assert prompt.read_text() not in measured.output["text"]


def test_guesses_where_there_should_be_none_are_no_measurement(prompt):
    with pytest.raises(BadOutput, match="although speculation is off"):
        asked("llama-speculative-simple", "off", task(GEN, prompt=prompt)).read(
            recorded("speculative-draft")
        )
    longer = msgspec.structs.replace(GEN, tokens=500)
    with pytest.raises(BadOutput, match="impossible"):
        asked("llama-speculative-simple", "off", task(longer, prompt=prompt)).read(
            recorded("speculative-off")
        )


def test_a_program_without_the_options_is_told_apart(tmp_path):
    program = tmp_path / "llama-speculative-simple"
    program.write_text("#!/bin/sh\necho '-m, --model FNAME  model path'\necho '  --threads N'\n")
    program.chmod(0o755)
    runtime = Runtime(program=program.name, mode="off", bench=("--poll", "0"))
    lacking = lacking_options(program, runtime)
    assert "--spec-type" in lacking
    assert "--poll" in lacking
    assert lacking_words(program, Runtime(), ("--threads", "--model")) == ()
    silent = tmp_path / "silent"
    assert lacking_words(silent, Runtime(), ("--threads",)) == ()


def test_prompts_are_cut_between_words():
    pieces = ["<s>", " A", " program", " that", " run", "s", " twice", " as"]
    assert cut(pieces, 99) == "A program that runs twice as"
    assert cut(pieces, 6) == "A program that runs"
    assert cut(pieces, 5) == "A program that"
    assert cut(pieces[1:], 1) == "A"


def test_the_tokens_are_read_from_what_is_printed():
    said = recorded("completion-tokens").stderr
    pieces = PIECE.findall(said)
    assert 64 <= len(pieces) < 128
    assert cut(pieces, len(pieces)) == long_text(64)


def test_long_texts_begin_again():
    words = long_text(1000).split()
    assert len(words) == 1000
    assert words.count("A") > long_text(300).split().count("A")


@pytest.mark.parametrize("program", DRIVERS)
def test_each_program_has_workloads_of_its_own(program):
    [*chosen] = choose_workloads(make_model(), (), program)
    assert chosen
    assert {load.max_repetitions for load in chosen} in ({1}, {8})
    with pytest.raises(BadInput, match=f"{program} has no workload 'nothing'"):
        check_workloads(["nothing"], program)


def test_llama_bench_has_no_workloads_of_others():
    assert [load.kind for load in choose_workloads(make_model())] == ["pp", "tg"]
    with pytest.raises(BadInput, match="unknown workload 'ttft'"):
        check_workloads(["ttft"])
