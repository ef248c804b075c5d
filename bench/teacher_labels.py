"""Writes the teacher's labels that a run of `annotation.py` left in its state folder, for the benchmark of the students.

`teacher_labels.py --state FOLDER --out FOLDER` writes `<corpus>.parquet`: the document's text hash, the category's name (null
where none was given), the names of those that apply beside it, the probability, and the log-probability of each category by name.
"""

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.settings import load_project
from pipeline.stages import Session
from pipeline.stages.asking import current_taxonomy

COLUMNS = pa.schema(
    {
        "text_hash": pa.string(),
        "category": pa.string(),
        "also": pa.list_(pa.string()),
        "probability": pa.float64(),
        "scores": pa.map_(pa.string(), pa.float64()),
        "model": pa.string(),
    }
)


def main(options: argparse.Namespace) -> None:
    """Write a file for each corpus that has been labelled."""
    options.out.mkdir(parents=True, exist_ok=True)
    for project in sorted((options.state / "projects").glob("*.yaml")):
        rows = _labels(project, options.state / "runs" / project.stem)
        pq.write_table(pa.Table.from_pylist(rows, schema=COLUMNS), options.out / f"{project.stem}.parquet", compression="zstd")
        print(f"{project.stem}: {len(rows)} labels")


def _labels(path: Path, folder: Path) -> list[dict[str, object]]:
    with Session(load_project(path), folder=folder) as session:
        present, store = current_taxonomy(session), session.store
        names = {category.category_id: category.name for category in present.leaves}
        made = store.labels(present.taxonomy_id, store.current("teacher_annotator_id") or "")
        return [
            {
                "text_hash": label.text_hash,
                "category": names.get(label.category_id or ""),
                "also": [names[one] for one in label.also],
                "probability": label.probability,
                "scores": {names[key]: value for key, value in (label.scores or {}).items() if key in names},
                "model": session.model_of("annotator"),
            }
            for label in made
        ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="state folder of annotation.py")
    parser.add_argument("--out", type=Path, required=True, help="folder of the files")
    main(parser.parse_args())
