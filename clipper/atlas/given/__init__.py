"""What people gave an atlas, to read and to change.

What does not belong here: how it is kept (`store/given/`).
"""
