"""Phase 3: contrastive fine-tuning through sentence-transformers' trainer."""
