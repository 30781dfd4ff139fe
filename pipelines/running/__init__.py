"""What surrounds the work of a run: its progress, its turn at the model, and how it is stopped."""
