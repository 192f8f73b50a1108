"""A run: its folder, its configuration, and what its stages share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from syneg.datasets.beir import read_beir_folder, write_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.load import load_dataset
from syneg.datasets.splits import hold_out_development
from syneg.encoders.encoder import SentenceEncoder, load_encoder
from syneg.encoders.store import VectorStore
from syneg.errors import InputError
from syneg.evaluation.retrieve import corpus_vectors
from syneg.files import read_json, remove_tree, write_json
from syneg.negatives.pool import NegativePool
from syneg.pipeline.config import RunConfig
from syneg.pipeline.manifest import DATA_SET, STARTING_MODEL, Manifest
from syneg.progress import Progress, SilentProgress

_BUILT = {"pydocs"}


@dataclass
class Run:
    """What the stages of one run work on.

    Attributes:
        folder: The run folder.
        config: The configuration.
        manifest: The folder's manifest.
        progress: Shows what is being done.
        retry_failed: Whether the language model is asked again what it failed at for good.
    """

    folder: Path
    config: RunConfig
    manifest: Manifest
    progress: Progress = field(default_factory=SilentProgress)
    retry_failed: bool = False

    @cached_property
    def pool(self) -> NegativePool:
        """The run's negatives and verdicts."""
        return NegativePool(self.folder / "pool")

    @cached_property
    def dataset(self) -> RetrievalDataset:
        """The data set, with a development split.

        Raises:
            InputError: It is not valid, lacks a split, or changed since the run began.
        """
        options = self.config.dataset
        dataset = self._read_dataset()
        fingerprint = dataset.fingerprint()
        dataset.judgements(options.train)
        dataset.judgements(options.test)
        if options.development not in dataset.splits:
            dataset = hold_out_development(
                dataset,
                fraction=options.development_share,
                seed=self.config.seed,
                split=options.train,
                name=options.development,
                largest=options.development_most,
            )
        # Written down only now: a data set that is refused may be mended and tried again.
        self.manifest.state(
            DATA_SET, fingerprint, "give another --output, or put the data set back as it was"
        )
        return dataset

    @cached_property
    def encoder(self) -> SentenceEncoder:
        """The starting model, in float32."""
        encoder = self.load_encoder(self.config.model.location)
        self.manifest.state(
            STARTING_MODEL,
            encoder.fingerprint,
            "give another --output, or put the model back as it was",
        )
        return encoder

    @cached_property
    def vectors(self) -> VectorStore:
        """The corpus under the starting model."""
        return self.encode_with(self.encoder)

    def load_encoder(self, location: str) -> SentenceEncoder:
        """Load a model the way the configuration says."""
        options = self.config.model
        # A model that was saved while training states the pooling that it was given.
        states = location != options.location and (Path(location) / "modules.json").is_file()
        return load_encoder(
            location,
            max_length=options.max_length,
            trust_remote_code=options.trust_remote_code,
            offline=self.config.offline,
            device=options.device,
            pooling=None if states else options.pooling,
            dimensions=options.dimensions,
            query_prompt=options.query_prompt,
            document_prompt=options.document_prompt,
        )

    def encode_with(self, encoder: SentenceEncoder) -> VectorStore:
        """Encode the corpus, or return the vectors from an earlier time."""
        corpus = self.manifest.facts[DATA_SET]
        return corpus_vectors(
            self.dataset, corpus, encoder, self.folder / "embeddings", self.progress
        )

    def _read_dataset(self) -> RetrievalDataset:
        options = self.config.dataset
        kept = self.folder / "dataset"
        made_here = options.location in _BUILT or options.location.startswith("hub:")
        if not made_here:
            return load_dataset(options.location, skip_unknown=options.skip_unknown)
        # What is built or fetched is kept as a BEIR folder: the next call must not depend on
        # another interpreter or on the network.
        mark = self.folder / ".dataset"
        wanted = {"location": options.location, "skip_unknown": options.skip_unknown}
        known = read_json(mark) if mark.is_file() else {}
        if known.get("wanted") != wanted:
            dataset = load_dataset(
                options.location, skip_unknown=options.skip_unknown, offline=self.config.offline
            )
            remove_tree(kept)
            write_beir_folder(dataset, kept)
            known = {"wanted": wanted, "notes": dataset.notes}
            write_json(mark, known)
        name = options.location.removeprefix("hub:").rpartition("/")[2]
        dataset = read_beir_folder(kept)
        return replace(dataset, name=name, notes=(*known["notes"], *dataset.notes))


def check_recorded(path: Path | None) -> None:
    """Make sure that a file of recorded negatives is there before long work begins."""
    if path is not None and not path.is_file():
        raise InputError(
            "there is no such file of negatives", file=path, remedy="check --synthetic"
        )


def as_plain(value: Any) -> Any:
    """Return dataclass-like values as JSON can hold them (keys become strings)."""
    if isinstance(value, dict):
        return {str(key): as_plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(one) for one in value]
    return value
