"""The code in docs/kernels.md runs, top to bottom, and prints what the page says."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n((?: {4}[^\n]*\n)+))?", re.MULTILINE | re.DOTALL)


def test_every_block_runs_and_prints_what_is_shown(capsys):
    if not PAGE.exists():
        pytest.skip("the sources' docs are not here")
    names = {}
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == 5
    shown = 0
    for number, (code, output) in enumerate(blocks):
        exec(compile(code, f"block {number + 1} of {PAGE.name}", "exec"), names)
        printed = capsys.readouterr().out
        assert printed
        if output:
            shown += 1
            assert printed == re.sub("^ {4}", "", output, flags=re.MULTILINE)
    assert shown == 2
