"""The store of one project: the only package that knows DuckDB."""

from pipeline.store.ledger import StoreLedger
from pipeline.store.run_reads import Throughput
from pipeline.store.store import Store

__all__ = ["Store", "StoreLedger", "Throughput"]
