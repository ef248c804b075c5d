"""From files or a hub data set to documents and rejects: nothing is lost, and one bad row costs only itself."""

from pipeline.corpus.documents import CorpusBatch, make_documents, plain, text_of
from pipeline.corpus.read import read_rows, read_stream
from pipeline.corpus.rows import RawRow

__all__ = ["CorpusBatch", "RawRow", "make_documents", "plain", "read_rows", "read_stream", "text_of"]
