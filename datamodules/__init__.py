"""Images: where they come from, which are selected, and their noisy copies."""
