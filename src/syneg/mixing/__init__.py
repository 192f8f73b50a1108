"""Phase 2: which negatives each training instance gets."""
