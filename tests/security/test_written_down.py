"""docs/security.md names tests that exist, and every file of attacks that there is."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [
    line for line in TEXT.splitlines() if line.startswith("|") and not line.startswith(("|---", "| Attack"))
]


def test_every_attack_names_tests_that_exist() -> None:
    assert len(ROWS) > 50
    for row in ROWS:
        *_, stops, tests, _ = (cell.strip() for cell in row.split("|"))
        assert stops, row
        named = re.findall(r"`(tests/[\w./]+|test_\w+)`", tests)
        assert named, row
        code = ""
        for name in named:
            if name.startswith("tests/"):
                code = (ROOT / name).read_text(encoding="utf-8")
            else:
                assert f"def {name}(" in code, (name, row)


def test_every_file_of_attacks_is_named() -> None:
    files = (ROOT / "tests" / "security").glob("test_*.py")
    paths = {str(path.relative_to(ROOT)) for path in files} - {"tests/security/test_written_down.py"}
    assert {path for path in paths if f"`{path}`" not in TEXT} == set()
