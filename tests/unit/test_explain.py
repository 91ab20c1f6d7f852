"""Which part did it: the question, the numbers, the words, and the command."""

import math
import random

import msgspec
import pytest
from click.testing import CliRunner

from llamabuild.cli.explain import command
from llamabuild.compare.attribution import attribute, question_answered, question_of
from llamabuild.errors import BadInput, Interrupted
from llamabuild.pipeline import explain
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.recipes import Recipes
from llamabuild.pipeline.request import Request
from llamabuild.report.explain import explain_document, render_explain
from llamabuild.store.results import Results
from llamabuild.types.run import NOISE_ARM, Arm
from llamabuild.types.variant import Variant
from llamabuild.variants import load_catalogue
from tests.runs import PP, TG, make_run, make_trial

BLOCKS = 12
FULL = "native+clang+pgo"
SPEEDS = {
    FULL: (1.0, 1.0),
    "native+pgo": (0.95, 1.0),
    "native+clang": (0.80, 1.002),
    "native": (0.76, 1.001),
    NOISE_ARM: (1.0, 1.0),
}


def arm(name, status="ready", reason=""):
    parts = tuple(name.split("+"))
    variant = Variant(
        name=name, description="", source="pypi:x==1", parts=parts if len(parts) > 1 else ()
    )
    return Arm(name=name, status=status, reason=reason, variant=variant)


def measured(speeds, baseline, blocks=BLOCKS, run_id="20261122-130000-beef"):
    """Return a run, and trials in which every arm has its speed but for a little noise."""
    run = make_run(run_id, arms=tuple(arm(name) for name in speeds if name != NOISE_ARM))
    run = msgspec.structs.replace(run, baseline=baseline, status="done")
    generator = random.Random(3)
    trials = []
    for block in range(blocks + 1):
        for place, load in enumerate((PP, TG)):
            for position, (name, values) in enumerate(speeds.items()):
                speed = 100 * values[place] * generator.gauss(1, 0.001)
                trial = make_trial(
                    block, position, load.name, name, (round(load.tokens / speed * 1e9),)
                )
                trials.append(msgspec.structs.replace(trial, tokens=load.tokens))
    return run, tuple(trials)


@pytest.fixture
def asked():
    """Return a run like one that raises the question."""
    speeds = {"avx2": (0.7, 1.0), "native": (0.76, 1.0), "native+clang": (0.8, 1.0)}
    return measured({**speeds, FULL: (1.0, 1.0), NOISE_ARM: (0.7, 1.0)}, "native")


def test_by_default_the_fastest_composed_variant_against_the_baseline(asked):
    question = question_of(*asked, None)
    assert question.full == FULL
    assert question.base == "native"
    assert question.without == {"clang": "native+pgo", "pgo": "native+clang"}
    assert question.arms() == (FULL, "native+pgo", "native+clang", "native")


def test_what_was_not_measured_on_every_workload_is_not_the_fastest(asked):
    run, trials = asked
    half = [t for t in trials if (t.arm, t.workload) != (FULL, TG.name)]
    assert question_of(run, half, None).full == "native+clang"


def test_a_named_variant_is_explained_instead(asked):
    question = question_of(*asked, "native+clang")
    assert question.without == {"clang": "native"}
    assert question.arms() == ("native+clang", "native")


def test_another_base_is_a_part_of_the_difference(asked):
    run, trials = asked
    question = question_of(msgspec.structs.replace(run, baseline="avx2"), trials, FULL)
    assert question.base == "avx2"
    assert question.without == {
        "native instead of avx2": "avx2+clang+pgo",
        "clang": "native+pgo",
        "pgo": "native+clang",
    }


def test_parts_that_both_have_are_not_in_question(asked):
    run, trials = asked
    run = msgspec.structs.replace(run, baseline="native+clang")
    question = question_of(run, trials, FULL)
    assert (question.base, question.without) == ("native+clang", {"pgo": "native+clang"})


def test_a_baseline_with_parts_of_its_own_gives_way_to_the_plain_base(asked):
    run, trials = asked
    run = msgspec.structs.replace(
        run, arms=(*run.arms, arm("native+mimalloc")), baseline="native+mimalloc"
    )
    assert question_of(run, trials, FULL).base == "native"


@pytest.mark.parametrize(
    ("name", "what"),
    [("avx2", "'avx2' is not composed"), ("native+lto", r"'native\+lto' is not in run")],
)
def test_a_variant_that_cannot_be_explained(asked, name, what):
    with pytest.raises(BadInput, match=f"{what}.*native.clang.pgo"):
        question_of(*asked, name)


