"""Phase 1: a language model writes hard negatives under a multi-attribute prompt."""
