"""From files or a hub data set to documents and rejects: nothing is lost, and one bad row costs only itself."""

from pipeline.corpus.documents import CorpusBatch, make_documents
from pipeline.corpus.read import read_rows
from pipeline.corpus.rows import RawRow

__all__ = ["CorpusBatch", "RawRow", "make_documents", "read_rows"]
