"""Near copies of texts: MinHash signatures, pairs that are alike, and clusters of them."""

from pipeline.duplicates.clusters import Clusters, cluster, count_pairs
from pipeline.duplicates.pairs import candidate_pairs, similarities
from pipeline.duplicates.signatures import Bands, sign, signature_spec, similarity

__all__ = ["Bands", "Clusters", "candidate_pairs", "cluster", "count_pairs", "sign", "signature_spec", "similarities", "similarity"]
