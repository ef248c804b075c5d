"""From files or a hub data set to documents and rejects: nothing is lost, and one bad row costs only itself."""

from pipeline.corpus.bulk import BulkBatch, documents_table, read_documents, read_in_bulk, reads_in_bulk
from pipeline.corpus.columns import check_columns, plain, text_of, titled_text
from pipeline.corpus.documents import CorpusBatch, make_documents
from pipeline.corpus.files import corpus_files
from pipeline.corpus.partitions import Unparted, partition_of, partition_of_file
from pipeline.corpus.read import read_rows, read_stream
from pipeline.corpus.rows import RawRow
from pipeline.corpus.times import read_time

__all__ = [
    "BulkBatch",
    "CorpusBatch",
    "RawRow",
    "Unparted",
    "check_columns",
    "corpus_files",
    "documents_table",
    "make_documents",
    "partition_of",
    "partition_of_file",
    "plain",
    "read_documents",
    "read_in_bulk",
    "read_rows",
    "read_stream",
    "read_time",
    "reads_in_bulk",
    "text_of",
    "titled_text",
]
