"""What a user can set about the judge of false negatives."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

RankWindow = tuple[int, int]


class JudgeOptions(BaseModel):
    """Settings of the language model that looks for false negatives.

    Attributes:
        enabled: Whether negatives are judged at all; every judgement is a paid request.
        judge_synthetic: Whether negatives that a language model wrote are judged.
        judge_mined: Whether retrieved negatives are judged.
        mined_per_query: Most different retrieved documents judged for a query, best rank
            first; None judges all that stand.
        probes: Known positives, and as many documents of middle rank, on which every run
            measures the judge. An interval whose lower end is 97% needs at least 125.
        random_probes: Documents drawn by chance, on which it is measured as well. They are
            easy, so they earn the judge no right.
        probe_ranks: First and last rank of the documents that are presumed not relevant.
        fewest_reviews: With so many reviews by people of one kind of negative, these decide
            what the judge may do to that kind, and the probes no longer.
        specificity_to_drop: The judge drops negatives only when the 95% interval of its
            specificity lies above this, in (0, 1).
        specificity_to_relabel: The same for making negatives positives for training.
        samples: Most answers per request; a negative gets the grade that more than half of
            them give or exceed. Asking ends as soon as the majority is settled.
        temperature: Sampling temperature, from 0 to 2; several samples need one above 0.
        max_tokens: Most tokens of an answer for each document of the request.
        documents_per_call: Most documents of one query in one request. More cost less, and
            each is judged less carefully.
        document_words: Words of a document that the judge sees; the rest is cut.
        query_words: Words of a query that the judge sees.
        evidence_characters: Cap of the quoted evidence.
        seed: Seed of the probes, of the order and of the sampler; None takes the run's.

    Example:
        >>> JudgeOptions(samples=3, temperature=0.7).samples
        3
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    judge_synthetic: bool = True
    judge_mined: bool = True
    mined_per_query: int | None = Field(default=10, ge=1)
    probes: int = Field(default=200, ge=1)
    random_probes: int = Field(default=50, ge=0)
    probe_ranks: RankWindow = (50, 100)
    fewest_reviews: int = Field(default=50, ge=1)
    specificity_to_drop: float = Field(default=0.9, gt=0, lt=1)
    specificity_to_relabel: float = Field(default=0.97, gt=0, lt=1)
    samples: int = Field(default=1, ge=1)
    temperature: float = Field(default=0.0, ge=0, le=2)
    max_tokens: int = Field(default=192, ge=32)
    documents_per_call: int = Field(default=1, ge=1, le=50)
    document_words: int = Field(default=350, ge=10)
    query_words: int = Field(default=200, ge=5)
    evidence_characters: int = Field(default=320, ge=40)
    seed: int | None = None

    @model_validator(mode="after")
    def _no_contradiction(self) -> JudgeOptions:
        first, last = self.probe_ranks
        if not 1 <= first <= last:
            raise ValueError("probe_ranks must be a first and a last rank, from 1, in this order")
        if self.specificity_to_relabel < self.specificity_to_drop:
            raise ValueError(
                "specificity_to_relabel must not be below specificity_to_drop: a wrong positive"
                " does more harm than a lost negative"
            )
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("several samples at temperature 0 are the same answer: raise it")
        return self
