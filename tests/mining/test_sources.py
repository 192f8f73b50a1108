from __future__ import annotations

from pathlib import Path

import pytest

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import SentenceEncoder
from syneg.evaluation.retrieve import corpus_vectors
from syneg.mining.similarity import add_similarities, positive_similarities
from syneg.mining.source import NegativeSource, split_positives
from syneg.mining.sources import BM25Source, DenseSource, FusedSource, RandomSource
from syneg.negatives.record import Negative, to_table
from syneg.progress import SilentProgress


@pytest.fixture(scope="module")
def vectors(animal_data: RetrievalDataset, minilm: SentenceEncoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    return corpus_vectors(animal_data, "animals", minilm, folder, SilentProgress())


@pytest.fixture(params=["random", "bm25", "dense", "fusion"])
def source(request, minilm: SentenceEncoder, vectors) -> NegativeSource:
    dense = DenseSource(minilm, vectors, 5)
    return {
        "random": RandomSource(5),
        "bm25": BM25Source(5),
        "dense": dense,
        "fusion": FusedSource([BM25Source(5), dense], 5),
    }[request.param]


def positives_by_query(data: RetrievalDataset) -> dict[str, list[str]]:
    positives = split_positives(data, "train")
    return {
        query_id: data.document_ids(positives.of_query(place).documents)
        for place, query_id in enumerate(positives.query_ids)
    }


def test_no_source_proposes_a_known_positive(
    source: NegativeSource, animal_data: RetrievalDataset
) -> None:
    proposals = source.propose(animal_data, "train").to_pylist()
    positives = positives_by_query(animal_data)
    # BM25 finds nothing for a query whose words stand in its positive alone.
    assert {row["query_id"] for row in proposals} <= set(positives)
    assert proposals
    for row in proposals:
        assert row["doc_id"] not in positives[row["query_id"]]
        assert row["source"] == source.name
        assert row["positive_id"] in positives[row["query_id"]]
    ids = [row["negative_id"] for row in proposals]
    assert len(ids) == len(set(ids))


def test_proposals_do_not_depend_on_the_other_queries(
    source: NegativeSource, animal_data: RetrievalDataset
) -> None:
    half = animal_data.with_qrels({"train": animal_data.qrels["train"].slice(4, 3)})
    of_half = source.propose(half, "train").to_pylist()
    wanted = {row["query_id"] for row in of_half}
    of_all = source.propose(animal_data, "train").to_pylist()
    for row, same in zip(
        of_half, [row for row in of_all if row["query_id"] in wanted], strict=True
    ):
        assert row["doc_id"] == same["doc_id"]
        assert row["score"] == pytest.approx(same["score"], abs=1e-5)


def test_each_query_gets_its_depth_best_first(
    animal_data: RetrievalDataset, minilm: SentenceEncoder, vectors
) -> None:
    rows = DenseSource(minilm, vectors, 5).propose(animal_data, "train").to_pylist()
    by_query: dict[str, list[dict]] = {}
    for row in rows:
        by_query.setdefault(row["query_id"], []).append(row)
    for found in by_query.values():
        assert len(found) == 5
        assert [row["score"] for row in found] == sorted(
            (row["score"] for row in found), reverse=True
        )


def test_judgements_of_another_split_do_not_shape_the_negatives() -> None:
    data = RetrievalDataset.from_rows(
        "two splits",
        corpus=[(f"d{number}", "", f"swim {number}") for number in range(4)],
        queries=[("q", "swim")],
        qrels={"train": [("q", "d0", 1)], "test": [("q", "d1", 1)]},
    )
    proposals = BM25Source(10).propose(data, "train")
    assert set(proposals["doc_id"].to_pylist()) == {"d1", "d2", "d3"}


def test_a_corpus_of_positives_alone_yields_nothing() -> None:
    data = RetrievalDataset.from_rows(
        "all positive",
        corpus=[("d0", "", "swim"), ("d1", "", "swim far")],
        queries=[("q", "swim")],
        qrels={"train": [("q", "d0", 1), ("q", "d1", 1)]},
    )
    assert RandomSource(3).propose(data, "train").num_rows == 0
    assert BM25Source(3).propose(data, "train").num_rows == 0


def test_similarities_are_cosines_under_the_model(
    animal_data: RetrievalDataset, minilm: SentenceEncoder, vectors
) -> None:
    rows = [
        Negative(
            negative_id="a", query_id="q-cat", positive_id="d-cat", source="dense", doc_id="d-dog"
        ),
        Negative(
            negative_id="b",
            query_id="q-cat",
            positive_id="d-cat",
            source="llm",
            title="cat",
            text="The cat purrs loudly.",
        ),
        Negative(
            negative_id="c", query_id="q-cat", positive_id="d-cat", source="llm", problem="cut off"
        ),
    ]
    found = add_similarities(to_table(rows), animal_data, minilm, vectors).to_pylist()
    query = minilm.encode_queries(animal_data.query_texts(["q-cat"]))[0]
    dog, cat = minilm.encode_documents(
        [
            "dog The dog barks at strangers and guards the house at night.",
            "cat The cat purrs loudly.",
        ]
    )
    assert found[0]["query_similarity"] == pytest.approx(float(query @ dog), abs=1e-5)
    assert found[1]["query_similarity"] == pytest.approx(float(query @ cat), abs=1e-5)
    assert found[2]["query_similarity"] is None
    positives = positive_similarities(to_table(rows), animal_data, minilm, vectors)
    assert set(positives) == {("q-cat", "d-cat")}
    assert -1 <= found[0]["positive_similarity"] <= 1


def test_random_negatives_follow_the_seed(animal_data: RetrievalDataset, tmp_path: Path) -> None:
    def drawn(seed: int) -> list[str]:
        return RandomSource(5, seed=seed).propose(animal_data, "train")["doc_id"].to_pylist()

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)


