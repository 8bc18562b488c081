"""The table provider x client dialect that test_conformance.py fills and conftest.py prints."""
import collections

from facts import ALL


class Matrix:
    def __init__(self):
        self.cells = collections.defaultdict(lambda: [0, 0])  # (provider, dialect): passed, all
        self.notes = collections.Counter()

    def add(self, provider, dialect, is_good):
        self.cells[provider, dialect][1] += 1
        self.cells[provider, dialect][0] += bool(is_good)

    def lines(self):
        names = sorted({p for p, _ in self.cells})
        rows = ["%-16s%s" % ("provider", "".join("%20s" % d for d in ALL))]
        for name in names + ["all"]:
            row = "%-16s" % name
            for dialect in ALL:
                cells = [c for (p, d), c in self.cells.items() if d == dialect and name in (p, "all")]
                row += "%20s" % ("%d/%d" % (sum(c[0] for c in cells), sum(c[1] for c in cells)) if cells else "-")
            rows.append(row)
        return rows + ["%5d  %s" % (count, text) for text, count in sorted(self.notes.items())]
