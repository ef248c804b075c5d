"""Writes labelled documents for other tools: plain tables, `datasets`, Label Studio, Argilla.

Each format is a function that takes rows as they come, so that a batch is in memory at a time, and a file or an empty folder.
`placing` sees to it that what is written appears whole or not at all.
"""

from pipeline.exports.argilla import write_argilla
from pipeline.exports.data_card import Labeller, Provenance, data_card
from pipeline.exports.dataset_folder import write_dataset
from pipeline.exports.label_studio import write_label_studio
from pipeline.exports.placing import check_place, placing
from pipeline.exports.review_answers import RawAnswer, raw_answers, sheet_columns
from pipeline.exports.review_files import ANSWERS, ReviewFormat, sheet_name, write_guide, write_label_list, write_sheet
from pipeline.exports.subject import Subject
from pipeline.exports.tables import MOST_PARTS, unescaped, write_csv, write_json_lines, write_parquet, write_parts

__all__ = [
    "ANSWERS",
    "MOST_PARTS",
    "Labeller",
    "Provenance",
    "RawAnswer",
    "ReviewFormat",
    "Subject",
    "check_place",
    "data_card",
    "placing",
    "raw_answers",
    "sheet_columns",
    "sheet_name",
    "unescaped",
    "write_argilla",
    "write_csv",
    "write_dataset",
    "write_guide",
    "write_json_lines",
    "write_label_list",
    "write_label_studio",
    "write_parquet",
    "write_parts",
    "write_sheet",
]
