"""The index of candidates: what waits for an admin, in which order, and who decided what.

The rows themselves are in the dataset versions; this is what the pages need of them, found quickly.

- ``index_candidates``, ``waiting``, ``rerank``: written by the collection (candidate_index.py)
- ``page``, ``get``, ``counts``, ``pace``: read by the pages (candidate_queries.py)
- ``decide_many``: an admin's decisions (candidate_decisions.py)
"""

from storage.candidate_decisions import CandidateDecision, DecisionOutcome, decide_many
from storage.candidate_index import Waiting, index_candidates, rerank, tidy, waiting
from storage.candidate_queries import ANY_STATE, Counts, Filter, counts, get, pace, page
from storage.candidate_rows import STATES, Candidate, IndexRow

__all__ = [
    "ANY_STATE",
    "STATES",
    "Candidate",
    "CandidateDecision",
    "Counts",
    "DecisionOutcome",
    "Filter",
    "IndexRow",
    "Waiting",
    "counts",
    "decide_many",
    "get",
    "index_candidates",
    "pace",
    "page",
    "rerank",
    "tidy",
    "waiting",
]
