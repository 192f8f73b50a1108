"""Retrieved negatives: chance, BM25 and dense search, and the rules that select them."""
