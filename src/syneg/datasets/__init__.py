"""Retrieval data sets: a corpus, queries and judgements, and the readers that bring them."""
