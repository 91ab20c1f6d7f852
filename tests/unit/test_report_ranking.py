"""What may be called the best: only what was measured everywhere and is told apart."""

from __future__ import annotations

import msgspec
import pytest

from llamabuild.report.answer import answer, winning
from llamabuild.report.findings import Field, findings
from llamabuild.report.material import prepare
from llamabuild.report.prebuilt_words import left_on_the_table
from llamabuild.report.ranking import overlap, ranked
from llamabuild.report.simplicity import levers
from llamabuild.types.comparison import BASELINE, FASTER, NOT_MEASURED
from tests.report_fixture import catalogue

NAMES = {"pp64": "prompt processing", "tg16": "token generation"}
replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def document():
    return prepare(catalogue.run(), (), catalogue.comparison_set()).document


@pytest.fixture(scope="module")
def result(document):
    """Make one workload's result."""
    blank = variant(document, "lto").workloads[0]

    def make(ratio=None, low=None, high=None, verdict=FASTER, name="pp64"):
        verdict = verdict if ratio else NOT_MEASURED
        return replace(
            blank, name=name, ratio=ratio, low=low, high=high, verdict=verdict, median=9.0
        )

    return make


def variant(document, name):
    return next(item for item in document.variants if item.name == name)


def of(document, name, *loads):
    return replace(variant(document, "lto"), name=name, workloads=loads)


def everything(document, result, *others):
    own = (result(1.0, verdict=BASELINE), result(1.0, verdict=BASELINE, name="tg16"))
    return (replace(variant(document, "native"), workloads=own), *others)


def test_a_build_that_lacks_a_workload_is_never_the_best_over_all(document, result):
    half = of(document, "half", result(1.9, 1.8, 2.0), result(name="tg16"))
    whole = of(document, "whole", result(1.2, 1.1, 1.3), result(1.1, 1.05, 1.2, name="tg16"))
    field = Field("native", NAMES, everything(document, result, half, whole))
    assert field.allrounder() == whole
    assert winning([half, whole]) == whole
    assert winning([half]) is None
    assert [item.name for item in ranked([half, whole])] == ["whole", "half"]
    assert field.leader(0) == half


def test_a_half_measured_build_that_is_faster_is_no_winner_and_is_still_named(document, result):
    half = of(document, "half", result(1.9, 1.8, 2.0), result(name="tg16"))
    slow = of(
        document,
        "slow",
        result(0.9, 0.8, 0.95, "slower"),
        result(0.9, 0.8, 0.95, "slower", name="tg16"),
    )
    words = answer("native", catalogue.run().workloads, everything(document, result, half, slow))
    assert "`slow`, the one other build measured at every workload, was not shown" in words
    assert "At prompt processing `half` is faster, but was not measured everywhere." in words


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((1.2, 1.1, 1.3), (1.4, 1.25, 1.5), True),
        ((1.2, 1.1, 1.3), (1.4, 1.35, 1.5), False),
        ((1.2, None, None), (1.4, 1.35, 1.5), True),
        ((1.2, None, None), (1.4, None, None), True),
        ((None, None, None), (1.4, 1.35, 1.5), False),
    ],
)
def test_a_missing_bound_rules_nothing_out(result, one, other, expected):
    assert overlap(result(*one), result(*other)) is expected
    assert overlap(result(*other), result(*one)) is expected


def many(document, result, leader, rest):
    others = [
        of(document, f"v{n}", result(*rest), result(1.0, 0.99, 1.01, "equivalent", name="tg16"))
        for n in range(12)
    ]
    first = of(document, "top", leader, result(1.0, 0.99, 1.01, "equivalent", name="tg16"))
    return everything(document, result, first, *others)


@pytest.mark.parametrize(
    ("rest", "said", "found"),
    [
        (
            (1.19, 1.1, 1.3),
            "[1.10, 1.30] of the speed of `native`, not told apart from 12 others. The largest",
            "Ahead at prompt processing: `top`",
        ),
        (
            (1.0, 0.99, 1.01, "equivalent"),
            "`top` is the fastest of 14 builds at prompt processing, 1.20×",
            "Fastest at prompt processing: `top`",
        ),
    ],
)
def test_the_first_of_many_is_the_fastest_only_if_told_apart(document, result, rest, said, found):
    variants = many(document, result, result(1.2, 1.1, 1.3), rest)
    words = answer("native", catalogue.run().workloads, variants)
    assert said in words
    assert "not confirmed on fresh blocks" in words
    assert findings(Field("native", NAMES, variants))[0].text.startswith(found)


