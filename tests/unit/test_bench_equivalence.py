"""Is the output the same? What llama-perplexity is asked, how its answer is read and remembered."""

import sys
from pathlib import Path

import pytest

from llamabuild.bench.arguments import facts as argument_facts
from llamabuild.bench.arguments import perplexity_arguments
from llamabuild.bench.equivalence import (
    Setting,
    check_equivalence,
    facts,
    judge,
    memory_key,
    remember,
    remembered,
    with_unchecked,
    write_reference,
)
from llamabuild.bench.scored import scored_positions
from llamabuild.types.run import Equivalence
from llamabuild.types.variant import Runtime

STATISTICS = """
Mean    KLD:  {mean} ±   0.000001
Maximum KLD:   {max}
Same top p: {top} ± 0.000 %
"""


@pytest.mark.parametrize(
    ("mean", "maximum", "top", "verdict", "reason"),
    [
        ("-0.000002", "0.000031", "100.000", "same", ""),
        ("0.000920", "0.010000", "97.656", "same", ""),
        ("0.000025", "0.000100", "85.000", "same", ""),
        ("0.010000", "0.100000", "85.000", "different", "same top token at 85.0%"),
        ("0.5", "3.0", "60.0", "different", "KL divergence 0.5000 > 0.02; same top token at 60.0%"),
        ("nan", "nan", "0.000", "different", "not finite: mean, max"),
    ],
)
def test_equivalence_is_judged_by_divergence_and_agreement(mean, maximum, top, verdict, reason):
    found = judge(STATISTICS.format(mean=mean, max=maximum, top=top), tokens=128)
    assert found.verdict == verdict
    assert reason in found.reason


def test_favourites_of_random_weights_are_ties_but_their_probabilities_count():
    def verdict(mean, *, ties):
        text = STATISTICS.format(mean=mean, max="1.0", top="85.0")
        return judge(text, tokens=128, ties=ties).verdict

    assert verdict("0.002", ties=False) == "different"
    assert verdict("0.002", ties=True) == "same"
    assert verdict("0.03", ties=True) == "different"


def test_silence_is_not_agreement():
    assert judge("", 128).verdict == "different"


def test_only_verdicts_that_rest_on_statistics_are_remembered():
    remember("a", Equivalence(verdict="different", reason="did not finish"))
    assert remembered("a") is None
    good = Equivalence(verdict="same", mean_kl_divergence=0.001)
    remember("b", good)
    assert remembered("b") == good


@pytest.mark.parametrize(
    ("bench", "arguments", "untranslated"),
    [
        ("", "", ()),
        ("-ctk q8_0 --cache_type_v q4_0 -fa 1", "K q8_0 V q4_0 --flash-attn 1", ()),
        ("-nkvo 1 -nkvo 0", "--no-kv-offload --kv-offload", ()),
        ("--repack 0 --no-host 0 --no-host 1", "--no-repack --no-host", ()),
        ("--poll 0 --prio -1 -C 0x3 -v --no-warmup -lm mmap -fa on", "--flash-attn on", ()),
        ("-dev a/b -ts 3/1;2", "--device a,b --tensor-split 3,1,2", ()),
        ("-dev auto -embd 0", "", ()),
        ("-embd 1 -nkvo maybe", "", ("-embd 1", "-nkvo maybe")),
        ("--new-thing 3 -ub 8 --other", "--ubatch-size 8", ("--new-thing 3", "--other")),
        ("-fa", "", ("-fa",)),
    ],
)
def test_llama_perplexity_gets_what_changes_the_output(bench, arguments, untranslated):
    spelt = arguments.replace("K ", "--cache-type-k ").replace("V ", "--cache-type-v ")
    found = perplexity_arguments(bench.split())
    assert (found.arguments, found.untranslated) == (tuple(spelt.split()), untranslated)


def test_the_table_of_arguments_names_each_once():
    table = argument_facts()
    names = [name for option in table.option for name in option.names]
    names += [*table.without_effect.with_value, *table.without_effect.alone]
    assert len(names) == len(set(names))
    assert all(option.becomes or option.values for option in table.option)


@pytest.fixture
def perplexity(tmp_path):
    """A stand-in for llama-perplexity; yields its runs' arguments as pairs."""
    path, log = tmp_path / "llama-perplexity", tmp_path / "calls"
    statistics = STATISTICS.format(mean="0.001", max="0.01", top="99.0")
    path.write_text(
        f"#!{sys.executable} -SE\nimport sys\n"
        f"open({str(log)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        "open(sys.argv[sys.argv.index('--kl-divergence-base') + 1], 'a')\n"
        f"print({statistics!r})\n"
    )
    path.chmod(0o755)
    return path, log