def test_without_composed_variants_it_says_how_to_make_one():
    run, trials = measured({"avx2": (1, 1), "native": (2, 1), NOISE_ARM: (1, 1)}, "avx2")
    with pytest.raises(BadInput, match=r"no composed variant.*variants native\+clang\+pgo"):
        question_of(run, trials, None)


@pytest.fixture
def answered(asked):
    run, trials = measured(SPEEDS, FULL)
    return run, attribute(run, trials, question_of(*asked, None))


def test_contributions_are_full_over_without(answered):
    _, found = answered
    clang, pgo = (part.effects[0] for part in found.parts)
    assert clang.ratio == pytest.approx(1 / 0.95, rel=2e-3)
    assert pgo.ratio == pytest.approx(1 / 0.80, rel=2e-3)
    assert found.whole[0].ratio == pytest.approx(1 / 0.76, rel=2e-3)
    for effect in (clang, pgo, found.whole[0]):
        assert effect.low < effect.ratio < effect.high
        assert effect.verdict == "faster"
    assert [part.effects[1].verdict for part in found.parts] == ["equivalent", "equivalent"]


def test_parts_that_multiply_leave_no_interaction(answered):
    _, found = answered
    rest = found.interaction[0]
    assert rest.low < 1.0 < rest.high
    assert math.isclose(rest.ratio, 1.0, rel_tol=3e-3)


def test_parts_that_only_work_together_leave_one(asked):
    speeds = {**SPEEDS, "native+pgo": (0.76, 1.0), "native+clang": (0.76, 1.0)}
    found = attribute(*measured(speeds, FULL), question_of(*asked, None))
    assert found.interaction[0].ratio == pytest.approx(0.76, rel=5e-3)
    assert found.interaction[0].high < 1


def test_a_part_that_could_not_be_taken_out_is_a_row(asked):
    speeds = {name: values for name, values in SPEEDS.items() if name != "native+pgo"}
    run, trials = measured(speeds, FULL)
    broken = arm("native+pgo", "build failed", "no profile in /home/you/x/y")
    run = msgspec.structs.replace(run, arms=(*run.arms, broken))
    found = attribute(run, trials, question_of(*asked, None))
    assert found.parts[0].effects[0].verdict == "not measured"
    assert found.interaction[0].ratio is None
    document = explain_document(run, "before", found)
    assert "clang was not measured" in document.answer
    text = render_explain(document)
    assert "native+pgo: build failed: no profile in …/y" in text


def test_the_answer_in_words(answered):
    run, found = answered
    first, second = explain_document(run, "before", found).answer.split(". ")[:2]
    assert first.startswith("Of the 31.7 % [31.")
    assert "% [" in first.split("clang gives ")[1]
    assert " and pgo gives 25" in first
    assert second.startswith("At tg16 the whole makes no difference to native: clang and pgo make")


@pytest.mark.parametrize(
    ("speed", "words"), [(1.2, "pgo costs 16.6 % [16"), (0.99, "nothing shown for pgo")]
)
def test_what_costs_and_what_was_not_shown(asked, speed, words):
    run, trials = measured({**SPEEDS, "native+clang": (speed, 1.0)}, FULL)
    document = explain_document(run, "before", attribute(run, trials, question_of(*asked, None)))
    assert words in document.answer.split(" at tg16")[0]


def test_the_table_has_parts_workloads_and_verdicts(answered):
    run, found = answered
    text = render_explain(explain_document(run, "20261122-a", found, "no difference was shown"))
    header = next(line for line in text.splitlines() if "part" in line)
    assert header.split() == ["part", "pp64", "tg16", "verdict"]
    rows = {line.split()[0]: line for line in text.splitlines() if line[:2].strip()}
    assert "faster at pp64; equivalent at tg16" in rows["pgo"]
    assert {"clang", "together", "interaction"} <= set(rows)
    assert "which explains 20261122-a" in text
    assert "No difference was shown." in text


def test_one_part_alone_has_no_interaction(asked):
    speeds = {"native+clang": (1.0, 1.0), "native": (0.9, 1.0), NOISE_ARM: (1.0, 1.0)}
    run, trials = measured(speeds, "native+clang")
    found = attribute(run, trials, question_of(*asked, "native+clang"))
    assert "interaction" not in render_explain(explain_document(run, "before", found))


