"""A model with two sides: the tuned one for queries, the starting model for documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from syneg.errors import InputError
from syneg.files import write_text

_CARD = """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags:
- sentence-transformers
- asymmetric
---

# A retriever whose query side was fine-tuned

This model has two sides. Queries go through the side that was fine-tuned, documents through
the starting model, whose weights are unchanged. An index of vectors that the starting model
made of documents stays valid: nothing has to be encoded again.

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
queries = model.encode_query(["a question"])  # the tuned side
documents = model.encode_document(["a document"])  # the starting model
scores = model.similarity(queries, documents)
```

`model.encode` without a task takes the documents' side; queries must go through `encode_query`.
"""


def sides(model: Any) -> tuple[list[Any], list[Any]]:
    """Return the modules that a query goes through, and those that a document does.

    They are the same ones in a model with one side.

    Args:
        model: A `SentenceTransformer`.

    Raises:
        InputError: The model chooses modules by something else than query and document.

    Example:
        >>> from syneg.encoders.encoder import load_encoder
        >>> queries, documents = sides(load_encoder("minilm").model)
        >>> [type(one).__name__ for one in queries], queries == documents
        (['Transformer', 'Pooling', 'Normalize'], True)
    """
    first, *rest = model.children()
    if not has_two_sides(model):
        return [first, *rest], [first, *rest]
    routes = first.sub_modules
    if not {"query", "document"} <= set(routes):
        raise InputError(
            "the model chooses its modules by something else than query and document",
            field="model",
            value=sorted(routes),
            remedy="train all of it (training.query_only: false), or take another model",
        )
    return [*routes["query"], *rest], [*routes["document"], *rest]


def has_two_sides(model: Any) -> bool:
    """Tell whether a model has different modules for different inputs."""
    from sentence_transformers.base.modules import Router

    return isinstance(next(iter(model.children()), None), Router)


def two_sided(queries: Any, documents: Any) -> Any:
    """Return a model that encodes queries as one model does and documents as another.

    Args:
        queries: A `SentenceTransformer`; prompts and similarity are taken from it.
        documents: Another one, with vectors of as many dimensions.

    Returns:
        A `SentenceTransformer` whose only module is a `Router`; it shares the modules given.
    """
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        modules=[_router(queries, documents)],
        device=str(queries.device),
        prompts=dict(queries.prompts),
        default_prompt_name=queries.default_prompt_name,
        similarity_fn_name=queries.similarity_fn_name,
        truncate_dim=queries.truncate_dim,
    )
    model.train(queries.training)
    return model


def make_two_sided(model: Any, documents: Any) -> None:
    """Let a model encode documents as another one does from now on, and queries as before."""
    router = _router(model, documents)
    for name in [name for name, _ in model.named_children()]:
        delattr(model, name)
    model.add_module("0", router)
    router.on_model_ready(model)


def write_card(folder: Path) -> None:
    """Write into a model's folder how a model with two sides is to be used."""
    write_text(folder / "README.md", _CARD)


def _router(queries: Any, documents: Any) -> Any:
    from sentence_transformers.base.modules import Router

    return Router.for_query_document(sides(queries)[0], sides(documents)[1])
