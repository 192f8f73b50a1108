"""Ask a server many prompts through Bespoke Curator; run by `benchmarks/synthesis_peers.py`.

Needs a virtual environment with `pip install bespokelabs-curator`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from pathlib import Path

# It counts tokens with a file that it would fetch; LiteLLM, which it needs, carries the file.
_litellm = importlib.util.find_spec("litellm")
if _litellm is not None and _litellm.origin is not None:
    _tokenizers = Path(_litellm.origin).parent / "litellm_core_utils" / "tokenizers"
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(_tokenizers))
os.environ["TELEMETRY_ENABLED"] = "false"
os.environ["CURATOR_DISABLE_CACHE"] = "true"
os.environ["OPENAI_API_KEY"] = "none"


def main(url: str, items: int, concurrency: int) -> None:
    """Ask, and print how many answers came in how many seconds."""
    from bespokelabs import curator

    model = curator.LLM(
        model_name="loopback",
        backend="openai",
        backend_params={
            "base_url": url,
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 10_000_000_000,
            "max_concurrent_requests": concurrency,
            "request_timeout": 120,
        },
    )
    prompts = [f"Write hard negative number {number}." for number in range(items)]
    started = time.perf_counter()
    found = model(prompts)
    seconds = time.perf_counter() - started
    rows = found.dataset if hasattr(found, "dataset") else found
    answered = sum(one is not None for one in rows["response"])
    sys.stdout.write(json.dumps({"answered": answered, "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
