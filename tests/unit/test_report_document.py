"""The JSON document: complete, valid against the shipped schema, safe to publish."""

from __future__ import annotations

import json
import math

import jsonschema
import msgspec
import pytest

from llamabuild.report.assemble import build_document
from llamabuild.report.checks import GOOD, WARN, checks
from llamabuild.report.document import FAILED, NOT_INSPECTED, PASSED
from llamabuild.report.portable import clean
from llamabuild.report.schema import json_schema, shipped
from llamabuild.report.write import render_json
from llamabuild.types.comparison import BASELINE, FASTER, NOT_MEASURED, ComparisonSet
from tests import report_fixture as fixture


@pytest.fixture(scope="module")
def document():
    return build_document(fixture.run(), fixture.trials(), fixture.comparison_set(), "limits")


def variant(document, name):
    return next(item for item in document.variants if item.name == name)


def test_shipped_schema_is_not_stale():
    assert shipped() == json_schema()


def test_document_validates_and_has_the_promised_keys(document):
    data = json.loads(render_json(document))
    jsonschema.Draft202012Validator(shipped()).validate(data)
    promised = {"schema", "run", "machine", "source", "model", "baseline", "variants"}
    assert promised <= data.keys()
    first = data["variants"][0]
    assert {"name", "status", "reason", "build", "inspection", "equivalence"} <= first.keys()
    assert {"id", "seconds", "cached", "bytes"} <= first["build"].keys()
    assert {"highest", "groups", "verdict"} <= first["inspection"].keys()
    names = {"name", "unit", "median", "ratio", "low", "high", "verdict", "trials"}
    assert names <= first["workloads"][0].keys()


