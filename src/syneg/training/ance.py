"""ANCE: negatives that are chosen anew with the model as it is, every so many steps."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syneg.encoders.contract import Encoder
from syneg.encoders.store import encode_corpus
from syneg.errors import InputError
from syneg.files import read_table, remove_tree, write_table
from syneg.mining.selection import Selection, select
from syneg.mining.similarity import compare_positives
from syneg.mining.source import split_positives
from syneg.mining.sources import DenseSource
from syneg.mixing.mixer import INSTANCE_SCHEMA
from syneg.negatives.record import NEGATIVE_SCHEMA, SYNTHETIC, negative_identity
from syneg.progress import Progress
from syneg.seeding import generator_for
from syneg.training.examples import TrainingExamples
from syneg.training.options import TrainingOptions
from syneg.training.retrieval import Retrieval, candidate_keys

logger = logging.getLogger(__name__)

ANCE = "ance"
"""The `source` of negatives that were retrieved while training."""

_SCHEMA = INSTANCE_SCHEMA.append(pa.field("documents", pa.list_(pa.string()), nullable=False))
_FACTS = b"refresh"
_POSITIVE = 1


@dataclass(frozen=True)
class Refreshes:
    """Every choice of negatives of one training, each a file that is written before its use.

    Which negatives an instance has at a step depends on that step alone, so training that is
    killed and goes on reads what it read before.

    Attributes:
        retrieval: What is retrieved from.
        options: Uses `refresh_depth` and `refresh_documents`.
        folder: Gets `refresh-STEP.parquet`, and vectors while documents are encoded.
        every: Steps between two choices.
        seed: Of what is drawn.
        progress: Shows the documents done.

    Source:
        ANCE (arXiv 2007.00808). Its index lags behind the model while it is made; here training
        waits for it.
    """

    retrieval: Retrieval
    options: TrainingOptions
    folder: Path
    every: int
    seed: int
    progress: Progress

    def begins(self, step: int) -> int:
        """Return the step at which the negatives of a step were chosen; 0 for the mixture's."""
        return step // self.every * self.every

    def examples(self, step: int, current: Callable[[], Encoder]) -> TrainingExamples | None:
        """Return the texts from a step on; None where they are still those of the mixture.

        Args:
            step: Steps that are done.
            current: Gives the model as it is after them; asked for if there is no file yet.

        Raises:
            InputError: The file of an earlier step is missing or damaged.
        """
        begins = self.begins(step)
        if not begins:
            return None
        file = self.file(begins)
        if not file.is_file():
            if begins != step:
                raise InputError(
                    f"the negatives that training has had since step {begins} are missing",
                    file=file,
                    remedy="delete this folder; training then begins anew",
                )
            self._choose(step, current(), file)
        table = self._read(file)
        pool = pa.concat_tables([self.retrieval.negatives, _as_negatives(table)])
        return self.retrieval.examples(table.select(INSTANCE_SCHEMA.names), pool)

    def file(self, step: int) -> Path:
        """Return where the choice of a step is kept."""
        return self.folder / f"refresh-{step}.parquet"

    def facts(self) -> list[dict[str, Any]]:
        """Return what became of each choice so far, by rising step."""
        files = self.folder.glob("refresh-*.parquet")
        known = [json.loads(read_table(one).schema.metadata[_FACTS]) for one in files]
        return sorted(known, key=lambda one: int(one["step"]))

    def _read(self, file: Path) -> pa.Table:
        try:
            table = read_table(file)
            names = ["query_id", "positive_id"]
            same = table.select(names).equals(self.retrieval.instances.select(names))
        except (pa.ArrowInvalid, OSError, KeyError):
            same = False
        if not same:
            raise InputError(
                "does not hold the negatives of these training instances",
                file=file,
                remedy="delete this folder; training then begins anew",
            )
        return table

    def _choose(self, step: int, encoder: Encoder, file: Path) -> None:
        retrieval, options = self.retrieval, self.options
        data = retrieval.within(options.refresh_documents)
        place = self.folder / f"refresh-{step}"
        vectors = encode_corpus(
            encoder, data.document_texts, data.corpus.num_rows, place, self.progress
        )
        positives = split_positives(data, retrieval.split)
        source = DenseSource(encoder, vectors, options.refresh_depth)
        found = source.candidates(
            data,
            positives,
            retrieval.split,
            near_duplicate=retrieval.near_duplicate,
            sources=retrieval.siblings_in(data),
        )
        keys = candidate_keys(found.owners, found.documents, data)
        found.excluded[np.isin(keys, retrieval.refused_keys(data))] = _POSITIVE
        chosen = select(
            found,
            compare_positives(positives, data, encoder, vectors),
            retrieval.rules,
            reference=retrieval.reference,
            seed=int(generator_for(self.seed, ANCE, str(step)).integers(2**31)),
        )
        offers = _offers(chosen, data.document_ids(chosen.candidates.documents), retrieval.window)
        table, counts = self._instances(step, offers)
        facts = {
            "step": step,
            "documents": data.corpus.num_rows,
            **counts,
            "removed": {name: count for name, count in chosen.removed().items() if count},
        }
        # Facts and choice are one file: there is none without the other.
        write_table(file, table.replace_schema_metadata({_FACTS: json.dumps(facts).encode()}))
        remove_tree(place)
        logger.info(
            "step %d: negatives chosen anew by the model as it is; %d of %d are others than before",
            step, counts["changed"], counts["retrieved"],
        )  # fmt: skip
        if counts["kept"]:
            logger.info(
                "step %d: %d stay as they were, because the rules leave too few others",
                step, counts["kept"],
            )  # fmt: skip

    def _instances(
        self, step: int, offers: dict[str, list[str]]
    ) -> tuple[pa.Table, dict[str, int]]:
        """Return the instances with their new negatives, and what changed."""
        counts = Counter(retrieved=0, changed=0, kept=0)
        rows = self._before(step).to_pylist()
        for row in rows:
            pair = row["query_id"], row["positive_id"]
            places = [one for one, source in enumerate(row["sources"]) if source != SYNTHETIC]
            had = [row["documents"][place] for place in places]
            offer = offers.get(pair[0], [])
            order = generator_for(self.seed, ANCE, str(step), *pair).permutation(len(offer))
            drawn = [offer[one] for one in order[: len(places)]]
            counts.update(retrieved=len(places), kept=len(places) - len(drawn))
            counts["changed"] += len(set(drawn) - set(had))
            # Where too few are left, the places stay whose documents are drawn nowhere else.
            places.sort(key=lambda place: row["documents"][place] not in drawn)
            for place, doc_id in zip(places, drawn, strict=False):
                row["documents"][place] = doc_id
                row["sources"][place] = ANCE
                row["negative_ids"][place] = negative_identity(*pair, ANCE, doc_id)
        return pa.Table.from_pylist(rows, schema=_SCHEMA), dict(counts)

    def _before(self, step: int) -> pa.Table:
        """Return the instances that a new choice takes the place of."""
        previous = self.file(step - self.every)
        if step > self.every and previous.is_file():
            return self._read(previous)
        instances, negatives = self.retrieval.instances, self.retrieval.negatives
        ids = {one for row in instances["negative_ids"].to_pylist() for one in row}
        wanted = pa.array(sorted(ids), negatives.schema.field("negative_id").type)
        used = negatives.filter(pc.is_in(negatives["negative_id"], value_set=wanted))
        columns = (used[name].to_pylist() for name in ("negative_id", "doc_id"))
        document_of = dict(zip(*columns, strict=True))
        documents = [
            [document_of[one] for one in row] for row in instances["negative_ids"].to_pylist()
        ]
        return instances.append_column(
            _SCHEMA.field("documents"), pa.array(documents, pa.list_(pa.string()))
        )


def _offers(chosen: Selection, doc_ids: list[str], window: int) -> dict[str, list[str]]:
    """Return for each query the first documents that the rules leave."""
    offsets = chosen.candidates.offsets.tolist()
    return {
        query_id: [doc_ids[row] for row in first + np.flatnonzero(chosen.chosen[first:last])][
            :window
        ]
        for query_id, first, last in zip(
            chosen.candidates.query_ids, offsets[:-1], offsets[1:], strict=True
        )
    }


def _as_negatives(table: pa.Table) -> pa.Table:
    """Return the negatives that were retrieved while training as rows of a pool."""
    found: dict[str, dict[str, str]] = {}
    for row in table.to_pylist():
        for negative_id, source, doc_id in zip(
            row["negative_ids"], row["sources"], row["documents"], strict=True
        ):
            if source == ANCE:
                found[negative_id] = {
                    "negative_id": negative_id,
                    "query_id": row["query_id"],
                    "positive_id": row["positive_id"],
                    "source": source,
                    "doc_id": doc_id,
                }
    return pa.Table.from_pylist(list(found.values()), schema=NEGATIVE_SCHEMA)
