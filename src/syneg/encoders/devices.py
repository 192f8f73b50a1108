"""One model on several devices, each of which encodes shards of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from syneg.encoders.contract import Encoder, Precision, Vectors
from syneg.encoders.encoder import load_encoder
from syneg.errors import InputError
from syneg.progress import Task


@dataclass(frozen=True)
class EncoderGroup:
    """The same model on several devices.

    `encode_corpus` gives each device whole shards; single calls go to the first device.

    Attributes:
        members: One encoder per device, at least one, all with the same fingerprint.

    Example:
        >>> group = load_encoders("minilm", devices=["cpu", "cpu"])
        >>> len(group.members), group.encode_queries(["a question"]).shape
        (2, (1, 384))
    """

    members: tuple[Encoder, ...]

    def __post_init__(self) -> None:
        fingerprints = {one.fingerprint for one in self.members}
        if len(fingerprints) != 1:
            raise InputError(
                "an encoder group needs one model, loaded with the same options everywhere",
                field="members",
                value=sorted(fingerprints),
            )

    @property
    def fingerprint(self) -> str:
        """Hash of all that changes the vectors, the same on every device."""
        return self.members[0].fingerprint

    @property
    def device(self) -> str:
        """The first device."""
        return str(getattr(self.members[0], "device", "cpu"))

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return one row per query, shape (n, dimensions), float32."""
        return self.members[0].encode_queries(texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per document, shape (n, dimensions), float32."""
        return self.members[0].encode_documents(texts)

    def count_too_long(self, texts: Sequence[str]) -> int:
        """Return how many texts have more tokens than the model reads."""
        return self.members[0].count_too_long(texts)


def load_encoders(
    location: str, *, devices: Sequence[str] | None = None, **options: Any
) -> EncoderGroup:
    """Load a bi-encoder onto several devices.

    Args:
        location: As `load_encoder` takes it.
        devices: For example ["cuda:0", "cuda:1"]; None takes every CUDA device, and where
            there is none the one device that `load_encoder` takes.
        options: Further options of `load_encoder`, but `device`.

    Raises:
        InputError: The model or a device cannot be used.
    """
    names: list[str | None] = [*(_cuda_devices() if devices is None else devices)]
    return EncoderGroup(
        tuple(load_encoder(location, device=name, **options) for name in names or [None])
    )


def mining_precision(device: str = "cpu") -> Precision:
    """Return bfloat16 where a device computes fast in it, else float32.

    Vectors in bfloat16 serve to find candidates: about one in a hundred of a query's ten
    nearest documents is another one. Figures to be reported are computed in float32.

    Args:
        device: "cpu", "cuda" or "cuda:0" and so on.

    Example:
        >>> mining_precision("mps").value
        'float32'
    """
    import torch

    kind = device.partition(":")[0]
    if kind == "cuda":
        fast = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    else:
        fast = kind == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return Precision.BFLOAT16 if fast else Precision.FLOAT32


class LockedTask:
    """A task that several threads may report to.

    Args:
        task: The task that is shown.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._lock = threading.Lock()

    def advance(self, count: float = 1) -> None:
        """Report that `count` more units are done."""
        with self._lock:
            self._task.advance(count)

    def describe(self, text: str) -> None:
        """Replace the short text shown beside the bar."""
        with self._lock:
            self._task.describe(text)


def work_on_each(
    encoder: Encoder, items: Iterable[int], work: Callable[[Encoder, int], None]
) -> None:
    """Call `work` with every item, on each of an encoder's devices at a time.

    The first failure is raised when every device has finished the item that it had; no other
    item is begun.

    Args:
        encoder: An `EncoderGroup`, or one encoder.
        items: Each is worked on once, by one of the devices.
        work: Does one item with one encoder.
    """
    if not isinstance(encoder, EncoderGroup) or len(encoder.members) == 1:
        only = encoder.members[0] if isinstance(encoder, EncoderGroup) else encoder
        for item in items:
            work(only, item)
        return
    waiting = iter(list(items))
    stop = threading.Event()
    lock = threading.Lock()

    def work_off(member: Encoder) -> None:
        while not stop.is_set():
            with lock:
                item = next(waiting, None)
            if item is None:
                return
            try:
                work(member, item)
            except BaseException:
                stop.set()
                raise

    with ThreadPoolExecutor(len(encoder.members)) as pool:
        try:
            for done in [pool.submit(work_off, member) for member in encoder.members]:
                done.result()
        finally:
            stop.set()


def _cuda_devices() -> list[str]:
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