def numbered(count: int, positives: list[int]) -> RetrievalDataset:
    return RetrievalDataset.from_rows(
        "numbered",
        corpus=[(f"d{number}", "", f"swim {number}") for number in range(count)],
        queries=[("q", "swim"), ("few", "swim")],
        qrels={
            "train": [("q", f"d{number}", 1) for number in positives] + [("few", "d0", 1)],
        },
    )


def test_many_positives_leave_as_many_candidates_as_asked_for() -> None:
    proposals = BM25Source(4).propose(numbered(40, list(range(20))), "train").to_pylist()
    by_query = {
        name: [row for row in proposals if row["query_id"] == name] for name in ("q", "few")
    }
    assert [len(rows) for rows in by_query.values()] == [4, 4]
    # They keep the ranks that the positives before them left.
    assert [row["rank"] for row in by_query["q"]] == [21, 22, 23, 24]
    assert [row["rank"] for row in by_query["few"]] == [2, 3, 4, 5]


def test_the_highest_grade_is_the_first_positive() -> None:
    data = RetrievalDataset.from_rows(
        "graded",
        corpus=[(f"d{number}", "", f"swim {number}") for number in range(4)],
        queries=[("q", "swim")],
        qrels={"train": [("q", "d0", 1), ("q", "d1", 2), ("q", "d2", 2)]},
    )
    assert positives_by_query(data) == {"q": ["d1", "d2", "d0"]}
    assert BM25Source(1).propose(data, "train")["positive_id"].to_pylist() == ["d1"]


def test_deeper_random_draws_begin_with_the_same() -> None:
    for count in (50, 6000):
        data = numbered(count, [0])
        few = RandomSource(5).search(data, "train", ["q"], 5).documents.tolist()
        more = RandomSource(9).search(data, "train", ["q"], 9).documents.tolist()
        assert more[:5] == few
        assert len(set(more)) == 9


def test_a_fusion_adds_up_what_ranks_are_worth(animal_data: RetrievalDataset) -> None:
    first, second = RandomSource(3, seed=1), RandomSource(3, seed=2)
    found = FusedSource([first, second], 6).search(animal_data, "train", ["q-cat"], 3)
    expected: dict[int, float] = {}
    for source in (first, second):
        one = source.search(animal_data, "train", ["q-cat"], 3)
        for rank, row in enumerate(one.documents.tolist(), start=1):
            expected[row] = expected.get(row, 0) + 1 / (60 + rank)
    for row, score in zip(found.documents.tolist(), found.scores.tolist(), strict=True):
        assert score == pytest.approx(expected[row])
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert len(found) == 3


def test_an_id_that_query_and_document_share_means_nothing() -> None:
    data = RetrievalDataset.from_rows(
        "both numbered from 1",
        corpus=[("1", "", "swim fast"), ("2", "", "swim slowly"), ("3", "", "Swim?")],
        queries=[("1", "swim")],
        qrels={"train": [("1", "2", 1)]},
    )
    # Document 1 is another text; document 3 is the query itself.
    assert BM25Source(5).propose(data, "train")["doc_id"].to_pylist() == ["1"]
