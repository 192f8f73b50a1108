from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.datasets.dataset import RetrievalDataset
from syneg.synthesis.anchors import Anchors, measure_anchors

from .authors import many, writer


def collection(texts: list[tuple[str, str]], name: str = "c") -> RetrievalDataset:
    corpus = [(f"d{number}", *one) for number, one in enumerate(texts)]
    return RetrievalDataset.from_rows(
        name, corpus=corpus, queries=[("q", "which?")], qrels={"train": [("q", "d0", 1)]}
    )


def words(count: int) -> str:
    return " ".join(["word"] * count) + "."


def test_the_lengths_asked_for_follow_the_collection() -> None:
    drawn = np.random.default_rng(0).lognormal(4.0, 0.6, 800).astype(int).clip(8, 150)
    corpus = [(f"d{number}", "", words(int(size))) for number, size in enumerate(drawn)]
    data = RetrievalDataset.from_rows(
        "c",
        corpus=corpus,
        queries=[(f"q{number}", "x") for number in range(800)],
        qrels={"train": [(f"q{number}", f"d{number}", 1) for number in range(800)]},
    )
    calls = [one.call for one in writer(data).exchanges()]
    asked = np.array([call.asked[0].length for call in calls])
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert np.quantile(asked, share) == pytest.approx(np.quantile(drawn, share), rel=0.12)
    # And yet each is near its own positive's.
    positives = np.array([len(call.positive.text.split()) for call in calls])
    assert np.all((asked >= np.floor(positives * 0.75)) & (asked <= np.ceil(positives * 1.33)))
    assert np.mean(asked == positives) < 0.5


@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=40),
    st.integers(1, 500),
    st.floats(0, 1, exclude_max=True),
)
def test_any_length_is_near_the_positives(sizes: list[int], length: int, share: float) -> None:
    data = collection([("", words(size)) for size in sizes])
    near = measure_anchors(data, 1, seed=0).length_near(length, share)
    assert round(length * 0.75) <= near <= round(length * 1.33)


def test_nothing_shapes_the_request_without_anchors() -> None:
    data = collection([("A title", words(50)), *[("", words(9))] * 40])
    (exchange,) = writer(data, anchors=0).exchanges()
    assert exchange.call.asked[0].length == 50
    request = exchange.next_request([])
    assert request is not None
    assert "sample_document" not in request.system
    assert "words long" not in request.user


def test_samples_are_of_usual_length_and_say_how_texts_end() -> None:
    texts = [("", f"{number} {'w ' * 20}and then the") for number in range(20)]
    anchors = measure_anchors(collection([*texts, ("", "Short."), ("", words(900))]), 2, seed=0)
    assert anchors.open_ended
    shown = anchors.samples_without(())
    assert len(shown) == 2
    assert all("and then the" in one.text for one in shown)


def test_a_sample_that_is_relevant_to_a_query_is_another_for_that_query_alone() -> None:
    data = many(40, corpus=40)
    requests = [one.next_request([]) for one in writer(data).exchanges()]
    systems = [request.system for request in requests if request]
    usual = max(set(systems), key=systems.count)
    assert systems.count(usual) == 39
    for exchange in writer(data).exchanges():
        assert exchange.call.positive_id not in {one.document_id for one in exchange.call.samples}


def test_a_collection_without_spaces_between_words_is_counted_in_characters() -> None:
    text = "天空看起来是蓝色的，因为空气散射短波的光比长波的光多得多。" * 2
    (exchange,) = writer(collection([("", text)])).exchanges()
    request = exchange.next_request([])
    assert request is not None
    assert exchange.call.asked[0].length == len(text)
    assert f"about {len(text)} characters" in request.user


def test_a_collection_of_nothing_has_no_shape() -> None:
    empty = RetrievalDataset.from_rows("e", corpus=[], queries=[], qrels={})
    assert measure_anchors(empty, 1, seed=0) == Anchors()
    blank = RetrievalDataset.from_rows("b", corpus=[("d", "", " ")], queries=[], qrels={})
    assert measure_anchors(blank, 1, seed=0) == Anchors()