def test_both_sides_of_the_comparison_run_as_they_are_timed(perplexity, tmp_path):
    program, log = perplexity
    setting = Setting(model=Path("m"), references=tmp_path, threads=2)
    write_reference(program, Runtime(), setting)
    own = Runtime(bench=("-ctk", "q8_0", "-t", "1", "-b", "64", "--poll", "0"))
    assert check_equivalence(program, own, setting).verdict == "same"
    first, _, second, _ = (line.split() for line in log.read_text().splitlines())
    assert "--cache-type-k" not in first
    assert second[second.index("--cache-type-k") + 1] == "q8_0"
    for name, values in {"--threads": ("2", "1"), "--batch-size": ("128", "64")}.items():
        assert (first.count(name), second.count(name)) == (1, 1)
        assert (first[first.index(name) + 1], second[second.index(name) + 1]) == values
    assert "--poll" not in second


def test_whole_batches_and_single_tokens_are_compared_with_their_own_references(
    perplexity, tmp_path
):
    program, log = perplexity
    setting = Setting(model=Path("m"), references=tmp_path, threads=2)
    write_reference(program, Runtime(), setting)
    write_reference(program, Runtime(), setting)  # it is there
    found = check_equivalence(program, Runtime(bench=("-ub", "8")), setting)
    batches, single, own_batches, own_single = (
        line.split() for line in log.read_text().splitlines()
    )
    assert "--ubatch-size" not in batches
    assert [own_batches[i + 1] for i, w in enumerate(own_batches) if w == "--ubatch-size"] == ["8"]
    for words in (single, own_single):  # of several, llama.cpp takes the last
        assert words[len(words) - words[::-1].index("--ubatch-size")] == "1"
    base = "--kl-divergence-base"
    references = [w[w.index(base) + 1] for w in (batches, single, own_batches, own_single)]
    assert references[:2] == references[2:]
    assert references[0] != references[1]
    assert found.tokens == 4 * 63
    assert all(scored_positions(each.chunks, facts().context) >= 100 for each in facts().passes)


def test_a_kernel_that_is_wrong_for_single_tokens_alone_is_found(tmp_path):
    program = tmp_path / "llama-perplexity"
    good = STATISTICS.format(mean="0.001", max="0.01", top="99.0")
    bad = STATISTICS.format(mean="7.5", max="9.0", top="3.0")
    program.write_text(
        f"#!{sys.executable} -SE\nimport sys\n"
        f"print({bad!r} if '--ubatch-size' in sys.argv else {good!r})\n"
    )
    program.chmod(0o755)
    setting = Setting(model=Path("m"), references=tmp_path, threads=2)
    found = check_equivalence(program, Runtime(), setting)
    assert found.verdict == "different"
    assert found.reason.startswith("token by token: mean KL divergence 7.5000")
    assert (found.mean_kl_divergence, found.top_token_agreement) == (7.5, 0.03)


def test_a_verdict_is_remembered_for_the_arguments_that_it_holds_for():
    def key(*bench, baseline=()):
        return memory_key(
            build="a",
            baseline="b",
            model_sha256="c",
            threads=2,
            runtimes=[Runtime(bench=baseline), Runtime(bench=bench)],
        )

    assert len({key(), key("-fa", "1"), key("-fa", "0"), key(baseline=("-fa", "1"))}) == 4
    assert key("-fa", "1", "--poll", "0") == key("--flash-attn", "1")


def test_what_could_not_be_compared_is_named():
    same = Equivalence(verdict="same", mean_kl_divergence=0.001)
    assert with_unchecked(same, [Runtime(bench=("-fa", "1"))]) == same
    told = with_unchecked(same, [Runtime(), Runtime(bench=("--new-thing", "3"))])
    assert told.verdict == "same"
    assert told.reason.endswith("not known to take: --new-thing 3")
    wrong = Equivalence(verdict="different", reason="KL divergence 9 > 1")
    told = with_unchecked(wrong, [Runtime(bench=("--x",)), Runtime(bench=("--x",))])
    assert told.reason.startswith("KL divergence 9 > 1; compared without")
    assert told.reason.count("--x") == 1
