"""Taxonomies as CSV: a line for each category, for a spreadsheet.

Several values of one cell are separated by " ; "; one that holds a semicolon, or begins with a quote, is put in quotes. A cell that
a spreadsheet would take for a formula is written with an apostrophe before it, which is taken away again when it is read.
"""

import csv
import io
import re
import sys
from collections.abc import Mapping, Sequence

from pipeline.errors import TaxonomyFileError
from pipeline.records import Category
from pipeline.taxonomy_files.contents import KEYS, LISTS, RawCategory, RawFile, unknown_key
from pipeline.taxonomy_files.tidy import shown_example

__all__ = ["join_values", "read_csv", "split_values", "write_csv"]

DELIMITERS = (",", ";", "\t")  # a spreadsheet writes the one that its country uses
LONGEST_CELL = 131_072  # characters
FORMULA = re.compile(r"'*[=+\-@]")
VALUE = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:;|\Z)|([^;]*)(?:;|\Z)')


def read_csv(text: str) -> RawFile:
    """Read a table whose first line names the columns, in any order; only `name` is needed.

    :raises TaxonomyFileError: where the text is no such table.
    """
    csv.field_size_limit(sys.maxsize)  # one setting for the whole process; a cell that is too long is told by its line below
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    rows: list[RawCategory] = []
    mistakes: list[str] = []
    try:
        header = [column.strip().lower().replace(" ", "_") for column in next(reader, [])]
        mistakes += header_mistakes(header)
        end = reader.line_num
        for cells in reader:
            begin, end = end + 1, reader.line_num
            if any(cell.strip() for cell in cells):
                mistakes += width_mistakes(cells, header, begin)
                rows.append(make_row(f"line {begin}", header, cells))
    except csv.Error as error:
        raise TaxonomyFileError(f"is not valid CSV at line {reader.line_num}: {error}; look for a quote that is not closed") from error
    return RawFile(rows, frozenset(header), mistakes)


def delimiter_of(text: str) -> str:
    """Tell by the first line what separates the columns."""
    first = text.partition("\n")[0]
    return max(DELIMITERS, key=lambda delimiter: len({cell.strip(' "\r').lower() for cell in first.split(delimiter)} & set(KEYS)))


def header_mistakes(header: Sequence[str]) -> list[str]:
    """Say which columns are missing, unknown or twice there.

    :raises TaxonomyFileError: where no column is known, so that this is no such table.
    """
    if not set(header) & set(KEYS):
        found = ", ".join(header)[:200] or "nothing"
        raise TaxonomyFileError(f"is no CSV of categories: its first line must name columns ({', '.join(KEYS)}), and is: {found}")
    mistakes = [f"line 1: {unknown_key(column, KEYS, what='column')}" for column in header if column not in KEYS]
    mistakes += [f"line 1: the column {column!r} is there {header.count(column)} times" for column in sorted({*header}) if header.count(column) > 1]
    return [*mistakes, *(["line 1: there is no column 'name', which holds the names"] if "name" not in header else [])]


def width_mistakes(cells: Sequence[str], header: Sequence[str], line: int) -> list[str]:
    """Say where a line has more cells than there are columns; a spreadsheet leaves out empty ones at the end."""
    extra = any(cell.strip() for cell in cells[len(header) :])
    found = [f"line {line}: {len(cells)} cells where the first line names {len(header)} columns; put a cell with commas in quotes"] if extra else []
    return found + [
        f"line {line}: a cell of {len(cell):,} characters, and at most {LONGEST_CELL:,} are read" for cell in cells if len(cell) > LONGEST_CELL
    ]


def make_row(place: str, header: Sequence[str], cells: Sequence[str]) -> RawCategory:
    """Make the category of a line."""
    values = {column: cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell for column, cell in zip(header, cells, strict=False)}
    words = {key: value for key, value in values.items() if key in KEYS and key not in LISTS}
    return RawCategory(place, words, {key: split_values(value) for key, value in values.items() if key in LISTS})


def split_values(cell: str) -> list[str]:
    """Take the values of one cell apart."""
    found = (match.group(2) if match.group(1) is None else match.group(1).replace('""', '"') for match in VALUE.finditer(cell))
    return [value for value in found if value]


def join_values(values: Sequence[str]) -> str:
    """Put values into one cell."""
    return " ; ".join('"' + value.replace('"', '""') + '"' if ";" in value or value.startswith('"') else value for value in values)


def write_csv(categories: Sequence[Category], references: Mapping[str, str], texts: Mapping[str, str]) -> str:
    """Write a table with all columns; those that say what goes where are left empty for a person to fill in.

    :param references: how each parent is called, by its id.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(KEYS)
    for category in categories:
        parent = references.get(category.parent_id or "", "")
        examples = [join_values([shown_example(text, texts) for text in found]) for found in (category.examples, category.near_misses)]
        lists = [join_values(category.cues), join_values(category.exclusions), *examples]
        cells = [category.category_id, category.name, category.description, parent, category.status, *lists, "", ""]
        writer.writerow(f"'{cell}" if FORMULA.match(cell) else cell for cell in cells)
    return file.getvalue()
