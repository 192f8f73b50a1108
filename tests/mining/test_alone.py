from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mining.counting import Counting, Miner, chosen
from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import SentenceEncoder, Vectors
from syneg.errors import InputError
from syneg.mining.alone import MiningPlan, mine_negatives
from syneg.mining.examples import chosen_examples
from syneg.mining.explain import explain
from syneg.mining.references import Reference
from syneg.mining.rules import parse_rules
from syneg.mining.source_names import parse_sources
from syneg.mining.statistics import removed_rows, similarity_rows, too_few


def no_model() -> SentenceEncoder:
    raise AssertionError("no model is needed")


def tiny(corpus: list[str], positives: dict[str, list[int]]) -> RetrievalDataset:
    return RetrievalDataset.from_rows(
        "tiny",
        corpus=[(f"d{number}", "", text) for number, text in enumerate(corpus)],
        queries=[(query, f"which animal {query}") for query in positives],
        qrels={
            "train": [(query, f"d{n}", 1) for query, numbers in positives.items() for n in numbers]
        },
    )


def test_other_rules_encode_nothing_again(
    mine: Miner, encoder: Counting, animal_data: RetrievalDataset
) -> None:
    first = mine(animal_data, "perc-pos:0.95")
    encoded = encoder.texts
    assert encoded >= 32 + 12
    strict = mine(animal_data, "similarity-max:0.2", "random", negatives=2)
    assert encoder.texts == encoded
    assert strict.selection.candidates.similarities.max() == pytest.approx(
        first.selection.candidates.similarities.max()
    )
    near = {one.similarity for example in chosen_examples(strict) for one in example.negatives}
    assert near and max(near) <= 0.2
    again = mine(animal_data, "perc-pos:0.95")
    assert chosen(again) == chosen(first)


