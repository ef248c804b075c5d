"""From files or a hub data set to documents and rejects: nothing is lost, and one bad row costs only itself."""

from pipeline.corpus.documents import CorpusBatch, make_documents, plain, text_of
from pipeline.corpus.partitions import Unparted, partition_of, partition_of_file
from pipeline.corpus.read import corpus_files, read_rows, read_stream
from pipeline.corpus.rows import RawRow

__all__ = [
    "CorpusBatch",
    "RawRow",
    "Unparted",
    "corpus_files",
    "make_documents",
    "partition_of",
    "partition_of_file",
    "plain",
    "read_rows",
    "read_stream",
    "text_of",
]
