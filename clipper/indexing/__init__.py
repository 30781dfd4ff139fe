"""The steps from a folder of images to a published atlas. Each step makes again only what changed.

What does not belong here: how images are decoded, vectors laid out or rows indexed (the wings below).
"""
