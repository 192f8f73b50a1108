"""BM25 over a corpus, with the stemmer and stop words of a language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError, MissingExtraError, nearest

NO_LANGUAGE = "none"
"""Neither a stemmer nor stop words."""

_STOP_WORDS = (
    "english", "german", "dutch", "french", "spanish", "portuguese", "italian", "russian",
    "swedish", "norwegian", "chinese", "turkish", "korean", "danish",
)  # fmt: skip
_WORDS = r"(?u)\b\w\w+\b"
# Without spaces between words every sign is searched for.
_SIGNS = r"(?u)[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]{2,}"
_WITHOUT_SPACES = ("chinese", "japanese")


class BM25Index:
    """The documents of a corpus, searched by words (bm25s, Lucene's variant of BM25).

    Args:
        dataset: Whose documents are searched; titles belong to them.
        language: For example "english", or "none".

    Raises:
        MissingExtraError: bm25s or PyStemmer is not installed.
        InputError: There is neither a stemmer nor a list of stop words for the language.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats purr."), ("d2", "", "Dogs bark.")],
        ...     queries=[], qrels={})
        >>> rows, scores = BM25Index(data).search(["a barking dog"], 2)
        >>> rows.tolist(), bool(scores[0, 0] > 0)
        ([[1, -1]], True)
    """

    def __init__(self, dataset: RetrievalDataset, language: str = "english") -> None:
        self.language = check_language(language)
        texts = dataset.document_texts(range(dataset.corpus.num_rows))
        self.rows = len(texts)
        tokens = self._tokens(texts, return_ids=True)
        self.index: Any = None
        # Nothing but stop words and single letters: BM25 finds no document.
        if tokens.vocab and any(len(one) for one in tokens.ids):
            self.index = _bm25s().BM25(method="lucene")
            self.index.index(tokens, show_progress=False)

    def search(
        self, queries: Sequence[str], depth: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return the documents that share words with each query, best first.

        Equal scores are ordered by row, so that the result depends on nothing else.

        Args:
            queries: Their texts.
            depth: How many documents for each.

        Returns:
            Corpus rows, -1 where no more document shares a word, and scores; both of shape
            (queries, depth).
        """
        rows = np.full((len(queries), depth), -1, np.int64)
        scores = np.zeros((len(queries), depth), np.float32)
        if self.index is None or not len(queries):
            return rows, scores
        for number, words in enumerate(self._tokens(list(queries), return_ids=False)):
            known = self.index.get_tokens_ids(words)
            if not known:
                continue
            found = self.index.get_scores_from_ids(known)
            best = _best(found, depth)
            rows[number, : len(best)] = best
            scores[number, : len(best)] = found[best]
        return rows, scores

    def _tokens(self, texts: list[str], *, return_ids: bool) -> Any:
        stop_words = self.language if self.language in _STOP_WORDS else None
        return _bm25s().tokenize(
            texts,
            stopwords=stop_words,
            stemmer=_stemmer(self.language),
            token_pattern=_SIGNS if self.language in _WITHOUT_SPACES else _WORDS,
            return_ids=return_ids,
            show_progress=False,
        )


def check_language(language: str) -> str:
    """Return the language's name as it is known here.

    Raises:
        MissingExtraError: PyStemmer is not installed.
        InputError: The language is not known.

    Example:
        >>> check_language("German")
        'german'
    """
    name = language.strip().lower()
    known = sorted({NO_LANGUAGE, *_STOP_WORDS, *_WITHOUT_SPACES, *_algorithms()})
    if name not in known:
        close = nearest(name, known)
        raise InputError(
            "there is neither a stemmer nor a list of stop words for this language",
            field="language",
            value=language,
            remedy=f"did you mean '{close}'?" if close else f"one of: {', '.join(known)}",
        )
    return name


def _best(scores: npt.NDArray[np.float32], depth: int) -> npt.NDArray[np.int64]:
    """Return the places of the `depth` highest scores above 0, best first."""
    least = np.float32(0)
    if depth < len(scores):
        least = np.partition(scores, len(scores) - depth)[len(scores) - depth]
    places = np.flatnonzero((scores >= least) & (scores > 0))
    order = np.lexsort((places, -scores[places]))
    return np.asarray(places[order][:depth], np.int64)


def _algorithms() -> list[str]:
    try:
        import Stemmer
    except ImportError as error:
        raise MissingExtraError(str(error.name), "mine") from error
    names: list[str] = Stemmer.algorithms()
    return names


def _stemmer(language: str) -> Any:
    if language not in _algorithms():
        return None
    import Stemmer

    return Stemmer.Stemmer(language)


def _bm25s() -> Any:
    try:
        import bm25s
    except ImportError as error:
        raise MissingExtraError(str(error.name), "mine") from error
    return bm25s
