"""What a prebuilt program leaves on the table, in words."""

import msgspec
import pytest

from llamabuild.inspect.ggml_features import facts
from llamabuild.report.assemble import build_document
from llamabuild.report.prebuilt_words import left_on_the_table, missing_words
from tests import report_fixture


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ((), ""),
        (("avx2",), "built without AVX2, which this CPU has"),
        (("avx2", "fma"), "built without AVX2 and FMA, which this CPU has"),
        (
            ("f16c", "avx512f", "avx512vnni", "avxvnni"),
            "built without F16C, AVX-VNNI and AVX-512 (F, VNNI), which this CPU has",
        ),
        (("dotprod", "i8mm"), "built without DotProd and I8MM, which this CPU has"),
    ],
)
def test_missing_groups_are_named_as_people_name_them(missing, words):
    assert missing_words(missing) == words


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_every_group_that_can_be_missing_has_a_name(architecture):
    for group in facts().groups(architecture).matter:
        assert group not in missing_words((group,))


@pytest.fixture(scope="module")
def variants():
    """Return the results of the made-up run by name."""
    document = build_document(
        report_fixture.run(), report_fixture.trials(), report_fixture.comparison_set()
    )
    return {variant.name: variant for variant in document.variants}


def prebuilt(variant):
    return msgspec.structs.replace(variant, name="prebuilt:llama-bench")


def test_the_best_variant_is_named_with_how_much_faster_it_is(variants):
    text = left_on_the_table(prebuilt(variants["generic"]), ("avx2", "fma"), variants.values())
    start = "`prebuilt:llama-bench`: built without AVX2 and FMA, which this CPU has; the best"
    assert text.startswith(f"{start} variant here, `native`, is ")
    assert "44 times faster at pp64 and 7.8 times faster at tg16." in text


def test_a_small_lead_is_told_in_per_cent_and_only_where_it_was_shown(variants):
    text = left_on_the_table(prebuilt(variants["avx2"]), (), variants.values())
    assert "`native`, is 38\u00a0% faster at pp64" in text


def test_nothing_faster_is_said_so(variants):
    text = left_on_the_table(prebuilt(variants["native"]), (), variants.values())
    assert text == "`prebuilt:llama-bench`: no variant here was shown to be faster."


def test_another_prebuilt_program_is_no_advice(variants):
    best = msgspec.structs.replace(variants["native"], name="prebuilt:better")
    text = left_on_the_table(prebuilt(variants["generic"]), (), [best, variants["avx2"]])
    assert "`avx2`" in text
    assert "better" not in text


def test_too_few_blocks_are_no_proof(variants):
    def short(variant):
        loads = tuple(
            msgspec.structs.replace(load, low=None, high=None) for load in variant.workloads
        )
        return msgspec.structs.replace(variant, workloads=loads)

    text = left_on_the_table(prebuilt(short(variants["generic"])), (), [short(variants["native"])])
    assert "came out 44 times faster" in text
    assert "too few blocks to prove it" in text


def test_what_was_not_measured_still_says_what_it_lacks(variants):
    text = left_on_the_table(prebuilt(variants["amx"]), ("avx2",), variants.values())
    assert text == "`prebuilt:llama-bench`: built without AVX2, which this CPU has."
    assert left_on_the_table(prebuilt(variants["amx"]), (), variants.values()) == ""
