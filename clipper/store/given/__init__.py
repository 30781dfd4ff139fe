"""What people give a home beside tags, names of clusters and words: one small file for each kind.

Nothing can restore these files, and no run deletes them. What does not belong here: what a run makes.
"""
