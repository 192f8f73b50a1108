"""Whether a query finds its document again."""

from __future__ import annotations

from pathlib import Path

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import SentenceEncoder
from syneg.encoders.store import encode_corpus
from syneg.progress import SilentProgress
from syneg.synthesis.round_trip import BM25Retriever, DenseRetriever, Found, round_trip


def corpus(texts: dict[str, str]) -> RetrievalDataset:
    rows = [(name, "", text) for name, text in texts.items()]
    return RetrievalDataset.from_rows("c", corpus=rows, queries=[], qrels={})


def ranks(texts: dict[str, str], *queries: tuple[str, str], depth: int = 100) -> list[Found]:
    data = corpus(texts)
    asked, own = zip(*queries, strict=True)
    return round_trip(data, asked, own, BM25Retriever(data), depth=depth)


def test_a_query_finds_its_document_or_another() -> None:
    texts = {"a": "Cats purr when content.", "b": "Dogs bark at night.", "c": "Cats sleep a lot."}
    one, other, none = ranks(
        texts, ("cats that purr", "a"), ("cats that purr", "c"), ("zebra", "b")
    )
    assert one == Found(1, 1)
    assert other == Found(2, 2)
    assert none == Found(None, None)


def test_near_identical_documents_are_no_rivals() -> None:
    text = (
        "The European bee makes honey from the nectar of flowers, stores it in combs of wax and "
        "lives on it in the winter, when there are none."
    )
    texts = {f"twin{n}": f"{text} Honey honey {n}." for n in range(5)}
    texts["own"] = text
    texts["rival"] = "Honey from nectar: honey, honey. Bees make honey from nectar and honeydew."
    (found,) = ranks(texts, ("honey nectar", "own"))
    assert found.raw_rank == 7
    assert found.rank == 2


def test_documents_with_the_same_score_are_no_rivals() -> None:
    texts = {f"d{n}": f"Word {name} here." for n, name in enumerate(["x1", "x2", "x3", "x4"])}
    assert [one.rank for one in ranks(texts, *[("word", f"d{n}") for n in range(4)])] == [1] * 4


def test_beyond_the_depth_the_rank_is_not_known() -> None:
    texts = {f"d{n}": "cat " * (n + 1) + f"unique{n} " * 3 for n in range(20)}
    (found,) = ranks(texts, ("cat", "d0"), depth=3)
    assert found == Found(None, None)


def test_chinese_needs_no_spaces() -> None:
    texts = {"a": "天空是蓝色的，因为空气散射蓝光。", "b": "草是绿色的，因为它有叶绿素。"}
    one, other = ranks(texts, ("为什么天空蓝", "a"), ("叶绿素", "b"))
    assert one.rank == other.rank == 1


def test_words_are_stemmed_as_in_their_language() -> None:
    texts = {
        "a": "Die Häuser der Stadt sind alt und das Dach ist aus Holz.",
        "b": "Wie ist das Wetter? Die Sonne scheint, und der Wind ist schwach.",
    }
    assert ranks(texts, ("Haus", "a"), ("schwacher", "b")) == [Found(1, 1)] * 2


def test_a_corpus_without_words_and_no_queries() -> None:
    data = corpus({"a": "...", "b": "?!"})
    assert round_trip(data, ["why"], ["a"], BM25Retriever(data)) == [Found(None, None)]
    assert round_trip(data, [], [], BM25Retriever(data)) == []
    assert (
        round_trip(corpus({"a": "Cats purr."}), ["?", ""], ["a", "a"], BM25Retriever(data))
        == [Found(None, None)] * 2
    )


def test_an_encoder_can_search(minilm: SentenceEncoder, tmp_path: Path) -> None:
    data = corpus({"a": "Felines purr.", "b": "Dogs bark.", "c": "The stock market fell."})
    vectors = encode_corpus(minilm, data.document_texts, 3, tmp_path, SilentProgress())
    retriever = DenseRetriever(minilm, vectors, "minilm")
    queries = ["what sound does a cat make", "share prices"]
    found = round_trip(data, queries, ["a", "c"], retriever)
    assert [one.rank for one in found] == [1, 1]
