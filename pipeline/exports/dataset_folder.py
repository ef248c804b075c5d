"""A folder that `datasets.load_dataset` reads: Parquet files for each split, labels as ClassLabel, and a data card."""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.exports.subject import Subject
from pipeline.exports.tables import GROUP_BYTES, described
from pipeline.store.published import Rows

__all__ = ["SPLITS", "Written", "write_dataset"]

SPLITS = ("train", "test", "unlabelled")
LABEL, CATEGORY, ALSO, SPLIT = "label", "category_id", "also", "split"


@dataclass
class Written:
    """What was written: rows by split and category id (None without one) and by who labelled them; languages, sizes, and the features."""

    labels: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    labelled_by: Counter[str | None] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)  # bytes of each split, as they are in memory
    features: Sequence[Mapping[str, Any]] = ()

    @property
    def splits(self) -> dict[str, int]:
        """Count the rows of each split that has any, in order."""
        found: Counter[str] = Counter()
        for (split, _), count in self.labels.items():
            found[split] += count
        return {split: found[split] for split in SPLITS if found[split]}


def write_dataset(rows: Rows, folder: Path, *, subject: Subject, names: Mapping[str, str]) -> Written:
    """Write the rows of each split to a file of its own; `category` becomes `label`, the number of the category in `names`.

    :param names: the name of each category that may occur, by id, in the order of the labels.
    """
    from datasets import ClassLabel, Features, List  # importing it takes a second

    ids = pa.array(list(names), pa.string())
    schema = _schema(rows.schema)
    features = Features.from_arrow_schema(schema)
    features[LABEL] = ClassLabel(names=list(names.values()))
    if ALSO in features:
        features[ALSO] = List(ClassLabel(names=list(names.values())))
    schema = described(features.arrow_schema, subject.described())
    written = Written(features=_as_in_a_card(features))
    (folder / "data").mkdir()
    with contextlib.ExitStack() as stack:
        files: dict[str, _File] = {}
        for batch in rows.batches:
            _count(batch, written)
            table = _numbered(pa.Table.from_batches([batch]), ids)
            for split in pc.unique(batch.column(SPLIT)).to_pylist():
                if split not in files:
                    files[split] = stack.enter_context(contextlib.closing(_File(folder / "data" / f"{split}.parquet", schema)))
                own = table.filter(pc.equal(batch.column(SPLIT), split)).cast(schema)
                files[split].add(own)
                written.sizes[split] += own.nbytes
    return written


def _as_in_a_card(features: Any) -> Sequence[Mapping[str, Any]]:
    """Give features in the form in which a card says them."""
    from datasets.info import DatasetInfo, DatasetInfosDict
    from huggingface_hub import DatasetCardData

    said = DatasetCardData()
    DatasetInfosDict({"default": DatasetInfo(features=features)}).to_dataset_card_data(said)
    found: Sequence[Mapping[str, Any]] = said.get("dataset_info")["features"]
    return found


class _File:
    """Gathers tables into row groups of some size."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = pq.ParquetWriter(path, schema, compression="zstd")
        self._held: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        self._held.append(table)
        if sum(one.nbytes for one in self._held) >= GROUP_BYTES:
            self._write()

    def close(self) -> None:
        try:
            self._write()
        finally:
            self._file.close()

    def _write(self) -> None:
        if self._held:
            self._file.write_table(pa.concat_tables(self._held))
            self._held = []


def _schema(schema: pa.Schema) -> pa.Schema:
    """Lay the columns out: the text, its label, then all others; numbers of categories in place of their names and ids."""
    kinds = {LABEL: pa.int64(), ALSO: pa.list_(pa.int64())}
    first = ["text", LABEL]
    rest = [name for name in schema.names if name not in {"text", "category", SPLIT}]
    return pa.schema([(name, kinds[name] if name in kinds else schema.field(name).type) for name in [*first, *rest]])


def _numbered(table: pa.Table, ids: pa.Array) -> pa.Table:
    """Put the numbers of categories in place of their ids."""
    columns = {name: table[name] for name in table.column_names if name not in {"category", SPLIT}}
    columns[LABEL] = pc.cast(pc.index_in(table[CATEGORY], value_set=ids), pa.int64())
    if ALSO in columns:
        places = {category: place for place, category in enumerate(ids.to_pylist())}
        also = [None if one is None else [places[category] for category in one if category in places] for one in table[ALSO].to_pylist()]
        columns[ALSO] = pa.chunked_array([pa.array(also, pa.list_(pa.int64()))])
    order = _schema(table.schema).names
    return pa.table({name: columns[name] for name in order})


def _count(batch: pa.RecordBatch, written: Written) -> None:
    splits, categories, by = (batch.column(name).to_pylist() for name in (SPLIT, CATEGORY, "labelled_by"))
    written.labels.update(zip(splits, categories, strict=True))
    written.labelled_by.update(by)
    if "language" in batch.schema.names:
        written.languages.update(value for value in batch.column("language").to_pylist() if value)
