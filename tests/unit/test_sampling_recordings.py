"""What samplers write, read: real output of perf, the sampler's own file, and damaged ones."""

import ctypes
from collections import Counter
from pathlib import Path

import pytest

from llamabuild.sampling import CannotSample, Mapping, Recording, Sample, located, read_image
from llamabuild.sampling.perf import ScriptReader
from llamabuild.sampling.preload import read_samples, sampler_library

# llama-bench -r 2 -n 16 of an AVX2 build on two threads, started by env; the builds' folder
# renamed. perf script -F pid,tid,time,ip --ns --show-mmap-events
SCRIPT = Path(__file__).parents[1] / "data/sampling/perf_script.txt"


@pytest.fixture(scope="module")
def recorded():
    reader = ScriptReader()
    for line in SCRIPT.read_text().splitlines():
        reader.take(line)
    return Recording("perf", None, reader.mappings, reader.samples)


def files(recording, begin=0, end=2**63):
    places = located(recording, begin, end)
    counts = Counter()
    for (path, _), number in places.items():
        counts[Path(path).name] += number
    return counts


def test_every_line_of_a_real_recording_is_read(recorded):
    lines = SCRIPT.read_text().splitlines()
    assert len(recorded.samples) + len(recorded.mappings) == len(lines)
    assert len(recorded.mappings) == sum("PERF_RECORD_MMAP" in line for line in lines)


def test_samples_fall_into_the_libraries_that_were_mapped(recorded):
    found = files(recorded)
    assert found.total() == len(recorded.samples)
    assert found[""] == 0
    # Two threads on a busy machine wait for each other most of the time.
    assert [name for name, _ in found.most_common(2)] == [
        "libgomp.so.1.0.0",
        "libggml-cpu.so.0.25.3",
    ]


def test_only_the_stretch_that_was_asked_for_counts(recorded):
    times = sorted(sample.time_ns for sample in recorded.samples)
    begin, end = times[8], times[-4]
    assert files(recorded, begin, end).total() == len(times) - 8 - 3
    early = files(recorded, 0, begin - 1)
    assert early["libllama.so.0.5.0"] > early["libggml-cpu.so.0.25.3"]


def test_times_and_addresses_of_a_line_are_exact():
    reader = ScriptReader()
    reader.take("  12/13  26165.081377990:      7f68368b3520 ")
    reader.take("12/13 5.5:  ff")
    assert reader.samples == [
        Sample(26165081377990, 12, 0x7F68368B3520),
        Sample(5_500_000_000, 12, 0xFF),
    ]


@pytest.mark.parametrize(
    "line",
    [
        # perf 5.x, 6.x with a build id, and a mapping without a file behind it
        "7/7 1.0: PERF_RECORD_MMAP 7/7: [0x1000(0x200) @ 0x3000]: x /opt/a b.so",
        "7/7 1.0: PERF_RECORD_MMAP2 7/7: [0x1000(0x200) @ 0x3000 <0af3>]: r-xp /opt/a b.so",
        "7/7 1.0: PERF_RECORD_MMAP2 7/7: [0x1000(0x200) @ 0x3000 fe:00 16 107]: r-xp /opt/a b.so",
    ],
)
def test_mappings_of_several_versions_of_perf(line):
    reader = ScriptReader()
    reader.take(line)
    assert reader.mappings == [Mapping(10**9, 7, 0x1000, 0x1200, 0x3000, "/opt/a b.so")]


def test_other_events_and_empty_lines_are_passed_over():
    reader = ScriptReader()
    reader.take("7/7 1.0: PERF_RECORD_COMM exec: llama-bench:7/7")
    reader.take("")
    assert (reader.mappings, reader.samples) == ([], [])


@pytest.mark.parametrize(
    "line",
    [
        "12/13 26165.081377990: 7f68368b35zz",
        "llama-bench 12 26165.08: cpu-clock:u: 7f68368b3520 main",
        "incompatible file format (rerun with -v to learn more)",
    ],
)
def test_what_is_no_sample_is_refused(line):
    reader = ScriptReader()
    with pytest.raises(CannotSample, match="no sample"):
        reader.take(line)


def test_a_later_mapping_replaces_what_it_overlaps():
    """A program that loads, unloads and loads again gets the same addresses."""
    mappings = [
        Mapping(0, 1, 100, 200, 0, "first"),
        Mapping(50, 1, 150, 300, 1000, "second"),
        Mapping(0, 2, 100, 200, 0, "of another process"),
    ]
    samples = [Sample(t, 1, 160) for t in (60, 40)] + [Sample(70, 1, 110), Sample(70, 1, 999)]
    samples += [Sample(70, 2, 160), Sample(70, 3, 160)]
    assert located(Recording("", None, mappings, samples), 0, 100) == {
        ("first", 60): 1,
        ("second", 1010): 1,
        ("first", 10): 1,
        ("of another process", 60): 1,
        ("", 0): 2,
    }


OURS = """\
maps 100
1000-2000 r--p 00000000 fe:00 1          /opt/candidate.so
2000-3000 r-xp 00001000 fe:00 1          /opt/candidate.so
9000-a000 rw-p 00000000 00:00 0
end
maps 200
2000-4000 r-xp 00003000 fe:00 2          /opt/with space.so (deleted)
b000-c000 r-xp 00000000 00:00 0          [vdso]
end
samples 3 0
90 2010
150 2010
160 b001
"""


def test_what_the_preloaded_sampler_writes_is_read():
    mappings, samples = read_samples(iter(OURS.splitlines(keepends=True)))
    assert located(Recording("", None, mappings, samples), 0, 1000) == {
        ("/opt/candidate.so", 0x1010): 1,
        ("/opt/with space.so", 0x3010): 1,
        ("[vdso]", 1): 1,
    }


@pytest.mark.parametrize("cut", range(OURS.count("\n")))
def test_a_file_that_is_cut_off_is_refused(cut):
    with pytest.raises(CannotSample, match="damaged|no samples"):
        read_samples(iter(OURS.splitlines(keepends=True)[:cut]))


@pytest.mark.parametrize("text", ["samples x 0\n", "samples 1 0\nhello\n", "what\n", "maps\nend\n"])
def test_a_file_that_looks_otherwise_is_refused(text):
    with pytest.raises(CannotSample, match="damaged|no samples"):
        read_samples(iter(text.splitlines(keepends=True)))


def test_a_place_in_a_file_is_the_function_that_the_linker_put_there():
    """Held against the dynamic linker: where it loaded a function, and what is mapped there."""
    library = str(sampler_library())
    function = ctypes.CDLL(library).dlclose
    address = ctypes.cast(function, ctypes.c_void_p).value
    image = read_image(library)
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith(library):
            start, end = (int(word, 16) for word in line.split()[0].split("-"))
            if start <= address < end:
                place = address - start + int(line.split()[2], 16)
    found = image.symbol(image.address(place))
    assert found.name == "dlclose"
    assert found.address == image.address(place)
    assert image.symbol(image.address(place) + 1) == found
    assert image.symbol(0) is None
    assert image.address(1 << 40) is None


def test_what_is_no_elf_file_has_no_image(tmp_path):
    (tmp_path / "text").write_text("hello")
    (tmp_path / "cut").write_bytes(sampler_library().read_bytes()[:100])
    assert [read_image(str(tmp_path / name)) for name in ("text", "cut", "absent")] == [None] * 3
    assert read_image("[vdso]") is None
