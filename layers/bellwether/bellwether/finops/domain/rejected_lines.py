"""Find a rejected line item in its CSV file, so that a person can be shown the line."""

import csv
from collections.abc import Collection, Iterable

from bellwether.finops.domain.aggregation import SEPARATOR
from bellwether.finops.domain.export_layouts import ExportColumn, Layout, sources_of

_NO_VALUES = frozenset({"", "NULL", "null"})


def lines_of_references(layout: Layout, lines: Iterable[str], references: Collection[str]) -> dict[str, int]:
    """The line, counted from 1, of each referenced line item that the file holds; of equal ones the first."""
    rows = csv.reader(lines)
    header = [ExportColumn(name) for name in next(rows, [])]
    position = {id(column): number for number, column in enumerate(header)}
    sources = sources_of(layout, header)
    cells = [[position[id(column)] for column in sources[name]] for name in layout.reference]
    found: dict[str, int] = {}
    for row in rows:
        values = (next((row[at] for at in each if at < len(row) and row[at] not in _NO_VALUES), "") for each in cells)
        reference = SEPARATOR.join(values)
        if reference in references and reference not in found:
            found[reference] = rows.line_num
            if len(found) == len(references):
                break
    return found
