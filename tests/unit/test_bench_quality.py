"""What a format loses: the text, what llama-perplexity is asked, and how its answer is read."""

import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.bench.quality import (
    Sample,
    chunks_for,
    documentation,
    facts,
    measure_quality,
    read_quality,
    reference_bytes,
    remember,
    remembered,
    write_reference,
)
from llamabuild.interrupts import Interrupts
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.quality import NO_TEXT, RANDOM, TOO_LARGE, measure_qualities
from llamabuild.store.builds import files_folder
from llamabuild.types.build import Build, Plan
from llamabuild.types.run import Arm, Quality
from llamabuild.types.variant import Runtime
from llamabuild.variants import load_catalogue
from tests.runs import MACHINE, SOURCE, make_model, make_run

RECORDED = Path(__file__).with_name("llama_perplexity_kl.txt").read_text(encoding="utf-8")
"""Of llama-perplexity of llama.cpp 0c1e57098: SmolLM2-135M, Q2_K made from Q4_1."""


@pytest.fixture
def sample(tmp_path):
    text = tmp_path / "text.md"
    text.write_text("words")
    return Sample(
        text=text,
        text_sha256="a" * 64,
        chunks=16,
        reference=tmp_path / "reference",
        reference_name="Q4_1",
        threads=2,
    )


def test_real_output_is_read(sample):
    found = read_quality(RECORDED, sample)
    assert found == Quality(
        reference="Q4_1",
        text_sha256="a" * 64,
        tokens=4080,
        mean_kl_divergence=0.423556,
        kl_divergence_error=0.005679,
        perplexity=22.772887,
        perplexity_error=1.106718,
        reference_perplexity=17.244027,
        top_token_agreement=0.69461,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "printed no statistics"),
        (RECORDED.partition("Mean    KLD")[0], "printed no statistics"),
    ],
)
def test_no_statistics_are_no_quality(sample, text, says):
    found = read_quality(text, sample)
    assert says in found.reason
    assert found.mean_kl_divergence is None


def test_numbers_that_are_none_are_no_quality(sample):
    lines = [
        "Mean    KLD:        nan ±        nan" if line.startswith("Mean    KLD") else line
        for line in RECORDED.splitlines()
    ]
    assert "not finite" in read_quality("\n".join(lines), sample).reason


@pytest.mark.parametrize("rounded", ["-0.000001", "-0.000000"])
def test_a_divergence_is_never_negative(sample, rounded):
    lines = [
        f"Mean    KLD:  {rounded} ±   0.000001" if line.startswith("Mean    KLD") else line
        for line in RECORDED.splitlines()
    ]
    found = read_quality("\n".join(lines), sample).mean_kl_divergence
    assert f"{found:.1f}" == "0.0"


def test_the_text_is_all_documentation_in_order_and_bounded(tmp_path):
    docs = tmp_path / "docs"
    (docs / "deep").mkdir(parents=True)
    assert documentation(tmp_path) == b""
    (docs / "z.md").write_text("last")
    (docs / "a.md").write_text("first ")
    (docs / "deep/m.md").write_text("middle ")
    (docs / "n.txt").write_text("not this")
    (docs / "l.md").symlink_to(docs / "a.md")
    assert documentation(tmp_path) == b"first middle last"
    (docs / "b.md").write_text("ä" * facts().max_text_bytes)
    assert facts().max_text_bytes - 1 <= len(documentation(tmp_path)) <= facts().max_text_bytes
    documentation(tmp_path).decode()


def test_larger_models_read_less_but_enough_for_statistics():
    counts = [chunks_for(10**power) for power in range(8, 13)]
    assert counts == sorted(counts, reverse=True)
    assert min(counts) * (facts().context // 2 - 1) >= 100
    assert reference_bytes(16, 49_152) == 2 * 16 * 255 * 49_157


PROGRAM = """#!{python} -SE
import os, sys
words = sys.argv[1:]
open({log!r}, "a").write(" ".join(words) + "\\n")
if os.environ.get("FAKE") == "short":
    print("you need at least 1024 tokens", file=sys.stderr)
elif "--kl-divergence" in words:
    print({recorded!r})
else:
    open(words[words.index("--kl-divergence-base") + 1], "a")
    print("Final estimate: PPL = 20.1 +/- 0.5")
"""


def write_program(path, log):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PROGRAM.format(python=sys.executable, log=str(log), recorded=RECORDED))
    path.chmod(0o755)
    return path