def test_the_new_run_has_the_conditions_of_the_old(asked):
    run, _ = asked
    wishes = Request(blocks=5, seed=9, command=("explain",))
    request = explain.request_for(run, question_of(*asked, None), wishes)
    assert request.names == (FULL, "native+pgo", "native+clang", "native")
    assert request.baseline == FULL
    assert (request.model, request.sources) == (run.model.spec, (run.source.spec,))
    assert (request.workloads, request.threads) == (("pp64", "tg16"), run.threads)
    assert (request.blocks, request.seed, request.command) == (5, 9, ("explain",))


def test_a_copy_from_a_further_source_is_explained_from_that_source(asked):
    run, trials = asked
    copy = arm("native+clang")
    variant = msgspec.structs.replace(copy.variant, source="pypi:x==2")
    copy = msgspec.structs.replace(copy, name="native+clang@2", variant=variant)
    run = msgspec.structs.replace(run, arms=(*run.arms, copy))
    question = question_of(run, trials, "native+clang@2")
    assert question.arms() == ("native+clang", "native")
    assert explain.request_for(run, question, Request()).sources == ("pypi:x==2",)


@pytest.fixture
def stored(asked, monkeypatch):
    """Store the run that asks; let the measurement that answers be made up."""

    def keep(run, trials):
        with Results.open() as results:
            results.save_run(run)
            for trial in trials:
                results.add_trial(run.id, trial)
        return run

    keep(*asked)
    answer = measured(SPEEDS, FULL, run_id="20261122-140000-cafe")
    monkeypatch.setattr(explain, "run_variants", lambda request, observer: keep(*answer))
    return asked[0]


def test_a_stored_run_is_explained_by_fresh_trials(stored):
    explained = explain.explain_run(stored.id, None, Request(), Observer())
    assert explained.run.id != stored.id == explained.explains
    assert explained.attribution.parts[1].effects[0].verdict == "faster"


def test_where_the_baseline_does_not_compose_the_plain_base_is_taken():
    full = "native+gcc+lto"
    run, trials = measured({"clang": (1, 1), full: (1, 1), NOISE_ARM: (1, 1)}, "clang")
    assert question_of(run, trials, full).base == "clang"
    question = question_of(
        run, trials, full, lambda name: None if name == "clang+gcc+lto" else name
    )
    assert question.arms() == (full, "native+lto", "native+gcc", "native")


@pytest.fixture(scope="module")
def recipes():
    """Return what the shipped names come to."""
    return Recipes(load_catalogue("pypi:x==1", ()))


def asking(full, base="native", *others):
    names = dict.fromkeys((base, *others, full), (1, 1))
    return measured({**names, NOISE_ARM: (1, 1)}, base)


def test_a_part_that_another_brings_along_is_not_measured_against_itself(recipes):
    full = "native+no-mmap+mimalloc"
    question = question_of(*asking(full), full, recipes.recipe)
    assert question.contained == {"no-mmap": "mimalloc"}
    assert question.without == {"mimalloc": "native+no-mmap"}
    assert question.arms() == (full, "native+no-mmap", "native")
    assert recipes.brought_along(question) == {}


@pytest.mark.parametrize("full", ["native+mimalloc", "native+pgo+mimalloc"])
def test_what_comes_and_goes_with_a_part_is_named_beside_it(recipes, full):
    question = question_of(*asking(full), full, recipes.recipe)
    assert question.contained == {}
    assert recipes.brought_along(question) == {"mimalloc": ("no-mmap",)}


def test_parts_that_are_one_together_leave_the_one(recipes):
    full = "native+bolt+pgo+pgo-bolt"
    question = question_of(*asking(full), full, recipes.recipe)
    assert question.contained == {"bolt": "pgo-bolt", "pgo": "pgo-bolt"}
    assert question.without == {"pgo-bolt": "native"}
    assert recipes.brought_along(question) == {"pgo-bolt": ("bolt",)}


def test_a_part_that_changes_nothing_is_in_the_base_already():
    def recipe(name):
        return name.replace("+empty", "")

    question = question_of(*asking("native+empty+pgo"), "native+empty+pgo", recipe)
    assert question.contained == {"empty": "native"}
    assert question.without == {"pgo": "native+empty"}


def test_the_order_of_arguments_is_no_difference(recipes):
    full = "native+no-mmap+no-repack+mimalloc"
    question = question_of(*asking(full), full, recipes.recipe)
    assert question.contained == {"no-mmap": "mimalloc"}
    assert list(question.without) == ["no-repack", "mimalloc"]


