"""Ask a server many prompts through distilabel; run by `benchmarks/synthesis_peers.py`.

Needs a virtual environment with `pip install 'distilabel[openai]' requests beautifulsoup4`.
"""

from __future__ import annotations

import json
import sys
import time


def main(url: str, items: int, concurrency: int) -> None:
    """Ask, and print how many answers came in how many seconds."""
    from distilabel.llms import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    prompts = [{"instruction": f"Write hard negative number {number}."} for number in range(items)]
    with Pipeline(name="peer") as pipeline:
        load = LoadDataFromDicts(data=prompts, batch_size=concurrency)
        # It asks the prompts of one batch side by side: the batch is its concurrency.
        write = TextGeneration(
            llm=OpenAILLM(model="loopback", base_url=url, api_key="none", timeout=120),
            input_batch_size=concurrency,
        )
        load >> write
    started = time.perf_counter()
    found = pipeline.run(use_cache=False)
    seconds = time.perf_counter() - started
    rows = next(iter(found.values()))["train"]
    answered = sum(one is not None for one in rows["generation"])
    sys.stdout.write(json.dumps({"answered": answered, "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
