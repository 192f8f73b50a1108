from __future__ import annotations

import numpy as np
import pytest

from mining.counting import Counting, Miner, chosen
from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.nearest import SearchMethod, SearchOptions


def test_each_query_is_encoded_once_for_all_sources(
    mine: Miner, encoder: Counting, animal_data: RetrievalDataset
) -> None:
    mine(animal_data, "perc-pos:0.95", sources=("dense", "bm25", "random"))
    assert encoder.texts == 32 + 12


def test_the_recall_of_an_index_is_told_and_kept(
    mine: Miner, animal_data: RetrievalDataset
) -> None:
    pytest.importorskip("faiss")
    exact = mine(animal_data, "perc-pos:0.95")
    assert exact.searches == {"dense": {"method": "exact"}}
    options = SearchOptions(SearchMethod.HNSW, target_recall=0.9)
    first, again = (mine(animal_data, "perc-pos:0.95", search=options) for _ in range(2))
    told = first.searches["dense"]
    assert (told["method"], told["sampled_queries"]) == ("hnsw", 12)
    assert 0.9 <= told["recall"] <= 1
    assert again.searches == first.searches
    both = mine(animal_data, "perc-pos:0.95", sources=("fusion:bm25+dense",), search=options)
    assert both.searches["fusion"]["method"] == "hnsw"


def test_other_chunks_of_a_positive_are_not_mined(
    mine: Miner, animal_data: RetrievalDataset
) -> None:
    # Each animal's two documents were one.
    names = [name.partition("-")[2] for name in animal_data.corpus["id"].to_pylist()]
    together = np.unique(names, return_inverse=True)[1].astype(np.int64)
    free = chosen(mine(animal_data, "top", negatives=31))
    kept = chosen(mine(animal_data, "top", negatives=31, sources_of=together))
    assert "x-cat" in free["q-cat"] and "x-cat" not in kept["q-cat"]
    assert set(free["q-cat"]) - set(kept["q-cat"]) == {"x-cat"}