def test_a_damaged_cache_is_made_again(
    mine: Miner, animal_data: RetrievalDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = chosen(mine(animal_data, "perc-pos:0.95"))
    for file in (tmp_path / "cache" / "candidates").glob("*.parquet"):
        file.write_bytes(file.read_bytes()[:100])
    logging.getLogger("syneg").propagate = True
    with caplog.at_level(logging.WARNING, "syneg"):
        assert chosen(mine(animal_data, "perc-pos:0.95")) == before
    assert chosen(mine(animal_data, "perc-pos:0.95")) == before


def test_no_model_is_loaded_where_nothing_compares(
    animal_data: RetrievalDataset, tmp_path: Path
) -> None:
    plan = MiningPlan(parse_sources(["bm25"]), parse_rules(["rank:1-10"]), negatives=1)
    mined = mine_negatives(animal_data, plan, cache=tmp_path, load_encoder=no_model)
    assert mined.selection.chosen.any()
    assert similarity_rows(mined) == {}


def test_bm25_candidates_are_compared_by_the_model(
    mine: Miner, animal_data: RetrievalDataset
) -> None:
    dense = mine(animal_data, "perc-pos:0.95", depth=31)
    known = {
        (owner, row): value
        for owner, row, value in zip(
            dense.selection.candidates.owners.tolist(),
            dense.selection.candidates.documents.tolist(),
            dense.selection.candidates.similarities.tolist(),
            strict=True,
        )
    }
    both = mine(animal_data, "perc-pos:0.95", sources=("bm25", "random")).selection.candidates
    assert set(both.sources) == {"bm25", "random"}
    for owner, row, value in zip(
        both.owners.tolist(), both.documents.tolist(), both.similarities.tolist(), strict=True
    ):
        assert value == pytest.approx(known[owner, row], abs=1e-5)


def test_an_empty_corpus_is_told(mine: Miner) -> None:
    data = RetrievalDataset.from_rows(
        "empty", corpus=[], queries=[("q", "x")], qrels={"train": [("q", "d", 1)]}
    )
    with pytest.raises(InputError, match="holds no document"):
        mine(data, "perc-pos:0.95")


def test_a_split_without_positives_is_told(mine: Miner) -> None:
    data = tiny(["purrs"], {})
    with pytest.raises(InputError, match="no document is relevant"):
        mine(data, "perc-pos:0.95")
    with pytest.raises(InputError, match="no such split"):
        mine(data, "perc-pos:0.95", split="nowhere")


def test_a_corpus_smaller_than_what_is_asked_for_is_told(mine: Miner) -> None:
    mined = mine(tiny(["it purrs", "it barks", "it sings"], {"purrs": [0]}), negatives=10)
    assert sorted(chosen(mined)["purrs"]) == ["d1", "d2"]
    assert mined.selection.table()["missing"].to_pylist() == [8]
    assert too_few(mined) == {"not found": 1}


def test_a_query_all_of_whose_documents_are_positives_is_told(mine: Miner) -> None:
    mined = mine(tiny(["it purrs", "it barks"], {"purrs": [0, 1], "barks": [1]}), negatives=1)
    assert chosen(mined) == {"purrs": [], "barks": ["d0"]}
    assert too_few(mined) == {"positive": 1}


def test_identical_documents_are_told(mine: Miner) -> None:
    mined = mine(tiny(["it purrs"] * 9, {"purrs": [4]}), negatives=2)
    assert chosen(mined) == {"purrs": []}
    assert removed_rows(mined)["same-text"][0] == 8
    assert too_few(mined) == {"same-text": 1}


def test_vectors_that_are_no_numbers_are_refused(
    minilm: SentenceEncoder, animal_data: RetrievalDataset, tmp_path: Path
) -> None:
    class Broken(Counting):
        def encode_queries(self, texts: list[str]) -> Vectors:
            return np.full_like(self.encoder.encode_queries(texts), np.nan)

    plan = MiningPlan(parse_sources(["bm25"]), parse_rules(["perc-pos:0.95"]))
    with pytest.raises(InputError, match="no finite number"):
        mine_negatives(animal_data, plan, cache=tmp_path, load_encoder=lambda: Broken(minilm))


def test_the_reference_is_followed(mine: Miner) -> None:
    data = tiny(
        ["it purrs at night", "a whole other thing", "it barks", "it sings"], {"purrs": [1, 0]}
    )
    left = {
        reference: len(chosen(mine(data, "perc-pos:0.95", reference=reference))["purrs"])
        for reference in Reference
    }
    assert left[Reference.NEAREST] == 2
    assert left[Reference.FARTHEST] <= left[Reference.MEAN] <= left[Reference.NEAREST]
    assert left[Reference.FIRST] == left[Reference.FARTHEST]


def test_an_explanation_tells_of_every_candidate(
    mine: Miner, animal_data: RetrievalDataset
) -> None:
    mined = mine(animal_data, "perc-pos:0.95", "similarity-max:0.3", "rank:1-20", negatives=3)
    told = explain(mined, "q-cat")
    assert told.query.startswith("Which animal purrs")
    assert [one.doc_id for one in told.positives] == ["d-cat"]
    assert told.reference == pytest.approx(told.positives[0].similarity)
    assert len(told.candidates) == 32
    for one in told.candidates:
        against = set()
        if one.doc_id == "d-cat":
            against = {"positive"}
        else:
            against |= {"similarity-max:0.3"} if one.similarity > 0.3 else set()
            against |= {"rank:1-20"} if one.rank > 20 else set()
        assert set(one.against) == against
    chosen_ones = [one.doc_id for one in told.candidates if one.chosen]
    assert chosen_ones == chosen(mined)["q-cat"]
    assert len(chosen_ones) == 3


def test_an_unknown_query_is_told_with_the_nearest(
    mine: Miner, animal_data: RetrievalDataset
) -> None:
    mined = mine(animal_data, "top")
    with pytest.raises(InputError, match="did you mean 'q-cat'"):
        explain(mined, "q-catt")
    # A test query: it has a positive, in another split.
    with pytest.raises(InputError, match="query_id"):
        explain(mined, "q-snail")


def test_statistics_are_of_what_may_be_chosen(mine: Miner, animal_data: RetrievalDataset) -> None:
    mined = mine(animal_data, "perc-pos:0.95", negatives=2)
    near = similarity_rows(mined)
    assert near["positives"]["count"] == 12
    assert near["candidates"]["count"] == 12 * 31
    assert near["chosen"]["count"] == 24
    assert near["chosen"]["min"] >= near["candidates"]["min"]
    nothing = replace(
        mined, selection=replace(mined.selection, chosen=np.zeros_like(mined.selection.chosen))
    )
    assert similarity_rows(nothing)["chosen"] == {"count": 0.0}
