"""The page's own components, each beside its script and style sheet."""
