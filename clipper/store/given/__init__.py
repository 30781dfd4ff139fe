"""What people give a home beside tags, names of clusters and words: one small file for each kind.

Nothing can restore these files, and no run deletes them. Files that a run makes do not belong here.
"""