def test_a_variant_that_is_the_baseline_by_another_name_has_nothing_to_explain(recipes):
    full, base = "native+no-mmap+mimalloc", "native+mimalloc"
    run, trials = asking(full, base)
    with pytest.raises(BadInput, match="no-mmap is contained in mimalloc"):
        question_of(run, trials, full, recipes.recipe)


def test_contained_parts_are_in_the_answer_and_in_the_table(recipes):
    full = "native+no-mmap+mimalloc"
    question = question_of(*asking(full), full, recipes.recipe)
    speeds = {full: (1, 1), "native+no-mmap": (0.9, 1), "native": (0.8, 1), NOISE_ARM: (1, 1)}
    run, trials = measured(speeds, full)
    document = explain_document(run, "before", attribute(run, trials, question))
    assert "no-mmap is contained in mimalloc and was not measured apart from it." in document.answer
    assert "no-mmap makes" not in document.answer
    assert "interaction, no-mmap" in render_explain(document)


def test_what_a_part_brings_is_in_the_answer_and_in_the_table(recipes):
    full = "native+mimalloc"
    question = question_of(*asking(full), full, recipes.recipe)
    run, trials = measured({full: (1, 1), "native": (0.8, 1), NOISE_ARM: (1, 1)}, full)
    found = attribute(run, trials, question, recipes.brought_along(question))
    document = explain_document(run, "before", found)
    assert document.parts[0].brings == ("no-mmap",)
    assert "mimalloc (with no-mmap) gives 2" in document.answer
    assert "mimalloc (with no-mmap)" in render_explain(document).split("part")[1]


def test_an_answer_with_a_contained_part_is_found_again(recipes):
    full = "native+no-mmap+mimalloc"
    speeds = {full: (1, 1), "native+no-mmap": (0.9, 1), "native": (0.8, 1), NOISE_ARM: (1, 1)}
    run, _ = measured(speeds, full)
    found = question_answered(run, recipes.recipe)
    assert (found.base, found.contained) == ("native", {"no-mmap": "mimalloc"})


def test_a_file_that_is_gone_is_no_error(recipes):
    assert recipes.recipe("native+was-here-once") is None


def made_to_explain(status):
    run, trials = measured(SPEEDS, FULL, run_id="20261122-150000-abcd")
    command = ("python", "-m", "llamabuild", "explain", "20261122-130000-beef")
    run = msgspec.structs.replace(run, command=command, status=status)
    with Results.open() as results:
        results.save_run(run)
        for trial in trials:
            results.add_trial(run.id, trial)
    return run


def test_a_resumed_explanation_is_only_evaluated(stored, monkeypatch):
    run = made_to_explain("done")
    monkeypatch.setattr(explain, "run_variants", lambda *_: pytest.fail("measured again"))
    explained = explain.explain_run(run.id, None, Request(), Observer())
    assert (explained.run.id, explained.explains) == (run.id, stored.id)
    assert list(explained.attribution.question.without) == ["clang", "pgo"]


def test_an_unfinished_explanation_is_to_be_resumed(stored):
    run = made_to_explain("interrupted")
    with pytest.raises(BadInput, match=f"variants --resume {run.id}"):
        explain.explain_run(run.id, None, Request(), Observer())


def test_an_interrupted_explanation_says_what_gives_the_answer(stored, monkeypatch):
    def stop(*_):
        message = "stored up to its last trial"
        raise Interrupted(message, "--resume goes on")

    monkeypatch.setattr(explain, "run_variants", stop)
    with pytest.raises(Interrupted, match="resume goes on; .*llamabuild explain latest"):
        explain.explain_run(stored.id, None, Request(), Observer())


def test_the_command_prints_and_writes_the_answer(stored, tmp_path, monkeypatch):
    reports = []
    monkeypatch.setattr("llamabuild.report.write.write_report", lambda *a: reports.append(a))
    result = CliRunner().invoke(command, [stored.id, "--output", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    document = msgspec.json.decode(result.stdout)
    assert document["schema"] == "llamabuild.explain/1"
    assert document["full"] == FULL
    folder = tmp_path / document["run"]
    assert msgspec.json.decode((folder / "explain.json").read_bytes()) == document
    assert "pgo" in (folder / "explain.txt").read_text()
    assert reports == [(document["run"], folder)]
