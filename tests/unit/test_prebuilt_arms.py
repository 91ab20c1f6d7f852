"""A prebuilt arm through the pipeline: imported, refused with a reason, resumed, not checked."""

import msgspec
import pytest

from llamabuild.bench.equivalence import judge
from llamabuild.build.prebuilt import Imported
from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.interrupts import Interrupts
from llamabuild.pipeline import prebuilt
from llamabuild.pipeline.builds import build_variants
from llamabuild.pipeline.check import check_all
from llamabuild.pipeline.make import Maker
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.request import Request
from llamabuild.types.proof import Prebuilt
from llamabuild.types.run import Arm, Equivalence
from llamabuild.variants.prebuilt import prebuilt_variant
from tests.runs import CPU, SOURCE, make_run
from tests.unit.test_pipeline import build_of, plan_of
from tests.unit.test_prebuilt_features import inspected


@pytest.fixture
def arm(tmp_path):
    (tmp_path / "llama-bench").touch()
    variant = prebuilt_variant(f"prebuilt:{tmp_path / 'llama-bench'}")
    return Arm(name=variant.name, status="pending", reason="", variant=variant)


@pytest.fixture
def build(arm):
    return build_of(plan_of(arm.variant))[0]


def imported(arm):
    return prebuilt.import_all([arm], "avx2", CPU, Observer(), Interrupts())[0]


def importing(monkeypatch, build, *inspections):
    """Let the import find these inspections."""

    def found(variant, cpu, host, examine):
        if reason := examine(range(len(inspections))):
            raise EnvironmentLacks(reason)
        what = Prebuilt(path="/theirs/llama-bench", kind="llama-bench")
        return Imported(build=build, prebuilt=what, cached=False, unchecked="no perplexity")

    monkeypatch.setattr(prebuilt, "import_prebuilt", found)
    monkeypatch.setattr(prebuilt, "inspect_file", lambda place: (inspections[place],))


def test_an_arm_knows_what_its_program_leaves_unused(arm, build, monkeypatch):
    importing(monkeypatch, build, inspected("libggml-cpu.so.0", "sse2", "f16c", "bmi2"))
    done = imported(arm)
    assert (done.status, done.build) == ("pending", build)
    assert done.prebuilt.missing == ("avx2", "fma")
    assert done.inspections[0].file == "libggml-cpu.so.0"
    assert done.equivalence.reason == "no perplexity"


def test_code_for_another_cpu_is_a_row(arm, build, monkeypatch):
    importing(monkeypatch, build, inspected("libggml-cpu.so.0", "avx512f"))
    done = imported(arm)
    assert done.status == "unsupported"
    assert done.reason == "uses avx512f (in ggml_vec_dot_q4_0_q8_0), which this CPU lacks"
    assert done.build is None


@pytest.mark.parametrize(
    ("error", "status"),
    [(BadInput("no ELF file"), "bad variant"), (EnvironmentLacks("for mips"), "unsupported")],
)
def test_what_cannot_be_taken_is_a_row(arm, monkeypatch, error, status):
    def refuse(*_):
        raise error

    monkeypatch.setattr(prebuilt, "import_prebuilt", refuse)
    done = imported(arm)
    assert (done.status, done.reason) == (status, str(error))


def test_a_path_that_may_not_be_read_is_a_row(arm, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(prebuilt, "import_prebuilt", refuse)
    done = imported(arm)
    assert done.status == "bad variant"
    assert "'llama-bench' cannot be taken (Permission denied)" in done.reason


def test_a_resumed_run_uses_what_the_store_has(arm, build, monkeypatch):
    monkeypatch.setattr(prebuilt, "load_build", lambda *_, **__: build)
    monkeypatch.setattr(prebuilt, "import_prebuilt", lambda *_: pytest.fail("imported again"))
    assert imported(msgspec.structs.replace(arm, build=build)).build_cached


def test_a_program_that_changed_since_is_not_resumed(arm, build, monkeypatch):
    importing(monkeypatch, build, inspected("libggml-cpu.so.0", "avx2"))
    before = msgspec.structs.replace(build, id="another")
    done = imported(msgspec.structs.replace(arm, build=before))
    assert done.status == "bad variant"
    assert "has changed since" in done.reason


def test_nothing_is_built_for_it(arm, monkeypatch):
    monkeypatch.setattr("llamabuild.pipeline.make.make_plan", lambda *_, **__: pytest.fail("plan"))
    maker = Maker(SOURCE, 2, Observer())
    assert maker.make_all([arm], Interrupts(), build_missing=True) == (arm,)


def test_it_cannot_be_built_alone():
    with pytest.raises(BadInput, match="nothing to build for 'prebuilt:/x'"):
        build_variants(Request(names=("native", "prebuilt:/x")), Observer())


def test_without_a_perplexity_it_is_measured_and_says_so(arm, build):
    base = msgspec.structs.replace(arm, name="avx2", build=build)
    own = msgspec.structs.replace(
        arm,
        build=build,
        prebuilt=Prebuilt(path="/theirs", kind="llama-bench"),
        equivalence=Equivalence(verdict="not checked", reason="statically linked"),
    )
    _, checked = check_all(make_run(arms=(base, own)), Observer(), Interrupts())
    assert checked.status == "ready"
    assert checked.equivalence == own.equivalence


def test_a_perplexity_that_computes_nothing_says_nothing_of_the_program(arm):
    crashed = Equivalence(verdict="different", reason="was ended by SIGSEGV")
    wrong = Equivalence(verdict="different", mean_kl_divergence=3.0, reason="3.0 > 0.01")
    own = msgspec.structs.replace(arm, prebuilt=Prebuilt(path="/theirs", kind="llama-bench"))
    assert prebuilt.settled(own, crashed).verdict == "not checked"
    assert prebuilt.settled(own, wrong) == wrong
    assert prebuilt.settled(arm, crashed) == crashed


def test_a_program_that_computes_nan_is_wrong(arm):
    own = msgspec.structs.replace(arm, prebuilt=Prebuilt(path="/theirs", kind="llama-bench"))
    nan = judge("Mean    KLD:  nan ± nan\nMaximum KLD:  nan\nSame top p: 0.0 ± 0.0 %", tokens=128)
    assert prebuilt.settled(own, nan) == nan
    assert (nan.verdict, nan.reason) == ("different", "statistics that are not finite: mean, max")
    assert prebuilt.settled(own, judge("", tokens=128)).verdict == "not checked"
