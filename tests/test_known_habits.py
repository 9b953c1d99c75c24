"""The table of what the parts beneath would do: every line names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_line_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "spec-map.md").read_text(encoding="utf-8")
    table = text.partition("## What the parts beneath would do")[2]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert len(lines) > 20
    for line in lines:
        code = "".join(
            (ROOT / path).read_text(encoding="utf-8") for path in re.findall(r"`(tests/[\w./]+)`", line)
        )
        names = re.findall(r"`(test_\w+)`", line)
        assert names, line
        assert [name for name in names if f"def {name}(" not in code] == [], line