def test_schema_refuses_a_document_with_a_hole(document):
    data = json.loads(render_json(document))
    del data["variants"][0]["status"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(shipped()).validate(data)


def test_every_arm_has_a_row_with_its_reason(document):
    assert [item.name for item in document.variants] == list(fixture.DESCRIPTIONS)
    for name, status in (("amx", "unsupported"), ("lto", "build failed")):
        row = variant(document, name)
        assert row.status == status
        assert row.reason
        assert {result.verdict for result in row.workloads} == {NOT_MEASURED}
        assert all(result.ratio is None for result in row.workloads)


def test_verdicts_of_inspections(document):
    assert variant(document, "native").inspection.verdict == PASSED
    assert variant(document, "avx512").inspection.verdict == FAILED
    assert variant(document, "amx").inspection.verdict == NOT_INSPECTED
    assert variant(document, "native").inspection.highest == "avx512vnni"


def test_failed_trials_are_counted(document):
    results = {result.name: result for result in variant(document, "sse42").workloads}
    assert (results["pp64"].failed, results["tg16"].failed) == (1, 0)


def test_nothing_of_this_machines_folders_gets_out(document):
    text = render_json(document)
    assert "someone" not in text
    assert "/usr/" not in text
    assert "…/small.gguf" in text


def test_nan_and_infinity_become_null():
    comparisons = fixture.comparison_set()
    broken = msgspec.structs.replace(
        comparisons.comparisons[0], ratio=math.nan, low=-math.inf, high=math.inf, p_value=math.nan
    )
    comparisons = msgspec.structs.replace(
        comparisons, comparisons=(broken, *comparisons.comparisons[1:])
    )
    document = build_document(fixture.run(), fixture.trials(), comparisons)
    result = variant(document, broken.arm).workloads[0]
    assert (result.ratio, result.low, result.high, result.p_value) == (None, None, None, None)
    text = render_json(document)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in the document"))


def test_answer_names_the_winner_with_its_numbers(document):
    assert document.answer.startswith("On this machine `native` is the fastest build")
    assert "prompt processing at 1.38×" in document.answer
    assert "of the speed of `avx2`" in document.answer


def replaced(arm, **changes):
    comparisons = fixture.comparison_set()
    return msgspec.structs.replace(
        comparisons,
        comparisons=tuple(
            msgspec.structs.replace(item, **changes) if item.arm == arm else item
            for item in comparisons.comparisons
        ),
    )


def test_answer_does_not_rank_overlapping_builds():
    comparisons = replaced("avx512-vnni", low=0.9, high=1.5)
    document = build_document(fixture.run(), fixture.trials(), comparisons)
    assert "`native` came out ahead" in document.answer
    assert "overlap those of `avx512-vnni`" in document.answer


def test_answer_names_a_build_that_beats_the_winner_at_one_workload():
    comparisons = replaced("sse42", ratio=1.1, low=1.08, high=1.12, verdict=FASTER)
    document = build_document(fixture.run(), fixture.trials(), comparisons)
    assert "`native` came out ahead" in document.answer
    assert "At token generation `sse42` is faster." in document.answer


def test_answer_doubts_a_noisy_run():
    comparisons = fixture.comparison_set()
    noise = tuple(msgspec.structs.replace(item, usable=False) for item in comparisons.noise)
    comparisons = msgspec.structs.replace(comparisons, noise=noise)
    document = build_document(fixture.run(), fixture.trials(), comparisons)
    assert not document.usable
    assert "not as proof" in document.answer


def test_too_few_blocks_do_not_vouch_for_the_machine():
    comparisons = fixture.comparison_set()

    def noise_check(**changes):
        noise = tuple(
            msgspec.structs.replace(n, comparison=msgspec.structs.replace(n.comparison, **changes))
            for n in comparisons.noise
        )
        changed = msgspec.structs.replace(comparisons, noise=noise)
        document = build_document(fixture.run(), fixture.trials(), changed)
        return next(check for check in checks(document) if "Noise" in check[1])

    assert noise_check()[0] == GOOD
    state, headline, detail = noise_check(low=-math.inf, high=math.inf)
    assert state == WARN
    assert "too few blocks" in headline
    assert "cannot tell" in detail


def test_a_run_that_was_stopped_between_looks_says_so():
    comparisons = msgspec.structs.replace(fixture.comparison_set(), at_look=False)
    run = msgspec.structs.replace(fixture.run(), status="interrupted")

    def said(run, comparisons):
        return build_document(run, fixture.trials(), comparisons, limits="it was short").limits

    assert said(run, comparisons).startswith("the run was stopped between its planned looks")
    assert said(run, comparisons).endswith("; it was short")
    at_look = msgspec.structs.replace(comparisons, at_look=True)
    done = msgspec.structs.replace(run, status="done")
    stage = msgspec.structs.replace(run, part_of="a/lab")
    for each in (said(run, at_look), said(done, comparisons), said(stage, comparisons)):
        assert each == "it was short"


def test_a_run_without_trials_has_no_winner_and_no_zero():
    nothing = ComparisonSet(blocks=0, look=0, alpha=0.01, decided=False, noise=(), comparisons=())
    document = build_document(fixture.run(), (), nothing)
    assert "no winner" in document.answer
    verdicts = {r.verdict for item in document.variants for r in item.workloads}
    assert verdicts == {BASELINE, NOT_MEASURED}
    assert all(r.median is None for item in document.variants for r in item.workloads)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/me/models/a.gguf", "…/a.gguf"),
        ("--model=/home/me/a.gguf", "--model=…/a.gguf"),
        ("path:/srv/llama.cpp", "path:…/llama.cpp"),
        ("-I/opt/x/include", "-I…/include"),
        ("error in '/tmp/b/x.c': no", "error in '…/x.c': no"),
        ("git:https://example.org/a/b@main", "git:https://example.org/a/b@main"),
        ("tokens/s and 3/4", "tokens/s and 3/4"),
        ("\x1b[31mred\x1b[0m\x07", "red"),
        ("a\u202eb", "ab"),
    ],
)
def test_clean(text, expected):
    assert clean(text) == expected
