"""The records that every phase shares: negatives, verdicts and the pool that holds them."""
