"""What was found in a dataset: for the panel that lists it, and as lists to save."""
