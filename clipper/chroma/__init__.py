"""The Chroma collection of an atlas: how it is reached, made and searched."""
