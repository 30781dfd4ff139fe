"""Columns of a dataset as the page uses them: colours, facets, filters, bins and tags."""
