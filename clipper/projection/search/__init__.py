"""The search for neighbors among many vectors: blocks, cells of like vectors, better lists step by step.

What does not belong here: the choice between an exact search and this one (`projection/neighbors.py`).
"""
