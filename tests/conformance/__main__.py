"""`make conformance`: write docs/conformance.md. With --marks: print the marks as JSON instead."""

import json
import sys

from tests.conformance.faults import faults
from tests.conformance.marks import collect
from tests.conformance.page import PAGE, page
from tests.conformance.requirements import requirements


def main(words: list[str]) -> int:
    """Do it; 1 if a requirement is unproven or a mark unknown, which standard error names."""
    marks, demanded = collect(), requirements()
    if words == ["--marks"]:
        print(json.dumps(marks))
        return 0
    PAGE.write_text(page(demanded, marks), encoding="utf-8")
    found = faults(demanded, marks)
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
