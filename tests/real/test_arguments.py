"""The table of llama-bench's arguments against what the built programs say that they take."""

import re

import pytest

from llamabuild.bench.arguments import facts
from llamabuild.process import run

OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
# What llamabuild itself asks for, where models come from, and what prints and ends.
NOT_A_VARIANT_S = re.compile(
    r"-(m|-model|hf.*|-hf.*|p|-n-prompt|n|-n-gen|pg|r|-repetitions|o|-output"
    r"|h|-help|-version|-list-devices)"
)


@pytest.fixture
def help_of(built):
    """Return what a program of the avx2 build prints when asked for help."""

    def call(program: str) -> str:
        finished = run([built["avx2"] / program, "--help"])
        return finished.stdout + finished.stderr

    return call


def test_every_argument_of_llama_bench_has_its_row(help_of):
    rows = [line for line in help_of("llama-bench").splitlines() if line.startswith("  -")]
    takes = {option for row in rows for option in OPTION.findall(re.split("<|   |\\(", row)[0])}
    assert len(takes) > 40
    table = facts()
    known = {name for option in table.option for name in option.names}
    known |= {*table.without_effect.with_value, *table.without_effect.alone}
    assert {name for name in takes - known if not NOT_A_VARIANT_S.fullmatch(name)} == set()


def test_llama_perplexity_takes_what_the_table_says(help_of):
    takes = set(OPTION.findall(help_of("llama-perplexity")))
    told = {option.becomes for option in facts().option}
    told |= {argument for option in facts().option for argument in option.values.values()}
    # One is of builds with RPC, the other of the fork.
    assert told - takes - {"", "--rpc", "--run-time-repack"} == set()
