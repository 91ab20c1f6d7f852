"""What a lab consists of, and what of it a budget reaches for."""

import pytest

from llamabuild.bench import choose_workloads
from llamabuild.errors import BadInput
from llamabuild.lab import Pace, allowance, least_blocks, least_seconds, parts, reach
from llamabuild.lab.parts import ALWAYS, Part
from llamabuild.lab.timing import WORKLOADS
from llamabuild.report.lab.checklist import wanted
from llamabuild.report.lab.insights import advice
from llamabuild.report.lab.questions import question_sections
from llamabuild.variants import load_catalogue
from llamabuild.variants.axes import make_axis, words_here
from tests.runs import make_model

PACES = {"main": Pace(1.0, 2.0), "small": Pace(0.5), "real": Pace(0.5)}
HERE = words_here(2)


def part(**changes):
    return Part(**{"title": "x", "kind": "sweep", "share": 1.0, "rank": 2, **changes})


def test_least_time_counts_warm_up_copy_and_workloads():
    assert least_seconds(part(arms=3, least=5), Pace(2.0)) == 6 * 4 * 2 * 2.0
    assert least_seconds(part(arms=3, least=5), Pace(2.0, 5.0)) == 3 * 5.0 + 6 * 4 * 2 * 2.0
    one = part(arms=3, least=5, workloads=("tg",))
    assert least_seconds(one, Pace(2.0)) == 6 * 4 * 1 * 2.0
    slow = part(arms=3, least=5, factor=2.0, seconds=7.0)
    assert least_seconds(slow, Pace(1.0)) == 7 + 6 * 4 * 2 * 2
    assert least_seconds(part(seconds=40.0), Pace(5.0, 5.0)) == 40.0  # no trials of its own


def test_the_number_of_workloads_is_that_of_the_main_job():
    assert len(choose_workloads(make_model(), ())) == WORKLOADS


@pytest.mark.parametrize(
    ("arms", "blocks"),
    # Two workloads each: 2 / 2^n must come below 0.05 / comparisons.
    [(2, 7), (3, 8), (4, 8), (6, 9), (11, 10)],
)
def test_least_blocks_can_show_a_difference(arms, blocks):
    found = least_blocks(part(arms=arms))
    assert found == blocks
    assert 2 / 2**found <= 0.05 / (2 * (arms - 1)) < 2 / 2 ** (found - 1)


def test_a_part_may_take_what_it_needs_and_its_share_of_the_rest():
    ahead = {
        "a": part(share=1, seconds=10.0),
        "b": part(share=2, seconds=40.0),
        "c": part(share=1, seconds=10.0),
    }
    assert allowance("a", 100.0, ahead, PACES) == 10 + 40 / 4
    # What one did not need is there for those behind it.
    del ahead["a"]
    assert allowance("b", 95.0, ahead, PACES) == 40 + 45 * 2 / 3
    # Nobody may take more than there is.
    assert allowance("b", 30.0, ahead, PACES) == 30
    assert allowance("b", -5.0, ahead, PACES) == 0


def test_a_large_budget_reaches_for_everything():
    assert reach(parts(), 7200.0, PACES) == tuple(parts())


def test_a_smaller_one_leaves_out_the_highest_ranks_first():
    kept = reach(parts(), 2400.0, PACES)
    left_out = [name for name in parts() if name not in kept]
    assert {name for name, each in parts().items() if each.rank <= ALWAYS} <= set(kept)
    least = {name: least_seconds(part, PACES.get(part.model, PACES["main"]))
             for name, part in parts().items()}  # fmt: skip
    spent = sum(least[name] for name in kept)
    assert left_out
    assert spent <= 2400
    # Nothing is left out that would fit, and what is more important went before what is less.
    assert all(spent + least[name] > 2400 for name in left_out)
    for name in left_out:
        before = [each for each in kept if parts()[each].rank <= parts()[name].rank]
        assert sum(least[each] for each in before) + least[name] > 2400


def test_too_small_a_budget_says_what_it_takes():
    with pytest.raises(BadInput, match="a budget of 2 min is too small") as caught:
        reach(parts(), 120.0, PACES)
    needed = int(caught.value.remedy.rpartition(" ")[2].removesuffix("m"))
    assert reach(parts(), 60.0 * needed, PACES)


@pytest.mark.parametrize("name", [n for n, p in parts().items() if p.kind == "sweep"])
def test_every_sweep_has_an_axis_with_values(name):
    axis, *values = parts()[name].words
    assert make_axis(axis, values, HERE).values


def test_every_variant_is_in_the_catalogue():
    catalogue = load_catalogue("pypi:x==1", [])
    for name in parts()["builds"].words:
        assert catalogue.get(name)


def test_every_question_belongs_to_a_part_and_every_part_answers_one():
    questions = [each for section in question_sections() for each in section.question]
    asked = {each.part for each in questions}
    assert asked <= set(parts())
    assert set(parts()) - asked == {"limits"}  # the bounds of all others
    assert len({each.name for each in questions}) == len(questions)
    assert {name for each in wanted() for name in each.answers} <= {q.name for q in questions}


def test_advice_is_about_what_a_lab_measures():
    for each in advice():
        words = parts()[each.part].words
        assert each.name in words, each.says