def test_an_unusable_copy_of_the_baseline_is_said_in_the_findings(document, result):
    variants = everything(document, result)
    assert findings(Field("native", NAMES, variants)) == ()
    (noise,) = findings(Field("native", NAMES, variants, usable=False))
    assert noise.topic == "noise"
    assert noise.text.startswith("A second copy of the baseline did not come out equal")


def test_a_prebuilt_program_is_held_against_what_is_told_apart_from_it(document, result):
    own = of(document, "prebuilt:x", result(1.0, 0.99, 1.01), result(1.0, 0.9, 1.1, name="tg16"))
    vague = of(document, "vague", result(1.5, 0.9, 2.5), result(1.5, 0.9, 2.5, name="tg16"))
    sure = of(document, "sure", result(1.2, 1.1, 1.3), result(1.0, 0.9, 1.1, name="tg16"))
    broken = replace(sure, name="broken", status="wrong output")
    said = left_on_the_table(own, (), [own, vague, sure, broken])
    assert "the best variant here, `sure`, is 20\u00a0% faster at pp64" in said
    assert "tg16" not in said
    assert "no variant here" in left_on_the_table(own, (), [vague, broken])


def test_where_the_prebuilt_program_is_ahead_is_told_too(document, result):
    own = of(document, "prebuilt:x", result(1.0, 0.99, 1.01), result(1.0, 0.99, 1.01, name="tg16"))
    best = of(document, "best", result(1.5, 1.4, 1.6), result(0.9, 0.88, 0.92, name="tg16"))
    said = left_on_the_table(own, (), [own, best])
    assert said.endswith("is 50\u00a0% faster at pp64 and slower at tg16 (by 10\u00a0%).")
    short = [
        replace(item, workloads=tuple(replace(w, low=None, high=None) for w in item.workloads))
        for item in (own, best)
    ]
    said = left_on_the_table(short[0], (), short)
    assert "came out 50\u00a0% faster at pp64 and slower at tg16 (by 10\u00a0%) (too" in said


def test_builds_slower_at_one_workload_are_named_apart_from_those_slower_throughout(
    document, result
):
    slower, same = (0.8, 0.7, 0.9, "slower"), (1.0, 0.9, 1.1, "no difference shown")
    rows = {
        "winner": ((2.0, 1.9, 2.1), (0.9, 0.85, 0.95, "slower")),
        "throughout": (slower, slower),
        "prompts": (slower, same),
        "trade": ((1.3, 1.2, 1.4), slower),
    }
    builds = [
        of(document, name, result(*pp), result(*tg, name="tg16")) for name, (pp, tg) in rows.items()
    ]
    words = answer("native", catalogue.run().workloads, everything(document, result, *builds))
    assert words.count("slower") == len(rows)
    assert words.count("`winner`") == 1
    assert "token generation at 0.90× [0.85, 0.95] (slower)" in words
    assert "`throughout` is slower: 0.80× at prompt processing and 0.80× at token" in words
    assert "`prompts` is slower: 0.80× at prompt processing." in words
    assert words.endswith("`trade` is slower: 0.80× at token generation.")


def test_a_copy_of_the_baseline_alone_wins_nothing(document, result):
    fast = (result(1.9, 1.8, 2.0), result(1.9, 1.8, 2.0, name="tg16"))
    copy = replace(of(document, "gcc", *fast), copy_of="native")
    words = answer("native", catalogue.run().workloads, everything(document, result, copy))
    assert words.startswith("`gcc` is the same build as `native`, run the same way")


def test_a_pinned_build_is_not_as_simple_as_a_plain_one(document):
    plain = variant(document, "native")
    pinned = replace(plain, settings=replace(plain.settings, launcher=("taskset", "-c", "0")))
    assert (levers(plain, plain), levers(pinned, plain)) == (0, 1)


def test_a_choice_of_instruction_sets_is_one_change(document):
    plain = variant(document, "native")
    chosen = {"GGML_NATIVE": "OFF", "GGML_AVX2": "ON", "GGML_FMA": "ON", "GGML_AVX512_VNNI": "ON"}

    def built(**more):
        cmake = {**plain.settings.cmake, **chosen, **more}
        return levers(replace(plain, settings=replace(plain.settings, cmake=cmake)), plain)

    assert built() == 1
    assert built(GGML_OPENMP="OFF", GGML_LLAMAFILE="OFF") == 3


def test_what_a_prebuilt_program_leaves_on_the_table_is_a_finding(document):
    (found,) = [item for item in document.findings if item.topic == "prebuilt"]
    assert found.variants == ("prebuilt:llama-bench",)
    assert found.text.startswith("`prebuilt:llama-bench`: built without AVX2, FMA and F16C")
    assert (
        found
        in document.findings[: -len([f for f in document.findings if f.topic == "not measured"])]
    )