def test_all_formats_are_asked_the_same_but_for_their_own_settings(tmp_path, sample):
    program = write_program(tmp_path / "llama-perplexity", tmp_path / "calls")
    assert write_reference(program, Runtime(), Path("best.gguf"), sample) == ""
    own = Runtime(bench=("-t", "1", "-ctk", "q8_0", "--poll", "0"))
    assert measure_quality(program, own, Path("small.gguf"), sample).tokens == 4080
    first, second = (tmp_path / "calls").read_text().splitlines()
    assert "-m best.gguf" in first
    assert "--threads 2 --batch-size 512 -c 512 --chunks 16" in first
    assert "--kl-divergence " not in first
    assert "-m small.gguf" in second
    assert "--threads 2" not in second
    assert second.endswith("--threads 1 --cache-type-k q8_0 --kl-divergence")


def test_a_text_that_is_too_short_is_the_reason(tmp_path, sample):
    program = write_program(tmp_path / "llama-perplexity", tmp_path / "calls")
    said = write_reference(program, Runtime(environment={"FAKE": "short"}), Path("m"), sample)
    assert said == "llama-perplexity computed nothing: you need at least 1024 tokens"


@pytest.fixture
def asked(tmp_path):
    """Measure the quality of arms of one build with these formats."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("words")
    source = msgspec.structs.replace(SOURCE, tree=str(tmp_path))
    catalogue = load_catalogue(SOURCE.spec, [])
    plan = Plan(
        build_id="b", variant="native", source_digest="d", steps=(), compilers=(),
        native_resolution="", outputs=(),
    )  # fmt: skip
    build = Build(
        id="b", plan=plan, files=(), seconds=1, cpu_seconds=1, size_bytes=1, compiled=1,
        cache_hits=-1, created="2026-11-22T12:00:00+00:00",
    )  # fmt: skip
    log = tmp_path / "calls"

    def measure(*formats, **changes):
        write_program(files_folder("b") / "llama-perplexity", log)
        arms = []
        for name in formats:
            variant = catalogue.get("native" + (f"+quantization={name}" if name else ""))
            own = msgspec.structs.replace(make_model(), sha256=name.ljust(64, "0"))
            own = msgspec.structs.replace(own, path=f"/nowhere/{name}.gguf", quantization=name)
            arms.append(
                Arm(
                    name=variant.name, status="ready", reason="", variant=variant, build=build,
                    model=own if name else None,
                )
            )  # fmt: skip
        run = msgspec.structs.replace(
            make_run(arms=tuple(arms)), baseline=arms[0].name, **{"source": source, **changes}
        )
        found = measure_qualities(run, Observer(), Interrupts())
        return [arm.quality for arm in found], log.read_text().splitlines() if log.exists() else []

    return measure


def test_only_arms_that_ask_for_a_format_have_a_quality_and_it_is_remembered(asked):
    qualities, calls = asked("", "Q8_0", "Q2_K")
    assert [q and q.tokens for q in qualities] == [None, 4080, 4080]
    assert [call.endswith(" --kl-divergence") for call in calls] == [False, True, True]
    assert "model.gguf" in calls[0]
    assert len(asked("", "Q8_0", "Q2_K")[1]) == 3, "remembered"
    assert len(asked("", "Q4_0")[1]) == 5, "the reference is written again for what is new"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": msgspec.structs.replace(make_model(), synthetic=True)}, RANDOM),
        ({"machine": msgspec.structs.replace(MACHINE, memory_bytes=1 << 20)}, TOO_LARGE),
        ({"source": msgspec.structs.replace(SOURCE, tree="/nowhere/at/all")}, NO_TEXT),
    ],
)
def test_what_cannot_be_measured_says_why(asked, changes, says):
    qualities, calls = asked("", "Q8_0", **changes)
    assert qualities[0] is None
    assert (qualities[1].reason, qualities[1].mean_kl_divergence) == (says, None)
    assert calls == []


def test_a_reference_that_the_disk_cannot_hold_is_not_begun(asked, monkeypatch):
    usage = SimpleNamespace(free=1000)
    monkeypatch.setattr("llamabuild.pipeline.quality.shutil.disk_usage", lambda _: usage)
    qualities, calls = asked("", "Q8_0")
    assert "GB of disk" in qualities[1].reason
    assert calls == []


def test_a_failure_is_not_remembered():
    remember("a", Quality(reference="F16", reason="did not finish"))
    assert remembered("a") is None
    good = Quality(reference="F16", tokens=510, mean_kl_divergence=0.01)
    remember("b", good)
    assert remembered("b") == good
