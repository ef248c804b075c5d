"""What a store can be asked about partitions: their documents, the files that hold them, and what still waits."""

from collections.abc import Sequence

from pipeline.arrival_records import Arrival
from pipeline.store.label_reads import numbered
from pipeline.store.reads import Reads

__all__ = ["PartitionReads"]


class PartitionReads(Reads):
    """Read documents by partition, and files."""

    def in_partitions(self, hashes: Sequence[str], partitions: Sequence[str]) -> list[str]:
        """Give those of some texts that an active document of some partitions has, in the order given."""
        return [row[0] for row in self.rows(IN_PARTITIONS, [list(partitions)], wanted=numbered(hashes))]

    def first_of_partitions(self, count: int) -> list[str]:
        """Give the first texts of each partition in the seeded order, the partitions one after the other."""
        return list(dict.fromkeys(row[0] for row in self.rows(FIRST, [count])))

    def partition_counts(self) -> dict[str, int]:
        """Count the active documents of each partition, by its name."""
        return dict(self.rows(COUNTS))

    def arrivals(self) -> list[Arrival]:
        """List what files hold, by file and partition."""
        return [Arrival(*row) for row in self.rows(ARRIVALS)]

    def unpredicted_partitions(self, classifier_id: str) -> list[str]:
        """List the partitions with active documents that a student has not labelled."""
        return [row[0] for row in self.rows(UNPREDICTED_PARTITIONS, [classifier_id])]


IN_PARTITIONS = """
select text_hash from wanted
where text_hash in (select text_hash from documents where active and list_contains(?::varchar[], partition)) order by position
"""
FIRST = """
select text_hash from (select distinct text_hash, order_key, partition from documents where active and partition is not null)
qualify row_number() over (partition by partition order by order_key) <= ? order by partition, order_key
"""
COUNTS = "select partition, count(*) from documents where active and partition is not null group by partition order by partition"
ARRIVALS = "select file, size, modified, partition, documents, read_at from arrivals order by file, partition"
UNPREDICTED_PARTITIONS = """
select distinct partition from documents
where active and partition is not null and text_hash not in (select text_hash from predictions where classifier_id = ?)
order by partition
"""
