"""ADORE: at every step the documents nearest to the batch's queries as they are encoded now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.contract import Vectors
from syneg.encoders.search import exact_search
from syneg.errors import InputError
from syneg.mining.candidates import Candidates, Integers, Positives
from syneg.mining.exclusions import exclude_by_text, exclude_known
from syneg.mining.rules import Rule
from syneg.mining.selection import Selection, select
from syneg.mining.siblings import exclude_siblings
from syneg.seeding import generator_for
from syneg.training.examples import LABEL, TrainingExamples
from syneg.training.loss import Batch
from syneg.training.options import TrainingOptions
from syneg.training.retrieval import Retrieval, candidate_keys

_ROWS_AT_ONCE = 16_384
_PAIRS_REMEMBERED = 1_000_000
_POSITIVE = 1


class StepRetriever:
    """Chooses each batch's retrieved negatives from the whole corpus, by vectors that stay.

    The synthetic negatives of an instance stay; in the place of the retrieved ones come the
    nearest documents to the query as it is encoded at this step, less known positives, texts
    that nearly repeat one, pairs that a judge refused, and what the rules remove. Where
    fewer are left than wanted, those of the mixture fill up.

    What a step finds depends on the seed, the queries and the model alone, so it needs no
    record: training that goes on after a kill finds the same.

    Args:
        examples: The texts; their instances are those of `retrieval`, in the same order.
        numbers: From `number_documents`, of these examples.
        retrieval: What is retrieved from.
        options: Uses `refresh_depth` and `refresh_negatives`.
        seed: Of what is drawn, where the rules draw.
        device: Where to search, for example "cuda:0".

    Source:
        ADORE (arXiv 2104.08051).
    """

    def __init__(
        self,
        examples: TrainingExamples,
        numbers: Integers,
        retrieval: Retrieval,
        options: TrainingOptions,
        *,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.examples = examples
        self.retrieval = retrieval
        self.depth = options.refresh_depth
        self.wanted = options.refresh_negatives
        self.seed = seed
        self.device = device
        # One at a time, and how many is said here.
        self.rules = tuple(
            Rule(one.name, tuple(pair for pair in one.values if pair[0] != "n"))
            for one in retrieval.rules
        )
        self._blocks = list(retrieval.vectors.blocks())
        self._place_of = {one: place for place, one in enumerate(retrieval.positives.query_ids)}
        self._numbers = numbers
        self._refused = retrieval.refused_keys(retrieval.dataset)
        queries = np.array(examples.table[LABEL].to_pylist(), np.int64)[:, 0].tolist()
        ids = retrieval.instances["query_id"].to_pylist()
        self._id_of = dict(zip(reversed(queries), reversed(ids), strict=True))
        unknown = sorted(set(ids) - set(self._place_of))
        if unknown:
            raise InputError(
                f"{len(unknown)} queries have no judged positive that could be held against "
                "what is retrieved",
                field="query_id",
                value=unknown[0],
                remedy="leave them out, or set training.refresh to none",
            )
        self._seen: dict[int, bool] = {}
        self._observed: defaultdict[str, list[float]] = defaultdict(list)

    def __call__(self, label: Integers, queries: Vectors, step: int) -> Batch:
        """Return the batch of a label, shape (b, 2 + k), given the queries' vectors now."""
        generated = self.examples.generated[label[:, 2:]]
        wanted = [self.wanted or int((~row).sum()) for row in generated]
        found = self._retrieved(label[:, 0], queries, max(wanted, default=0), step)
        texts, owners = [label[:, 1]], [np.arange(len(label))]
        for place, row in enumerate(label[:, 2:]):
            own = found[place][: wanted[place]]
            given = row[~generated[place]]
            filled = given[~np.isin(given, own)][: wanted[place] - len(own)]
            self._observed["retrieved_missing"].append(wanted[place] - len(own))
            texts += [row[generated[place]], own, filled]
            owners += [np.full(sum(map(len, texts[-3:])), place)]
        return Batch(label[:, 0], np.concatenate(texts), np.concatenate(owners))

    def read_observed(self) -> dict[str, float]:
        """Return what was seen since the last call, by name, and begin anew.

        "retrieved_missing" is how many an instance lacked, "retrieved_rank" the mean rank of
        those that it got, from 1, known positives counted.
        """
        means = {name: float(np.mean(values)) for name, values in self._observed.items() if values}
        self._observed.clear()
        return means

    def _retrieved(
        self, numbers: Integers, queries: Vectors, wanted: int, step: int
    ) -> list[Integers]:
        """Return the numbers of each query's retrieved negatives, nearest first."""
        if not wanted:
            return [np.zeros(0, np.int64) for _ in numbers]
        ids = [self._id_of[number] for number in numbers.tolist()]
        known = self._positives(ids, queries)
        depth = max(self.depth, wanted) + int(known.counts.max(initial=0))
        rows, scores = exact_search(
            queries,
            self._blocks,
            min(depth, self.retrieval.vectors.rows),
            device=self.device,
        )
        found = Candidates.from_grid("adore", ids, rows, scores)
        found = exclude_known(
            replace(found, similarities=found.scores), known, self.retrieval.dataset
        )
        if self.retrieval.siblings is not None:
            found = exclude_siblings(found, known, self.retrieval.siblings)
        found.excluded[self._known_texts(numbers, found)] = _POSITIVE
        found.excluded[np.isin(self._keys(found), self._refused)] = _POSITIVE
        drawn = int(generator_for(self.seed, "adore", str(step)).integers(2**31))
        chosen = self._select(found, known, wanted, drawn)
        self._observed["retrieved_rank"] += chosen.candidates.ranks[chosen.chosen].tolist()
        split = np.cumsum(chosen.chosen_counts)[:-1]
        return np.split(self._numbers[chosen.candidates.documents[chosen.chosen]], split)

    def _select(self, found: Candidates, known: Positives, wanted: int, seed: int) -> Selection:
        """Select, and look only at the texts of what is selected, until none must be excluded."""
        while True:
            chosen = select(
                found, known, self.rules, reference=self.retrieval.reference, wanted=wanted,
                seed=seed,
            )  # fmt: skip
            places = np.flatnonzero(chosen.chosen)
            bad = places[self._repeat_a_positive(found.taken(chosen.chosen), known)]
            if not len(bad):
                return chosen
            found.excluded[bad] = _POSITIVE

    def _repeat_a_positive(self, found: Candidates, known: Positives) -> npt.NDArray[np.bool_]:
        """Tell which candidates say what a positive or the query says; each pair is read once."""
        if len(self._seen) > _PAIRS_REMEMBERED:
            self._seen.clear()
        keys = self._keys(found)
        new = np.array([key not in self._seen for key in keys.tolist()], bool)
        if new.any():
            looked = exclude_by_text(
                found.taken(new), known, self.retrieval.dataset,
                near_duplicate=self.retrieval.near_duplicate,
            )  # fmt: skip
            self._seen.update(zip(keys[new].tolist(), (looked.excluded > 0).tolist(), strict=True))
        return np.array([self._seen[key] for key in keys.tolist()], bool)

    def _positives(self, ids: Sequence[str], queries: Vectors) -> Positives:
        """Return the known positives of a batch's queries, with their similarities now."""
        every = self.retrieval.positives
        places = [self._place_of[one] for one in ids]
        ends = [(int(every.offsets[one]), int(every.offsets[one + 1])) for one in places]
        documents = np.concatenate([every.documents[first:last] for first, last in ends])
        counts = np.array([last - first for first, last in ends], np.int64)
        vectors = self.retrieval.vectors.take(documents)
        own = np.repeat(queries, counts, axis=0)
        near = np.einsum("ij,ij->i", own, vectors)
        offsets: Integers = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Positives(list(ids), offsets, documents, near.astype(np.float32))

    def _known_texts(self, numbers: Integers, found: Candidates) -> npt.NDArray[np.bool_]:
        """Tell which have the text of something relevant, of the query, or of a nearer one."""
        own = self._numbers[found.documents]
        known = np.zeros(len(found), bool)
        for place, number in enumerate(numbers.tolist()):
            rows = slice(int(found.offsets[place]), int(found.offsets[place + 1]))
            relevant = [number, *self.examples.relevant.get(number, ())]
            repeated = np.ones(len(own[rows]), bool)
            repeated[np.unique(own[rows], return_index=True)[1]] = False
            known[rows] = repeated | np.isin(own[rows], relevant)
        return known

    def _keys(self, found: Candidates) -> Integers:
        places = np.array([self._place_of[one] for one in found.query_ids], np.int64)
        return candidate_keys(places[found.owners], found.documents, self.retrieval.dataset)


def number_documents(
    examples: TrainingExamples, dataset: RetrievalDataset
) -> tuple[TrainingExamples, Integers]:
    """Return a number for the text of every corpus row, and examples that know the rows.

    Equal texts have one number, so that a copy of a relevant document is known as relevant.
    What is not among the examples' texts has the number of texts plus its row.

    Args:
        examples: The texts.
        dataset: The corpus; all its texts are read once, a part at a time.

    Returns:
        The same examples with more of `documents` known, and one number per corpus row.
    """
    number_of = {text: number for number, text in enumerate(examples.texts)}
    total = dataset.corpus.num_rows
    numbers: Integers = np.arange(len(examples.texts), len(examples.texts) + total)
    for start in range(0, total, _ROWS_AT_ONCE):
        rows = range(start, min(start + _ROWS_AT_ONCE, total))
        for row, text in zip(rows, dataset.document_texts(rows), strict=True):
            numbers[row] = number_of.get(text, numbers[row])
    documents = examples.documents.copy()
    there = np.flatnonzero(numbers < len(documents))[::-1]
    documents[numbers[there]] = there  # The first of several, since it is written last.
    return replace(examples, documents=documents), numbers
