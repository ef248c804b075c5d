"""What a store can be asked about the checks of a taxonomy: which definitions fit, and which versions were labelled."""

from collections.abc import Sequence

from pipeline.check_records import DefinitionCheck
from pipeline.store.drift_reads import DriftReads
from pipeline.store.label_reads import numbered

__all__ = ["CheckReads"]


class CheckReads(DriftReads):
    """Read checks of definitions, and the labels of earlier versions."""

    def definition_checks(self, taxonomy_id: str, annotator_id: str) -> list[DefinitionCheck]:
        """Give what one model said of the definitions of one taxonomy, failures included, by text hash and category."""
        return [DefinitionCheck(*row) for row in self.rows(CHECKS, [taxonomy_id, annotator_id])]

    def labelled_before(self, taxonomy_id: str, among: Sequence[str]) -> tuple[str, dict[str, str | None]]:
        """Give the teacher's labels of some texts under the version that was labelled last before a taxonomy, of the same facet, and its id.

        :return: "" and nothing where no earlier version has such a label.
        """
        rows = self.rows(BEFORE, [taxonomy_id, taxonomy_id], wanted=numbered(among))
        return (rows[0][0], {text: category for _, text, category in rows}) if rows else ("", {})


CHECKS = """
select text_hash, taxonomy_id, category_id, annotator_id, answer, probability, reason, message
from definition_checks where taxonomy_id = ? and annotator_id = ? order by text_hash, category_id
"""
# Of several teachers of one version, as after further answers, the latest label of each text counts.
BEFORE = """
with earlier as (
    select labels.taxonomy_id, labels.text_hash, labels.category_id, labels.created_at, taxonomies.seq
    from labels join annotators using (annotator_id) join taxonomies using (taxonomy_id)
    where annotators.kind = 'teacher' and taxonomies.stage <> 'baseline' and taxonomies.facet = (select facet from taxonomies where taxonomy_id = ?)
        and taxonomies.seq < (select seq from taxonomies where taxonomy_id = ?) and labels.text_hash in (select text_hash from wanted)
)
select taxonomy_id, text_hash, category_id from earlier where seq = (select max(seq) from earlier)
qualify row_number() over (partition by text_hash order by created_at desc) = 1 order by text_hash
"""
