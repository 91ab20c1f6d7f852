"""The data files of ISA groups."""

import tomllib

import pytest

from llamabuild._native import isa_columns
from llamabuild.errors import BadInput
from llamabuild.inspect import checked_groups, group_names, highest, isa, scanner
from llamabuild.inspect.architecture import ARCHITECTURES
from llamabuild.inspect.isa import expanded, isa_of

X86 = (
    "sse2 sse3 ssse3 sse41 sse42 avx avx2 fma f16c bmi1 bmi2 avxvnni avx512f avx512bw avx512dq "
    "avx512vl avx512cd avx512vbmi avx512vbmi2 avx512vnni avx512bitalg avx512vpopcntdq avx512ifma "
    "avx512bf16 avx512fp16 gfni vaes vpclmulqdq amx"
)
AARCH64 = "neon dotprod i8mm fp16 bf16 sve sve2 sme"


def test_group_names():
    assert set(group_names("x86_64")) == set(X86.split())
    assert set(group_names("i386")) == set(X86.split())
    assert set(group_names("aarch64")) == set(AARCH64.split())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_group_can_be_found_and_is_described(architecture):
    for group in isa_of(architecture).groups:
        assert group.description
        assert group.rules or group.otherwise or group.every


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_encodings_are_known(architecture):
    forms, classes = isa_columns(architecture)
    known = isa_of(architecture)
    families = {*forms, *(form.rstrip("0123456789") for form in forms)}
    for group in known.groups:
        assert group.rules.keys() <= families
        assert {*group.otherwise, *group.every} <= set(forms)
    assert known.ungrouped.keys() <= families
    assert {c for members in known.classes.values() for c in members} <= set(classes)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_mnemonic_stands_twice_in_a_rule(architecture):
    known = isa_of(architecture)
    for group in known.groups:
        for encoding, words in group.rules.items():
            names = [name for word in words.split() for name in expanded(word, known.sets)]
            assert len(names) == len(set(names)), (group.name, encoding)


def test_expansion():
    assert list(expanded("vcmp{,@p}{pd,ps}", {"p": ("eq", "lt")})) == [
        "vcmppd",
        "vcmpps",
        "vcmpeqpd",
        "vcmpeqps",
        "vcmpltpd",
        "vcmpltps",
    ]
    assert list(expanded("paddb", {})) == ["paddb"]


@pytest.mark.parametrize(
    ("groups", "name"),
    [
        ("", "none"),
        ("bmi1 bmi2", "none"),
        ("sse2", "sse2"),
        ("sse2 bmi2", "sse2"),
        ("avx f16c fma avx2", "avx2"),
        ("avx2 avxvnni", "avxvnni"),
        ("avx avx512f avx512vl avx512dq avx512bw", "avx512bw"),
        ("avx512f avx512vnni avx512vl", "avx512vnni"),
        ("avx2 gfni vaes", "vaes"),
    ],
)
def test_highest(groups, name):
    assert highest(groups.split(), "x86_64") == name


def test_highest_on_aarch64():
    assert highest(["neon", "dotprod", "i8mm"], "aarch64") == "i8mm"
    assert highest(["neon", "sve"], "aarch64") == "sve"


def test_unknown_group_gets_a_suggestion():
    with pytest.raises(BadInput, match=r"unknown ISA group 'avx512vni': did you mean 'avx512vnni'"):
        checked_groups(["avx2", "avx512vni"])
    assert checked_groups(["avx2", "sve2"]) == ("avx2", "sve2")


def test_a_new_group_is_one_entry(monkeypatch, tmp_path):
    """A contributor's entry is all that it takes."""
    entry = '\n[[groups]]\nname = "fma4"\ndescription = "AMD"\nvex = "vfmaddps"\n'
    text = (isa.Path(isa.__file__).with_name("isa_x86.toml")).read_text()
    assert tomllib.loads(text + entry)["groups"][-1]["name"] == "fma4"
    path = tmp_path / "more.toml"
    path.write_text(text + entry)
    known = ARCHITECTURES["x86_64"]._replace(data_file=str(path))
    monkeypatch.setitem(ARCHITECTURES, "x86_64", known)
    isa.isa_of.cache_clear()
    try:
        scan = scanner.new_scanner("x86_64")
        scan.feed(
            b"x.o:     file format elf64-x86-64\n0000000000000000 <f>:\n"
            b"   0:\tc4 e3 f5 68 c2 30    \tvfmaddps ymm0,ymm1,ymm2,ymm3\n"
        )
        assert scan.finish()[0][3][0][-1] == {"fma4": 1}
    finally:
        isa.isa_of.cache_clear()
