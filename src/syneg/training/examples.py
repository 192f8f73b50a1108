"""From a mixture of ids to the columns of texts that the trainer reads."""

from __future__ import annotations

import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset, join_title


def training_table(instances: pa.Table, negatives: pa.Table, dataset: RetrievalDataset) -> pa.Table:
    """Return the texts of a mixture: columns anchor, positive, negative_1 … negative_k.

    Args:
        instances: Columns of `syneg.mixing.mixer.INSTANCE_SCHEMA`; every row has the same
            number of negatives.
        negatives: The pool, columns of `NEGATIVE_SCHEMA`.
        dataset: Texts of the queries and documents.

    Example:
        >>> from syneg.mixing.mixer import INSTANCE_SCHEMA
        >>> from syneg.negatives.record import Negative, to_table
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats purr.")], queries=[("q1", "Who purrs?")],
        ...     qrels={"train": [("q1", "d1", 1)]})
        >>> pool = to_table([Negative(negative_id="n", query_id="q1", positive_id="d1",
        ...                           source="llm", title="Dogs", text="bark.")])
        >>> rows = pa.Table.from_pylist([{"query_id": "q1", "positive_id": "d1",
        ...     "negative_ids": ["n"], "sources": ["llm"]}], schema=INSTANCE_SCHEMA)
        >>> training_table(rows, pool, data).to_pylist()
        [{'anchor': 'Who purrs?', 'positive': 'Cats purr.', 'negative_1': 'Dogs bark.'}]
    """
    columns: dict[str, list[str]] = {
        "anchor": dataset.query_texts(instances["query_id"].to_pylist()),
        "positive": dataset.document_texts(dataset.document_rows(instances["positive_id"])),
    }
    rows = instances["negative_ids"].to_pylist()
    texts = _negative_texts({one for row in rows for one in row}, negatives, dataset)
    for place in range(len(rows[0]) if rows else 0):
        columns[f"negative_{place + 1}"] = [texts[row[place]] for row in rows]
    return pa.table(columns)


def _negative_texts(
    wanted: set[str], negatives: pa.Table, dataset: RetrievalDataset
) -> dict[str, str]:
    texts: dict[str, str] = {}
    documents: dict[str, str] = {}
    columns = ("negative_id", "doc_id", "title", "text")
    for negative_id, doc_id, title, text in zip(
        *(negatives[name].to_pylist() for name in columns), strict=True
    ):
        if negative_id not in wanted:
            continue
        if doc_id is None:
            texts[negative_id] = join_title(title, text)
        else:
            documents[negative_id] = doc_id
    rows = dataset.document_rows(list(documents.values()))
    texts.update(zip(documents, dataset.document_texts(rows), strict=True))
    return texts
